"""A workflow's drawing: every step is in it, nothing lies on anything else, every line leads from box to box."""

import pytest

from tests.tools.workflow.test_library import LIB
from tools import Registry
from tools.workflow.listing import listed
from tools.workflow.load import read_file, read_workflows
from tools.workflow.outline import outline
from tools.workflow.picture import LINE_CHARS, picture
from tools.workflow.program import make_program

EVERYTHING = """
examples: [x]
needs_tools: {look: {effect: read}, pay: {effect: money}}
slots: {way: {ask: Which way?}}
steps:
  - {call: look, as: found, on_error: {ask: way}}
  - when: found.a
    then: [{say: yes}]
    else: [{when: found.b, then: [{end: early}], else: [{hand_over: odd}]}]
  - when: found.c
    then: [{call: pay, on_error: {goto: last}}]
  - parallel:
      - [{call: look, as: one}, {say: one}]
      - {call: look, as: two}
      - []
  - when: found.d
    then: [{end: d}]
    else: [{end: not_d}]
  - id: last
    say: "A sentence that is much too long for one line of a box, and for two, for three, and also much too long for four of them"
"""


def program_of(tmp_path, source):
    file = tmp_path / "x.yaml"
    file.write_text(source, encoding="utf-8")
    return make_program(read_file(file, []).workflow)


@pytest.fixture(params=[*LIB, "everything"])
def program(request, tmp_path):
    return (
        program_of(tmp_path, EVERYTHING) if request.param == "everything" else make_program(LIB[request.param].workflow)
    )


def drawn(program):
    return picture(program.name, outline(program))


def test_every_step_has_a_box_and_the_same_workflow_the_same_picture(program):
    made = drawn(program)
    assert made == drawn(program)
    shown = [box for box in made.boxes if box.kind not in ("start", "join")]
    nodes = list(program.every_node())
    assert len(shown) - len(nodes) in (0, 1)  # and one for the end, where the last step is none
    assert [box.title for box in made.boxes if box.kind == "start"] == [program.name]


def test_no_box_lies_on_another_or_outside(program):
    made = drawn(program)
    for n, a in enumerate(made.boxes):
        assert a.x >= 0 and a.x + a.width <= made.width and a.y >= 0 and a.y + a.height <= made.height
        for b in made.boxes[n + 1 :]:
            apart = a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
            assert apart, (a.title, b.title)


def test_lines_go_straight_down_and_across_touch_no_other_box_and_arrows_end_at_the_top_of_one(program):
    made = drawn(program)
    tops = {(box.x + box.width / 2, box.y) for box in made.boxes}
    for edge in made.edges:
        for (x1, y1), (x2, y2) in zip(edge.points, edge.points[1:], strict=False):
            assert x1 == x2 or y1 == y2
            assert y2 >= y1
            for box in made.boxes:
                across = min(x1, x2) < box.x + box.width and max(x1, x2) > box.x
                down = min(y1, y2) < box.y + box.height and max(y1, y2) > box.y
                assert not (across and down), (edge, box.title)
        if edge.arrow:
            assert edge.points[-1] in tops


def test_what_ends_leads_nowhere_and_what_only_a_failure_leads_to_is_named(tmp_path):
    made = drawn(program_of(tmp_path, EVERYTHING))
    [last] = [box for box in made.boxes if box.named]
    assert (last.named, len(last.lines)) == ("last", 4)
    assert last.lines[-1].endswith("…") and all(len(line) <= LINE_CHARS for line in last.lines)
    assert last.title.endswith("four of them")
    starts = {edge.points[0] for edge in made.edges}
    ends = [box for box in made.boxes if box.kind in ("end", "person")]
    assert len(ends) == 5
    assert not [box for box in ends if (box.x + box.width / 2, box.y + box.height) in starts]


def test_what_happens_when_a_call_fails_stands_below_it(tmp_path):
    made = drawn(program_of(tmp_path, EVERYTHING))
    assert [" ".join(box.failing) for box in made.boxes if box.failing] == [
        "fails → ask again: way",
        "fails → go to last",
        "fails → a person: failed",
        "fails → a person: failed",
    ]
    assert [box.kind for box in made.boxes if box.kind in ("call", "effect")] == ["call", "effect", "call", "call"]


def test_the_list_names_the_shops_own_and_the_rest_of_the_library_with_what_is_missing(tmp_path):
    (tmp_path / "a.yaml").write_text("use: order_status\nenabled: false\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("examples: [x]\nsteps: [{call: wrap}]\n", encoding="utf-8")
    (tmp_path / "c.yaml").write_text("examples: [y]\nsteps: [{end: x}]\n", encoding="utf-8")
    found = listed(read_workflows(tmp_path, [], LIB), LIB, Registry())
    states = {one.name: (one.state, one.is_own, one.base) for one in found}
    assert states["order_status"] == ("off", True, "order_status")
    assert states["b"] == ("unfit", True, None)
    assert states["c"] == ("offered", True, None)
    assert states["return_item"] == ("unfit", False, "return_item")
    assert len(found) == len(LIB) + 2
    reasons = {one.name: one.reasons for one in found}
    assert reasons["b"] == ("wrap: no tool is called wrap",)
    assert reasons["return_item"] == (
        "find_order: no tool is called find_order",
        "create_return: no tool is called create_return",
    )
    [label] = [need for one in found if one.name == "return_item" for need in one.needs if need.name == "cancel_return"]
    assert label.optional and label.missing
