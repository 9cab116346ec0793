"""What holds for every run of every workflow, whatever happens in whatever order.

Histories are made by Hypothesis and driven through the library and through workflows made for trouble.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.tools.workflow.driver import TODAY, Run, program
from tools.workflow import types
from tools.workflow.events import (
    Ask,
    Call,
    CallEnded,
    Cancelled,
    Corrected,
    Digressed,
    End,
    HandOver,
    Resumed,
    Said,
    Started,
)
from tools.workflow.load import read_library
from tools.workflow.model import Call as CallStep
from tools.workflow.model import When
from tools.workflow.program import Program, make_program

TROUBLE = """
needs_tools:
  find: {args: {n: order_number}, result: {number: text, items: [{id: text, name: text}], amount: money, odd: yes_no}}
  look: {args: {n: text}, result: {ok: yes_no}}
  pay: {effect: money, args: {n: text, item: text}, result: {id: text}}
  gift: {effect: money, args: {n: text}, result: {id: text}}
  unpay: {effect: write, args: {id: text}}
  mail: {effect: write, args: {text: text}}
slots:
  n: {type: order_number, pattern: '\\d{4}'}
  thing: {type: choice, choices: {each: order.items, value: id, label: "{{ item.name }}"}, take_single: true}
  way: {type: choice, choices: [card, gift]}
  sure: {type: yes_no}
steps:
  - {call: find, args: {n: "{{ n }}"}, as: order, retries: 1, on_error: {say: "{{ error }}", ask: n}}
  - parallel:
      - [{call: look, args: {n: "{{ order.number }}"}, as: seen, on_error: go_on}, {say: "Looked."}]
      - [{when: order.odd, then: [{call: mail, args: {text: "odd {{ order.number }}"}, again: true}]}]
  - {id: pick, ask: thing}
  - when: way == 'card'
    then:
      - when: not sure
        then: [{end: not_wanted}]
      - id: pay
        call: pay
        args: {n: "{{ order.number }}", item: "{{ thing }}"}
        as: paid
        retries: 2
        undo: {call: unpay, args: {id: "{{ done.id }}"}}
        on_error: {goto: pick}
    else:
      - {call: gift, args: {n: "{{ order.number }}"}, on_error: {goto: sorry}}
  - when: seen and not seen.ok
    then: [{hand_over: strange}]
  - {call: mail, args: {text: "{{ thing }}"}, again: true, on_error: go_on}
  - end: paid
  - {id: sorry, say: "Sorry."}
  - end: failed
