"""A tool is described by its signature; what cannot be a tool is refused where it is written.

No tool is run here.
"""

import inspect
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from tools import Ask, BadTool, Caller, ToolError, ToolSpec, tool

OrderId = Annotated[str, Field(pattern=r"^\d{4,6}$", description="order number", examples=["1042"])]


class Money(BaseModel):
    amount: Decimal
    currency: str


class Hidden(BaseModel):
    customerId: str


def made(fn: Callable[..., Any], **fields: Any) -> ToolSpec:
    return tool(**{"scope": "orders.read", "effect": "read", **fields})(fn).spec


async def find_order(caller: Caller, order_id: OrderId, lines: int = 3) -> Money:
    """Find an order by its number."""
    return Money(amount=Decimal(lines), currency=order_id)


def test_the_schema_for_models_has_constraints_and_descriptions_and_no_caller():
    assert made(find_order).json_schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["order_id"],
        "properties": {
            "order_id": {
                "type": "string",
                "pattern": r"^\d{4,6}$",
                "description": "order number",
                "examples": ["1042"],
            },
            "lines": {"type": "integer", "default": 3},
        },
    }


def test_the_result_schema_comes_from_the_return_annotation():
    spec = made(find_order)
    assert spec.result_schema is not None
    assert set(spec.result_schema["properties"]) == {"amount", "currency"}


def test_a_tool_without_a_return_annotation_has_no_result_schema():
    async def bare(caller: Caller): ...

    async def nothing(caller: Caller) -> None: ...

    class Odd:
        pass

    async def odd(caller: Caller) -> Odd: ...

    assert [made(fn).result_schema for fn in (bare, nothing, odd)] == [None, None, None]


async def test_the_function_stays_callable_as_it_was():
    decorated = tool(scope="orders.read", effect="read")(find_order)
    assert decorated is find_order
    assert (await decorated(Caller("s", "c"), "1042", lines=2)).amount == 2


def test_name_description_and_place_come_from_the_function():
    spec = made(find_order)
    line = inspect.getsourcelines(find_order)[1]
    assert (spec.name, spec.description, spec.where) == (
        "find_order",
        "Find an order by its number.",
        f"{__file__}:{line}",
    )


def test_annotations_that_are_text_may_name_what_is_local():
    class Size(BaseModel):
        eu: int

    @tool(scope="orders.read", effect="read")
    async def sized(caller: "Caller", size: "Size", count: "int" = 1): ...

    assert sized.spec.validate({"size": {"eu": 42}}).size == Size(eu=42)


def test_an_annotation_that_names_nothing_is_an_error_at_decoration():
    async def sized(caller: Caller, size: "NoSuchThing"): ...  # noqa: F821

    with pytest.raises(BadTool, match=r"sized cannot be read: .*NoSuchThing"):
        made(sized)


def plain(caller: Caller): ...


async def no_parameters(): ...


async def caller_is_second(order_id: str, caller: Caller): ...


async def caller_has_no_annotation(caller, order_id: str): ...


async def caller_is_something_else(caller: str, order_id: str): ...


async def many(caller: Caller, *orders: str): ...


async def anything(caller: Caller, **rest: str): ...


async def by_position(caller: Caller, order_id: str, /): ...


async def no_annotation(caller: Caller, order_id): ...


async def two_callers(caller: Caller, other: Caller): ...


async def customer_id(caller: Caller, customer_id: str): ...


async def customer(caller: Caller, customer: str): ...


async def user_id(caller: Caller, user_id: int): ...


async def customer_in_camel_case(caller: Caller, customerId: str): ...


async def customer_as_alias(caller: Caller, who: Annotated[str, Field(alias="customer_id")]): ...


async def customer_inside(caller: Caller, query: Hidden): ...


async def customer_deep_inside(caller: Caller, queries: list[dict[str, Hidden | None]]): ...


async def underscore(caller: Caller, _x: str): ...


