"""Check: every mistake in a workflow is found, at its line and column.

Each case is a file with one mistake.
"""

from datetime import date
from pathlib import Path
from typing import Literal

import pytest

from tools import Caller, Registry, tool
from tools.places import Problem
from tools.workflow.load import check_loaded, read_file, read_library

LIB = read_library()
ARTICLES = {
    "help/returns.md": "---\ntitle: R\n---\n# Returns\n\n## How long\n\nWithin 30 days.\n\n## Sale\n\n14 days and €5.90.\n"
}


def registry() -> Registry:
    made = Registry()

    @made.add
    @tool(scope="orders.read", effect="read")
    async def find(caller: Caller, n: str) -> dict:
        """Find."""

    @made.add
    @tool(scope="orders.pay", effect="money")
    async def pay(
        caller: Caller,
        n: str,
        amount: float,
        why: str = "",
        on: date | None = None,
        how: Literal["card", "cash"] = "card",
    ) -> None:
        """Pay."""

    return made


def problems(tmp_path: Path, source: str) -> list[Problem]:
    file = tmp_path / "flow.yaml"
    file.write_text("examples: [hi]\n" + source, encoding="utf-8")
    found: list[Problem] = []
    one = read_file(file, found, LIB)
    if one is not None:
        found += check_loaded(one, registry(), ARTICLES.get)
    return found


SLOT = "slots: {n: {what: number}}\n"
CASES = [
    # what stands in the file from its second line on, line, column, part of the message
    ("steps: []\n", 2, 8, "expected at least one step"),
    ("steps:\n  - cal: find\n", 3, 5, "expected a step: call, ask, when"),
    ("steps:\n  - call: find\n    arg: {}\n", 4, 5, "unknown key `steps[1].arg`"),
    ("steps:\n  - end: done\nstep: x\n", 4, 1, "did you mean `steps`?"),
    (SLOT + "steps:\n  - call: fnd\n    args: {n: '{{ n }}'}\n", 4, 11, "no tool is called `fnd`; did you mean `find`?"),
    (SLOT + "steps:\n  - call: find\n    args: {m: '{{ n }}', n: x}\n", 5, 15, "find has no argument `m`"),
    ("steps:\n  - call: find\n", 3, 11, "find also wants `n`"),
    ("steps:\n  - call: pay\n    args: {n: x, amount: many}\n", 4, 26, "pay: amount is a number, got 'many'"),
    ("steps:\n  - call: pay\n    args: {n: x, amount: 5, on: soon}\n", 4, 33, "pay: on is a date, got 'soon'"),
    ("steps:\n  - call: pay\n    args: {n: x, amount: 5, how: carb}\n", 4, 34, "got 'carb'; did you mean `card`?"),
    ("slots: {a: {type: number, min: 5, max: 1}}\nsteps: [{ask: a}]\n", 2, 12, "nothing lies between min 5 and max 1"),
    (SLOT + "steps:\n  - ask: n\n  - ask: m\n", 5, 10, "there is no slot `m`"),
    ("steps:\n  - say: 'Hi {{ name }}'\n", 3, 10, "there is nothing called `name`"),
    ("steps:\n  - say: 'Hi {{ name '\n", 3, 10, "unexpected"),
    ("steps:\n  - when: x.__class__\n    then: []\n", 3, 11, "names that begin with _"),
    ("steps:\n  - end: done\n  - say: late\n", 4, 5, "never reached"),
    ("steps:\n  - when: true\n    then: [{end: a}]\n    else: [{end: b}]\n", 5, 12, "never reached: the condition is always true"),
    (SLOT + "steps:\n  - when: n == 'a'\n    then: [{end: a}]\n    else: [{end: b}]\n  - say: x\n", 7, 5, "never reached"),
    ("slots: {a: {type: number}}\nsteps:\n  - when: a > 'x'\n    then: [{end: b}]\n", 4, 11, "have no order"),
    ("slots: {a: {type: yes_no}}\nsteps:\n  - when: a == 'yes'\n    then: [{end: b}]\n", 4, 11, "never equal"),
    ("slots: {a: {type: number}}\nsteps:\n  - say: '{{ a | day }}'\n", 4, 10, "day wants a date"),
    ("slots: {a: {type: text}}\nsteps:\n  - say: '{{ a + 1 }}'\n", 4, 10, "+ wants numbers, got text"),
    (
        "slots: {a: {type: choice, choices: [red, blue]}}\nsteps:\n  - when: a == 'redd'\n    then: [{end: b}]\n",
        4, 11, "never 'redd'; did you mean `red`?",
    ),
    ("slots:\n  a: {type: choice}\nsteps: [{ask: a}]\n", 3, 6, "a choice needs `choices`"),
    ("slots:\n  a: {type: order_number, pattern: '['}\nsteps: [{ask: a}]\n", 3, 36, "not a pattern"),
    ("slots:\n  a: {type: date, default: soon}\nsteps: [{ask: a}]\n", 3, 28, "does not fit the slot itself"),
    ("slots:\n  error: {what: x}\nsteps: [{ask: error}]\n", 3, 3, "cannot be called `error`"),
    ("slots:\n  a: {what: x}\nsteps: [{end: b}]\n", 3, 3, "the slot `a` is never used"),
    ("settings: {days: 3}\nsteps: [{end: b}]\n", 2, 12, "the setting `days` is never used"),
    ("needs_tools:\n  find: {effect: read}\nsteps: [{end: b}]\n", 3, 3, "no step calls `find`"),
    ("needs_tools:\n  find: {args: {n: txt}}\nsteps: [{call: find}]\n", 3, 16, "expected a type"),
    ("needs_tools:\n  pay: {args: {n: text}}\nsteps: [{call: pay, args: {n: x}}]\n", 3, 3, "pay has the effect money"),
    (
        "needs_tools:\n  find: {args: {n: text}, result: {items: [{a: text}]}}\nsteps:\n"
        "  - {call: find, args: {n: x}, as: o}\n  - say: '{{ o.itms }}'\n",
        6, 10, "no field `itms`; did you mean `items`?",
    ),
    ("steps:\n  - {call: find, args: {n: x}, on_error: {goto: nowhere}}\n", 3, 49, "no step has the id `nowhere`"),
    (
        "steps:\n  - {id: a, say: hi}\n  - {call: find, args: {n: x}, on_error: {goto: a}}\n",
        4, 49, "a loop without an exit",
    ),
    (
        SLOT + "steps:\n  - {id: a, ask: n}\n  - {call: find, args: {n: x}, on_error: {goto: a}}\n",
        5, 49, "a loop without an exit",
    ),
    (
        SLOT + "steps:\n  - {call: find, args: {n: x}, on_error: {ask: n}}\n",
        4, 48, "a loop without an exit",
    ),
    (
        "steps:\n  - parallel:\n      - {call: find, args: {n: x}, on_error: {goto: b}}\n      - {call: find, args: {n: y}}\n"
        "  - {id: b, end: c}\n",
        4, 53, "outside this branch",
    ),
    (
        "steps:\n  - parallel:\n      - {call: find, args: {n: x}, as: o}\n      - {call: find, args: {n: y}, as: o}\n",
        5, 9, "two branches make `o`",
    ),
    (
        "steps:\n  - parallel:\n      - {call: find, args: {n: x}, as: o}\n      - {say: '{{ o.x }}'}\n",
        5, 15, "there is nothing called `o`",
    ),
    ("steps:\n  - {id: a, say: x}\n  - {id: a, say: y}\n", 4, 10, "two steps have the id `a`"),
    (SLOT + "steps:\n  - {call: find, args: {n: '{{ n }}'}, as: n}\n", 4, 44, "already the name of something else"),
    ("steps:\n  - {call: pay, args: {n: x, amount: 1}, retries: 2}\n", 3, 51, "retries never happen"),
    ("triggers: ['page.url']\nsteps: [{end: b}]\n", 2, 12, "there is nothing called `page`"),
    ("triggers:\n  - context.mod == 'x'\nsteps: [{end: b}]\n", 3, 5, "no field `mod`; did you mean `mood`?"),
    ("triggers: [context.mood == 'furious']\nsteps: [{end: b}]\n", 2, 12, "it is never 'furious'"),
    ("triggers: [context.words.__class__]\nsteps: [{end: b}]\n", 2, 12, "names that begin with _ are not allowed"),
    ("policy: help/none.md\nsteps: [{end: b}]\n", 2, 9, "there is no article help/none.md"),
    ("policy: help/returns.md#hw-long\nsteps: [{end: b}]\n", 2, 9, "no heading `#hw-long`; did you mean `how-long`?"),
    (
        "policy: help/returns.md#how-long\nsettings: {days: 45}\nsteps:\n  - when: settings.days > 1\n    then: [{end: b}]\n",
        3, 12, "45 days here, but help/returns.md#how-long says 30 days",
    ),
    ("steps:\n  - say: You have 45 days.\n    policy: help/returns.md#how-long\n", 3, 10, "45 days here"),
    (
        "slots: {d: {type: date}}\nsteps:\n  - when: days_since(d) > 45\n    policy: help/returns.md\n    then: [{end: b}]\n",
        4, 11, "45 days here, but help/returns.md says 14 days, 30 days",
    ),
    ("steps:\n  - say: It costs €6.90.\n    policy: help/returns.md#sale\n", 3, 10, "€6.90 here"),
    ("use: return_itm\n", 2, 6, "did you mean `return_item`?"),
    ("use: return_item\nsettings: {dayz: 3}\n", 3, 12, "did you mean `days`?"),
    ("use: order_status\ntexts: {delivred: x}\n", 3, 9, "did you mean `delivered`?"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "line", "column", "message"), CASES)
