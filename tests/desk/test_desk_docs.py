"""docs/desk.md describes every frame that a desk sends, with its fields, and none that does not exist."""

import re
from pathlib import Path
from typing import get_args

import pytest

from server.desk import frames

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "desk.md").read_text(encoding="utf-8")
TABLE = PAGE[PAGE.index("| a desk sends |") :].split("\n\n", 1)[0]
DESCRIBED = dict(
    re.findall(r"`([a-z]+)(?: \{([^}]*)\})?`", "\n".join(line.split("|")[1] for line in TABLE.splitlines()))
)
FRAMES = {get_args(kind.model_fields["t"].annotation)[0]: kind for kind in get_args(frames.DeskFrame)}
COMMON = {"t", "conversation", "site"}


def test_every_frame_of_a_desk_is_described_and_no_other():
    assert set(DESCRIBED) == set(FRAMES) - {"pong"}


@pytest.mark.parametrize("name", sorted(set(FRAMES) - {"pong"}))
def test_every_field_of_a_desks_frame_is_named_and_marked_where_it_may_be_left_out(name):
    described = set(filter(None, re.split(r",\s*", DESCRIBED[name])))
    own = {field: info for field, info in FRAMES[name].model_fields.items() if field not in COMMON}
    needed = {field if info.is_required() else f"{field}?" for field, info in own.items()}
    site = {"site?"} if "site" in FRAMES[name].model_fields and name == "list" else set()
    assert described == needed | site