"""

PROGRAMS: dict[str, Program] = {name: make_program(one.workflow) for name, one in read_library().items()}
PROGRAMS["trouble"] = program(TROUBLE)

TEXTS = [
    "yes", "no", "1042", "order 1043", "the boots", "the other one", "20 euros", "me@shop.example", "tomorrow", "all", "part",
    "card", "gift", "a", "b", "replacement", "refund", "pause", "ABCD-1234", "does not fit", "hm?", "Main Street 5", "",
]  # fmt: skip
POOLS: dict[str, list[Any]] = {
    "text": ["a", "b", "delivered", "received", "sent"],
    "number": [0, 3, 7],
    "money": ["0.00", "20.00", "62.00"],
    "date": ["2026-11-20", "2026-11-01", "2026-01-01"],
    "yes_no": [True, False],
    "any": [None, "x", {"id": "a"}],
}


# Mostly what a real customer and shop do, so that runs come far; the rest is what can go wrong.
KINDS = ["end"] * 20 + ["answer"] * 20 + ["correct"] * 6 + ["slots"] * 2 + ["fail"] * 2 + ["resume"] * 2
KINDS += ["refuse", "unknown", "sign_in", "declined", "late", "said", "cancel", "digress"]
ANSWERS = {
    "order_number": ["1042", "1043", "ABCD-1234"], "text": ["a", "b 5", "4020"], "money": ["20 euros", "5.00"],
    "number": ["3"], "date": ["tomorrow", "2026-12-01"], "yes_no": ["yes", "yes", "no"], "email": ["me@shop.example"],
}  # fmt: skip


def made(kind: types.Type, pick: Any) -> Any:
    """A value of this type, picked by the history."""
    if kind.nullable and pick(3) == 0:
        return None
    if kind.kind == "object":
        return {name: made(inner, pick) for name, inner in kind.fields.items()}
    if kind.kind == "list":
        return [made(kind.item or types.ANY, pick) for _ in range(pick(4) if pick(4) == 0 else 1 + pick(3))]
    pool = POOLS[kind.kind]
    return pool[pick(len(pool))]


class Watched(Run):
    """A run in which nothing that may never happen happens."""

    def __init__(self, made_program: Program) -> None:
        super().__init__(made_program, check_fold=False)
        self.standing: dict[str, tuple[str, Any]] = {}
        self.nodes = {node.id: node.step for node in made_program.every_node()}

    def send(self, event: Any) -> Any:
        call = self.open.get(event.call) if isinstance(event, CallEnded) else None
        if call is not None and event.ok and call.effect != "read":
            undo = self.undone_by(call)
            if undo is not None:
                self.standing.pop(undo)
            else:
                self.standing[call.call] = (call.step, call.args)
        was_running = self.state is None or self.state["status"] == "running"
        actions = super().send(event)
        assert was_running or isinstance(event, Corrected) or not actions
        assert sum(isinstance(action, Ask) for action in actions) <= 1
        assert sum(isinstance(action, End | HandOver) for action in actions) <= 1
        for action in actions:
            if isinstance(action, Call):
                self.check_call(action)
        if self.state is not None and self.state["status"] == "running":
            self.check_branches()
            rests = self.state["paused"] or self.state["ending"] or self.state["over"]
            assert rests or self.open or self.state["asking"], "it waits for nothing"
        return actions

    def check_branches(self) -> None:
        """What stands on both ways of a `when` would be two effects where one was wanted."""
        standing = {where for where, _ in self.standing.values() if not self.nodes[where].again}
        under_way = {call.step for call in self.open.values() if call.effect != "read" and not self.is_undo(call)}
        under_way = {where for where in under_way if not self.nodes[where].again}
        for node in self.program.every_node():
            if isinstance(node.step, When) and not any(self.is_undo(call) for call in self.open.values()):
                ways = [{n.id for top in body for n in top.everything()} for body in node.bodies]
                for one, other in (ways, ways[::-1]):
                    assert not (standing & one and under_way & other), "effects on both ways of a when"

    def is_undo(self, call: Call) -> bool:
        step = self.nodes[call.step]
        return isinstance(step, CallStep) and step.undo is not None and call.tool == step.undo.call

    def undone_by(self, call: Call) -> str | None:
        step = self.nodes[call.step]
        assert isinstance(step, CallStep)
        if step.undo is None or call.tool != step.undo.call:
            return None
        return next(c for c, (where, _) in self.standing.items() if where == call.step)

    def check_call(self, call: Call) -> None:
        need = self.program.workflow.needs_tools[call.tool]
        required = {name for name in need.args if not name.endswith("?")}
        assert required <= set(call.args), "a call without its slots"
        assert None not in call.args.values()
        step = self.nodes[call.step]
        assert isinstance(step, CallStep)
        if call.effect == "read" or (step.undo is not None and call.tool == step.undo.call):
            return
        same = [args for where, args in self.standing.values() if where == call.step]
        assert call.args not in same, "an effect that succeeded is made again"
        assert step.again or not same, "an effect is made for other values while it stands for these"


@st.composite
def histories(draw: Any) -> tuple[str, list[tuple[str, int, int]]]:
    name = draw(st.sampled_from(sorted(PROGRAMS)))
    step = st.tuples(st.sampled_from(KINDS), st.integers(0, 10**6), st.integers(0, 10**6))
    return name, draw(st.lists(step, max_size=40))


def drive(run: Watched, kind: str, first: int, second: int) -> None:
    """One event of the history; the numbers pick which call, slot, text and result."""
    state = [second]

    def pick(below: int) -> int:
        state[0] = (state[0] * 1103515245 + 12345) % 2**31
        return state[0] // 65536 % below

    slots = sorted(run.program.slots)
    calls = sorted(run.open)
    text = TEXTS[pick(len(TEXTS))]
    if kind in ("end", "fail", "refuse", "unknown", "sign_in", "declined") and calls:
        call = run.open[calls[first % len(calls)]]
        need = run.program.workflow.needs_tools[call.tool]
        how: dict[str, Any] = {
            "end": {"ok": True, "result": made(types.from_yaml(need.result), pick)},
            "fail": {"ok": False, "error": "broken"},
            "refuse": {"ok": False, "error": "there is none", "refused": True},
            "unknown": {"ok": False, "unknown": True},
            "sign_in": {"ok": False, "code": "sign_in"},
            "declined": {"ok": False, "code": "declined"},
        }[kind]
        run.send(CallEnded(call=call.call, **how))
    elif kind == "late":
        run.send(CallEnded(call=f"c{first % 9 + 90}", ok=True, result={"id": "a"}))
    elif kind == "answer" and run.state["asking"]:
        ask = next(a for a in reversed(run.actions) if isinstance(a, Ask))
        pool = [c["label"] for c in ask.choices] or ANSWERS.get(ask.type, TEXTS)
        run.send(Said(text=pool[pick(len(pool))]))
    elif kind == "said":
        run.send(Said(text=text))
    elif kind == "slots" and slots:
        run.send(Said(slots={slots[first % len(slots)]: text, slots[second % len(slots)]: "1042"}, text=text))
    elif kind == "correct" and slots:
        name = slots[first % len(slots)]
        pool = ANSWERS.get(run.program.slots[name].type, ["a", "b", "other", "card", "gift", "part", "refund"])
        value = [pool[pick(len(pool))], pool[pick(len(pool))], text or None][pick(3)]
        run.send(Corrected(slot=name, value=value))
    elif kind in ("cancel", "digress", "resume"):
        run.send({"cancel": Cancelled(), "digress": Digressed(), "resume": Resumed()}[kind])


def finish(run: Watched) -> None:
    """A customer and a shop that answer everything until it ends."""
    for n in range(400):
        if run.state["status"] == "ended":
            return
        if run.open:
            drive(run, "end", 0, n)
        elif run.state["paused"]:
            run.send(Resumed())
        else:
            drive(run, "answer" if run.state["asking"] else "said", n, n)
    raise AssertionError("it never ended")


@pytest.mark.parametrize("seed", range(4))
@given(history=histories())
@hypothesis_settings(max_examples=100)
def test_no_history_repeats_an_effect_runs_a_call_too_early_or_goes_on_for_ever(seed, history):
    name, steps = history
    run = Watched(PROGRAMS[name])
    run.send(Started(args={}, today=TODAY))
    for step in steps:
        drive(run, *step)
    finish(run)


@given(history=histories())
@hypothesis_settings(max_examples=100)
def test_folding_the_events_gives_the_state_at_every_cut(history):
    from tools.workflow.machine import fold

    name, steps = history
    run = Watched(PROGRAMS[name])
    run.send(Started(args={}, today=TODAY))
    states = [run.state]
    for step in steps:
        before = len(run.events)
        drive(run, *step)
        if len(run.events) > before:
            states.append(run.state)
    for cut, state in enumerate(states, start=1):
        assert fold(run.program, run.events[:cut]) == state
        stored = json.loads(json.dumps(state))
        assert fold(run.program, run.events[cut:], stored) == run.state


@given(history=histories())
@hypothesis_settings(max_examples=60)
def test_events_and_actions_survive_json(history):
    from tools.workflow.events import action_of, event_of

    name, steps = history
    run = Watched(PROGRAMS[name])
    run.send(Started(args={}, today=TODAY))
    for step in steps:
        drive(run, *step)
    assert [event_of(json.loads(json.dumps(e.as_json()))) for e in run.events] == run.events
    assert [action_of(json.loads(json.dumps(a.as_json()))) for a in run.actions] == run.actions
