"""docs/protocol.md describes every frame, event kind, error and close code; and nothing that does not exist."""

import re
from pathlib import Path
from typing import get_args

import pytest

from server import events, wire
from server.events import Event, Kind, Viewer, visible

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
FRAMES = {get_args(model.model_fields["t"].annotation)[0]: model for model in get_args(get_args(wire.ClientFrame)[0])}


def rows(header):
    """The cells of the table whose header begins like this; several names in a first cell share its row."""
    table = PAGE[PAGE.index(header) :].split("\n\n", 1)[0].splitlines()[2:]
    for line in table:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`([^`]+)`", cells[0]):
            yield name, cells[1:]


CLIENT = dict(rows("| frame | fields | what it does |"))
KINDS = dict(rows("| kind | body | customers see |"))


def test_every_frame_of_a_client_is_described_and_no_other():
    assert set(CLIENT) == set(FRAMES)


@pytest.mark.parametrize("name", FRAMES)
def test_every_field_of_a_frame_is_named(name):
    cell = next(cells[0] for names, cells in CLIENT.items() if names == name)
    described = " ".join(re.findall(r"`([^`]+)`", cell))
    for field, info in FRAMES[name].model_fields.items():
        if field == "t":
            continue
        mark = "" if info.is_required() else r"(\?|: 0)"
        assert re.search(rf"\b{field}{mark}", described) or name in ("typing", "seen", "pong"), field


def test_every_kind_of_event_is_described_and_no_other():
    assert set(KINDS) == set(get_args(Kind))


def shown(kind, body):
    event = Event("pk/c", 1, 1, "e:1", kind, "system", body)
    seen = visible(event, Viewer("customer", "full"))
    return None if seen is None else set(seen.body)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_what_customers_see_of_an_event_is_what_the_page_says(kind):
    body, sees = KINDS[kind]
    names = {name.rstrip("?") for name in re.findall(r"`([a-z_0-9]+\??)`", re.sub(r"\([^)]*\)", "", body))}
    whole = dict.fromkeys(names, "x")
    found = shown(kind, whole)
    if sees == "–":
        assert found is None
    elif sees.startswith("all of it"):
        assert found == names
    elif kind == "thought":
        assert found == {"text"}
    else:
        described = set(re.findall(r"`([a-z_0-9]+)\??`", sees))
        asked = shown(kind, whole | {"of": "customer"}) if kind == "call.asked" else found
        assert asked == described


def test_every_error_code_is_listed():
    line = next(line for line in PAGE.splitlines() if line.startswith("Error codes:"))
    assert set(re.findall(r"`([a-z_]+)`", line)) == set(get_args(wire.ErrorCode))


def test_every_close_code_is_listed():
    listed = {int(code) for code in re.findall(r"^\| (\d{4}) \|", PAGE, re.M)}
    assert listed == {value for name, value in vars(wire).items() if name.startswith("CLOSE_")}


def test_the_kinds_that_fence_are_kinds():
    assert set(get_args(Kind)) >= events.FENCING
