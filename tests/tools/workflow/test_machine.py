"""The machine: what a run does next, event by event.

The properties that hold for every run are in test_properties.py.
"""

from tests.tools.workflow.driver import Run, program
from tools.workflow.events import (
    Ask,
    Call,
    Cancelled,
    Corrected,
    Digressed,
    End,
    HandOver,
    Resumed,
    Said,
    Say,
)
from tools.workflow.machine import asking

RETURN = """
needs_tools:
  find: {args: {n: order_number}, result: {number: text, items: [{id: text, name: text}], late?: yes_no}}
  make: {effect: write, args: {n: text, item: text}, result: {id: text}}
  take_back: {effect: write, args: {id: text}}
  mail: {effect: write, optional: true, args: {text: text}}
slots:
  n: {type: order_number, what: order number, ask: "Which order?", pattern: '\\d{4}', invalid: "Four digits, please."}
  thing: {type: choice, ask: "Which item of {{ order.number }}?", choices: {each: order.items, value: id, label: "{{ item.name }}"}}
  sure: {type: yes_no, ask: "Return {{ thing }}?"}
steps:
  - {call: find, args: {n: "{{ n }}"}, as: order, on_error: {say: "No {{ n }}: {{ error }}", ask: n}}
  - when: sure
    then:
      - id: do
        call: make
        args: {n: "{{ order.number }}", item: "{{ thing }}"}
        as: made
        undo: {call: take_back, args: {id: "{{ done.id }}"}}
      - say: "Made {{ made.id }}."
      - end: returned
    else:
      - end: not_wanted
"""
ITEMS = [{"id": "a", "name": "Alpin boots"}, {"id": "b", "name": "Brook boots"}, {"id": "j", "name": "Jacket"}]


def order(number: str = "1042") -> dict:
    return {"number": number, "items": ITEMS}


def run_to_consent() -> Run:
    run = Run(program(RETURN))
    run.start(n="1042", thing="jacket")
    run.end(order())
    return run


def test_a_slot_is_asked_for_when_a_call_needs_it():
    run = Run(program(RETURN))
    (ask,) = run.start()
    assert isinstance(ask, Ask) and (ask.slot, ask.text, ask.again) == ("n", "Which order?", False)
    assert asking(run.state) == "n"
    (call,) = run.send(Said(text="it's order 1042, please"))
    assert isinstance(call, Call) and (call.tool, call.args, call.effect) == ("find", {"n": "1042"}, "read")


def test_what_is_known_at_the_start_is_not_asked_for():
    run = Run(program(RETURN))
    (call,) = run.start(n="1042")
    assert call.args == {"n": "1042"}
    (ask,) = run.end(order())
    assert ask.text == "Return j?" or ask.slot == "thing"


def test_an_answer_that_does_not_fit_is_asked_again_and_then_a_person_is():
    run = Run(program(RETURN))
    run.start()
    (ask,) = run.send(Said(text="the blue one"))
    assert ask.again and ask.text == "Four digits, please. Which order?"
    (ask,) = run.send(Said(text="12"))
    (gone,) = run.send(Said(text="no idea"))
    assert isinstance(gone, HandOver) and gone.reason == "not_understood"
    assert run.state["status"] == "ended"


def test_a_word_that_fits_several_choices_narrows_them():
    run = Run(program(RETURN))
    run.start(n="1042")
    run.end(order())
    (ask,) = run.send(Said(text="the boots"))
    assert [c["label"] for c in ask.choices] == ["Alpin boots", "Brook boots"]
    assert ask.text == "Which item of 1042?"
    (ask,) = run.send(Said(text="brook"))
    assert ask.slot == "sure"


def test_yes_runs_the_effect_and_no_does_not():
    run = run_to_consent()
    (call,) = run.send(Said(text="yes please"))
    assert (call.tool, call.args) == ("make", {"n": "1042", "item": "j"})
    said, end = run.end({"id": "R1"})
    assert said == Say(text="Made R1.")
    assert isinstance(end, End) and end.outcome == "returned"
    assert end.done == ({"tool": "make", "args": {"n": "1042", "item": "j"}, "result": {"id": "R1"}},)
    (end,) = run_to_consent().send(Said(text="no, I don't want that"))
    assert end.outcome == "not_wanted" and end.done == ()


