"""Canonical JSON is one sequence of bytes for equal arguments."""

import json
import math
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tools import canonical

TEXT = st.text(st.characters(codec="utf-8"))
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
ARGS = st.dictionaries(TEXT, VALUE, max_size=5)


@given(ARGS)
def test_a_trip_through_any_json_library_changes_nothing(args):
    once = canonical(args)
    assert canonical(orjson.loads(orjson.dumps(args))) == once
    assert canonical(json.loads(json.dumps(args))) == once
    assert canonical(json.loads(once)) == once


@given(ARGS, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(args, random):
    items = list(args.items())
    random.shuffle(items)
    assert canonical(dict(items)) == canonical(args)


FEW = st.sampled_from([True, False, 1, 0, 1.0, 0.0, -0.0, 0.5, "1", "", "true", None])
SMALL = st.recursive(
    FEW, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
)


def meaning(value):
    """What JSON says, with `True` and `1` kept apart, and `1` and `1.0` not."""
    if isinstance(value, dict):
        return ("object", frozenset((key, meaning(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("list", tuple(meaning(item) for item in value))
    return ("bool" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "other", value)


@given(SMALL, SMALL)
def test_two_arguments_have_the_same_bytes_exactly_if_they_mean_the_same(one, other):
    assert (canonical({"x": one}) == canonical({"x": other})) == (meaning(one) == meaning(other))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, b"{}"),
        ({"b": 1, "a": [1, 2]}, b'{"a":[1,2],"b":1}'),
        ({"x": 1.0}, b'{"x":1}'),
        ({"x": -0.0}, b'{"x":0}'),
        ({"x": 0.1}, b'{"x":0.1}'),
        ({"x": True}, b'{"x":true}'),
        ({"x": "ü\n\u2028"}, '{"x":"ü\\n\u2028"}'.encode()),
        ({"x": Decimal("50.00")}, b'{"x":"50.00"}'),
        ({"x": (1, None)}, b'{"x":[1,null]}'),
        ({"\U0001f600": 1, "\uffff": 2}, '{"\uffff":2,"\U0001f600":1}'.encode()),
    ],
    ids=repr,
)
def test_the_form_is_fixed_since_stored_hashes_depend_on_it(args, expected):
    assert canonical(args) == expected


def test_a_model_is_the_same_as_its_fields():
    class Args(BaseModel):
        order_id: str
        amount: Decimal

    assert canonical(Args(order_id="1042", amount="5.0")) == canonical({"amount": Decimal("5.0"), "order_id": "1042"})


def deep(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return {"x": value}


@pytest.mark.parametrize(
    "args",
    [{"x": math.nan}, {"x": [math.inf]}, {"x": "\ud800"}, {"x": {1: 2}}, {1: 2}, deep(200), deep(100_000)],
    ids=["nan", "inf", "surrogate", "number as key", "number as key outside", "deep", "very deep"],
)
def test_what_has_no_one_form_is_refused(args):
    with pytest.raises(ValueError):
        canonical(args)