async def pydantic_name(caller: Caller, copy: str): ...


async def no_schema(caller: Caller, fn: Callable[[], int]): ...


REFUSED = [
    (plain, "must be an async function"),
    (no_parameters, "first parameter of no_parameters must be `caller: Caller`, it has none"),
    (caller_is_second, "first parameter .* got `order_id: str`"),
    (caller_has_no_annotation, "first parameter .* got `caller`"),
    (caller_is_something_else, "first parameter .* got `caller: str`"),
    (many, r"has `\*orders: str`"),
    (anything, r"has `\*\*rest: str`"),
    (by_position, "has `order_id: str`"),
    (no_annotation, "`order_id` has no annotation"),
    (two_callers, "second Caller"),
    (customer_id, "no tool takes a customer id"),
    (customer, "no tool takes a customer id"),
    (user_id, "no tool takes a customer id"),
    (customer_in_camel_case, "no tool takes a customer id"),
    (customer_as_alias, "no tool takes a customer id"),
    (customer_inside, "no tool takes a customer id"),
    (customer_deep_inside, "no tool takes a customer id"),
    (underscore, "cannot be called `_x`"),
    (pydantic_name, "cannot be called `copy`"),
    (no_schema, "no JSON schema"),
]


@pytest.mark.parametrize(("fn", "message"), REFUSED, ids=[fn.__name__ for fn, _ in REFUSED])
def test_a_function_that_cannot_be_a_tool_is_refused_with_file_and_line(fn, message):
    with pytest.raises(BadTool, match=message) as caught:
        made(fn)
    assert str(caught.value).startswith(f"{__file__}:{inspect.getsourcelines(fn)[1]}: ")


def test_something_that_is_no_function_is_refused_where_it_is_decorated():
    with pytest.raises(BadTool, match="expects a function") as caught:
        tool(scope="a", effect="read")(Money)
    assert caught.value.where.startswith(__file__)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scope": "Orders Read"}, "scope must be words with dots"),
        ({"scope": ""}, "scope must be"),
        ({"effect": "delete"}, "effect must be read, write or money, got 'delete'"),
        ({"needs": "vip"}, "needs must be"),
        ({"timeout_s": 0}, "timeout_s must be"),
        ({"timeout_s": 61}, "timeout_s must be"),
        ({"retries": -1}, "retries must be"),
        ({"retries": 6}, "retries must be"),
        ({"max_output_chars": 10}, "max_output_chars must be"),
        ({"name": "find order"}, "name must be"),
        ({"name": "x" * 65}, "name must be"),
        ({"aliases": ["a b"]}, "name must be"),
        ({"ask": "staff"}, "ask must be"),
        ({"examples": "refund order 1042"}, "examples must be a list of texts"),
        ({"examples": [1]}, "examples must be a list of texts"),
        ({"label": "Looking up {{ order_id"}, "label, line 1"),
        ({"label": {"en": "Looking", "de": "Suche {{ order_id"}}, "label, line 1"),
        ({"label": {}}, "label must be a text, or texts by language"),
        ({"label": {"en": 7}}, "label must be a text, or texts by language"),
        ({"reply": "a\n{% if %}"}, "reply, line 2"),
    ],
    ids=str,
)
def test_a_field_that_cannot_be_is_refused_with_file_and_line(fields, message):
    with pytest.raises(BadTool, match=message) as caught:
        made(find_order, **fields)
    assert str(caught.value).startswith(f"{__file__}:")


def test_a_reply_may_use_filters_that_only_its_renderer_knows():
    assert made(find_order, reply="Due {{ result.due|date }}").reply == "Due {{ result.due|date }}"


def test_ask_is_of_the_customer_or_of_staff():
    with pytest.raises(ValueError, match="expected 'customer' or 'staff', got 'boss'"):
        Ask("boss")


# Arguments