def test_a_failed_lookup_asks_again_with_the_tools_own_words():
    run = Run(program(RETURN))
    run.start(n="9999")
    said, ask = run.end(ok=False, error="there is none", refused=True)
    assert said.text == "No 9999: there is none" and ask.slot == "n"
    (call,) = run.send(Said(text="1042"))
    assert call.args == {"n": "1042"}


def test_a_correction_goes_back_to_the_first_step_that_depends_on_it():
    run = run_to_consent()
    (call,) = run.send(Corrected(slot="n", value="1043"))
    assert (call.tool, call.args) == ("find", {"n": "1043"})
    (ask,) = run.end(order("1043"))
    assert ask.slot == "thing", "the item was chosen from another order"
    (ask,) = run.send(Said(text="jacket"))
    assert ask.slot == "sure", "the consent was for something else"


def test_the_other_pair_is_the_other_one_of_the_same_kind():
    run = Run(program(RETURN))
    run.start(n="1042", thing="alpin boots")
    run.end(order())
    (ask,) = run.send(Corrected(slot="thing", value="no, the other pair"))
    assert ask.text == "Return b?"
    (ask,) = run.send(Corrected(slot="thing", value="hm, the other one after all"))
    assert ask.text == "Return a?"


def test_yes_in_one_breath_with_a_correction_is_no_consent():
    run = run_to_consent()
    (ask,) = run.send(Said(slots={"thing": "alpin boots", "sure": True}))
    assert ask.slot == "sure" and ask.text == "Return a?"


def test_a_correction_after_the_effect_takes_it_back_first():
    run = run_to_consent()
    run.send(Said(text="yes"))
    run.end({"id": "R1"})
    (ask,) = run.send(Corrected(slot="thing", value="alpin boots"))
    assert ask.slot == "sure"
    (undo,) = run.send(Said(text="yes"))
    assert (undo.tool, undo.args) == ("take_back", {"id": "R1"})
    (call,) = run.end()
    assert call.args == {"n": "1042", "item": "a"}
    said, end = run.end({"id": "R2"})
    assert said.text == "Made R2." and [d["result"]["id"] for d in end.done] == ["R2"]


def test_a_changed_mind_after_the_effect_takes_it_back():
    run = run_to_consent()
    run.send(Said(text="yes"))
    run.end({"id": "R1"})
    (undo,) = run.send(Corrected(slot="sure", value=False))
    assert undo.tool == "take_back"
    (end,) = run.end()
    assert end.outcome == "not_wanted" and end.done == ()


def test_what_cannot_be_taken_back_goes_to_a_person():
    source = RETURN.replace('        undo: {call: take_back, args: {id: "{{ done.id }}"}}\n', "")
    run = Run(program(source))
    run.start(n="1042", thing="jacket", sure=True)
    run.end(order())
    run.end({"id": "R1"})
    run.send(Corrected(slot="thing", value="alpin boots"))
    (gone,) = run.send(Said(text="yes"))
    assert isinstance(gone, HandOver) and gone.reason == "already_done" and len(gone.done) == 1


EARLY = """
needs_tools: {pay: {effect: money, result: {id: text}}, unpay: {effect: money, args: {id: text}}}
slots: {kind: {type: choice, choices: [a, b]}}
steps:
  - when: kind == 'b'
    then: [{end: nothing_to_pay}]
  - {call: pay, undo: {call: unpay, args: {id: "{{ done.id }}"}}}
  - end: paid
"""


def test_an_end_that_passes_by_what_was_done_takes_it_back_first():
    run = Run(program(EARLY))
    run.start(kind="a")
    (end,) = run.end({"id": "P1"})
    assert end.outcome == "paid"
    (undo,) = run.send(Corrected(slot="kind", value="b"))
    assert (undo.tool, undo.args) == ("unpay", {"id": "P1"})
    (end,) = run.end()
    assert end.outcome == "nothing_to_pay" and end.done == ()