def test_a_mistake_is_found_at_its_place(tmp_path, source, line, column, message):
    source = source.removeprefix("examples: [hi]\n")
    if source.startswith("use:"):
        file = tmp_path / "flow.yaml"
        file.write_text("# a shop's\n" + source, encoding="utf-8")
        found: list[Problem] = []
        read_file(file, found, LIB)
    else:
        found = problems(tmp_path, source)
    there = [(p.line, p.column) for p in found if message in p.message]
    assert there, [str(p) for p in found]
    assert (line, column) in there


def test_what_is_right_has_no_problems(tmp_path):
    source = """
policy: help/returns.md#how-long
settings: {days: 30}
slots: {n: {type: order_number}, on: {type: date}}
steps:
  - {id: ask, ask: n}
  - {call: find, args: {n: "{{ n }}"}, as: found, on_error: {say: "{{ error }}", goto: ask}}
  - when: days_since(on) > settings.days
    then: [{end: too_late, say: "It was within {{ settings.days }} days, that is 30 days."}]
  - {call: pay, args: {n: "{{ found.number }}", amount: 12.50}}
"""
    assert problems(tmp_path, source) == []


def test_numbers_of_another_kind_are_no_contradiction(tmp_path):
    assert problems(tmp_path, "steps:\n  - say: Allow 3 working days.\n    policy: help/returns.md#how-long\n") == []