def test_numbers_and_padding_are_accepted_where_text_is_meant():
    assert made(find_order).validate({"order_id": 1042}).order_id == "1042"
    assert made(find_order).validate({"order_id": " 1042 "}).order_id == "1042"


def test_wrong_arguments_are_explained_in_one_sentence_that_a_model_can_act_on():
    with pytest.raises(ToolError) as caught:
        made(find_order).validate({"order_id": "x", "lines": "many", "colour": "red"})
    text = str(caught.value)
    assert text.startswith("Wrong arguments for find_order. ")
    assert "order_id: String should match pattern '^\\d{4,6}$', got 'x'" in text
    assert "lines: Input should be a valid integer" in text
    assert "colour: not an argument of find_order (it takes: order_id, lines)" in text
    assert "\n" not in text


def test_a_missing_argument_is_named():
    with pytest.raises(ToolError, match=r"Wrong arguments for find_order\. order_id: is required\."):
        made(find_order).validate({})


def test_a_huge_wrong_value_does_not_make_a_huge_message():
    with pytest.raises(ToolError) as caught:
        made(find_order).validate({"order_id": "9" * 100_000})
    assert len(str(caught.value)) < 300


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text(), max_size=4))
def test_any_arguments_are_either_valid_or_a_tool_error(args):
    spec = made(find_order)
    try:
        known = spec.validate(args)
    except ToolError:
        return
    assert known.order_id.isdigit()
    assert set(args) <= {"order_id", "lines"}


_ANNOTATIONS = st.sampled_from(
    [str, int, float, bool, Decimal, list[str], dict[str, int], Literal["s", "m", "l"], OrderId, Money, str | None]
)


@given(st.dictionaries(st.from_regex(r"arg_[a-z]{1,5}", fullmatch=True), _ANNOTATIONS, max_size=5), st.data())
def test_any_signature_gives_a_closed_schema_with_exactly_its_parameters(annotations, data):
    optional = data.draw(st.sets(st.sampled_from(sorted(annotations)))) if annotations else set()

    async def fn(caller: Caller) -> None: ...

    ordered = sorted(annotations, key=lambda name: name in optional)
    empty = inspect.Parameter.empty
    fn.__annotations__ = {"caller": Caller, **annotations}
    fn.__signature__ = inspect.Signature(
        [
            inspect.Parameter("caller", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Caller),
            *(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None if name in optional else empty)
                for name in ordered
            ),
        ]
    )
    schema = made(fn).json_schema
    assert schema["additionalProperties"] is False
    assert set(schema.get("properties", {})) == set(annotations)
    assert set(schema.get("required", [])) == set(annotations) - optional
    assert '"title"' not in str(schema)


def test_a_parameter_called_title_stays_in_the_schema():
    async def search(caller: Caller, title: str, filters: Money | None = None): ...

    schema = made(search).json_schema
    assert schema["properties"]["title"] == {"type": "string"}
    assert "title" not in schema["$defs"]["Money"]


# Amounts


@pytest.mark.parametrize(
    ("annotation", "given", "amount"),
    [
        (Decimal, "62.00", Decimal("62.00")),
        (float, 62.5, Decimal("62.5")),
        (int, 62, Decimal(62)),
        (Money, {"amount": "62.10", "currency": "EUR"}, Decimal("62.10")),
        (Money | None, None, None),
        (str, "sixty", None),
        (bool, True, None),
    ],
    ids=str,
)
def test_the_amount_is_read_from_its_argument(annotation, given, amount):
    async def refund(caller: Caller, amount: annotation): ...

    spec = made(refund, effect="money")
    assert spec.has_amount
    assert spec.amount_of(spec.validate({"amount": given})) == amount


def test_the_amount_may_be_in_an_argument_of_another_name():
    async def refund(caller: Caller, total: Decimal): ...

    spec = made(refund, effect="money", amount="total")
    assert spec.amount_of(spec.validate({"total": "3.10"})) == Decimal("3.10")
    assert not made(refund, effect="money").has_amount


# Registry