def test_an_end_that_passes_by_what_cannot_be_taken_back_goes_to_a_person():
    run = Run(program(EARLY.replace(', undo: {call: unpay, args: {id: "{{ done.id }}"}}', "")))
    run.start(kind="a")
    run.end({"id": "P1"})
    (gone,) = run.send(Corrected(slot="kind", value="b"))
    assert gone.reason == "already_done" and len(gone.done) == 1


def test_an_undo_that_fails_goes_to_a_person():
    run = run_to_consent()
    run.send(Said(text="yes"))
    run.end({"id": "R1"})
    run.send(Corrected(slot="sure", value=False))
    (gone,) = run.end(ok=False, error="too late")
    assert gone.reason == "undo_failed"


def test_a_correction_while_the_effect_is_under_way_waits_for_it():
    run = run_to_consent()
    run.send(Said(text="yes"))
    assert run.send(Corrected(slot="sure", value=False)) == ()
    (undo,) = run.end({"id": "R1"})
    assert undo.tool == "take_back" and undo.args == {"id": "R1"}


def test_cancelling_waits_for_what_is_under_way_and_says_what_was_done():
    run = run_to_consent()
    run.send(Said(text="yes"))
    assert run.send(Cancelled()) == ()
    (end,) = run.end({"id": "R1"})
    assert end.outcome == "cancelled" and len(end.done) == 1
    (end,) = Run(program(RETURN)).send(Cancelled()) or (None,)
    assert end is None, "nothing had begun"


def test_a_digression_rests_and_coming_back_asks_again():
    run = run_to_consent()
    assert run.send(Digressed()) == ()
    assert run.send(Said(text="what is your return policy?")) == (), "that was not for us"
    (ask,) = run.send(Resumed())
    assert ask.slot == "sure" and not ask.again
    assert run.send(Resumed()) == ()


def test_a_slot_said_during_a_digression_comes_back_by_itself():
    run = run_to_consent()
    run.send(Digressed())
    (call,) = run.send(Said(slots={"sure": True}))
    assert call.tool == "make"


def test_results_during_a_digression_start_nothing():
    run = Run(program(RETURN))
    run.start(n="1042")
    run.send(Digressed())
    assert run.end(order()) == ()
    (ask,) = run.send(Resumed())
    assert ask.slot == "thing"


def test_signing_in_first_means_the_same_call_again():
    run = Run(program(RETURN))
    run.start(n="1042")
    assert run.end(ok=False, code="sign_in") == ()
    (call,) = run.send(Resumed())
    assert call.tool == "find"


def test_an_unknown_outcome_goes_to_a_person_and_is_never_tried_again():
    run = run_to_consent()
    run.send(Said(text="yes"))
    (gone,) = run.end(ok=False, unknown=True, error="no answer")
    assert gone.reason == "unknown_outcome"
    assert run.send(Corrected(slot="sure", value=True)) == ()


def test_a_call_that_the_customer_declines_ends_it():
    run = run_to_consent()
    run.send(Said(text="yes"))
    (end,) = run.end(ok=False, code="declined")
    assert end.outcome == "declined"


def test_only_what_is_safe_is_retried():
    source = """
needs_tools: {look: {result: {x: text}}, pay: {effect: money}}
steps:
  - {call: look, as: seen, retries: 2}
  - {call: pay, retries: 2}
"""
    run = Run(program(source))
    run.start()
    (call,) = run.end(ok=False)
    assert (call.tool, call.attempt) == ("look", 2)
    (call,) = run.end(ok=False)
    assert call.attempt == 3
    (call,) = run.end({"x": "1"})
    assert call.tool == "pay"
    (gone,) = run.end(ok=False, error="no")
    assert gone.reason == "failed" and gone.detail == "no"


def test_a_tool_that_says_no_is_not_asked_again():
    run = Run(program("needs_tools: {look: {}}\nsteps: [{call: look, retries: 3}]"))
    run.start()
    (gone,) = run.end(ok=False, refused=True, error="no")
    assert gone.reason == "failed"
