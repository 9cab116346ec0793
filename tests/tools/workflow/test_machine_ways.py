"""The machine where its way parts: branches, errors, what is not there, what changed, words and languages."""

from tests.tools.workflow.driver import TODAY, Run, kinds, program
from tests.tools.workflow.test_machine import RETURN, run_to_consent
from tools.workflow.events import (
    CallEnded,
    Corrected,
    Resumed,
    Said,
    Started,
)
from tools.workflow.machine import advance, pending

PARALLEL = """
needs_tools: {a: {result: {x: number}}, b: {result: {x: number}}, pay: {effect: money, args: {sum: number}}}
steps:
  - parallel:
      - {call: a, as: one}
      - [{call: b, as: two}, {say: "b is {{ two.x }}"}]
  - {call: pay, args: {sum: "{{ one.x + two.x }}"}}
"""


def test_parallel_branches_run_at_once_and_join():
    run = Run(program(PARALLEL))
    assert [a.tool for a in run.start()] == ["a", "b"]
    (said,) = run.end({"x": 2}, tool="b")
    assert said.text == "b is 2"
    (call,) = run.end({"x": 1}, tool="a")
    assert (call.tool, call.args) == ("pay", {"sum": 3})


def test_an_end_in_one_branch_waits_for_the_effect_in_the_other():
    source = """
needs_tools: {pay: {effect: money}, look: {result: {bad: yes_no}}}
steps:
  - parallel:
      - {call: pay}
      - [{call: look, as: seen}, {when: seen.bad, then: [{hand_over: bad}]}]
"""
    run = Run(program(source))
    run.start()
    assert run.end({"bad": True}, tool="look") == ()
    (gone,) = run.end(tool="pay")
    assert gone.reason == "bad" and len(gone.done) == 1


def test_an_error_can_jump_ahead():
    source = """
needs_tools: {look: {}, pay: {effect: money}}
steps:
  - {call: look, on_error: {goto: sorry}}
  - {call: pay}
  - end: fine
  - {id: sorry, say: "Sorry."}
  - end: not_fine
"""
    run = Run(program(source))
    run.start()
    said, end = run.end(ok=False)
    assert (said.text, end.outcome) == ("Sorry.", "not_fine")


def test_an_optional_tool_that_is_not_there_is_passed_by():
    from tests.tools.workflow.driver import workflow
    from tools.registry import Registry
    from tools.workflow.program import make_program

    source = """
needs_tools: {mail: {effect: write, optional: true}}
steps: [{call: mail, as: x}, {when: x is none, then: [{end: none}]}]
"""
    run = Run(make_program(workflow(source), Registry()))
    (end,) = run.start()
    assert end.outcome == "none"


def test_the_same_text_is_said_once():
    source = """
needs_tools: {a: {}, b: {}}
steps: [{say: "One moment."}, {call: a}, {call: b}]
"""
    run = Run(program(source))
    run.start()
    run.end()
    run.end()
    assert kinds(run.actions) == ["say", "call", "call", "end"]


def test_a_broken_expression_goes_to_a_person_instead_of_raising():
    run = Run(program("needs_tools: {a: {}}\nsteps: [{call: a, as: x}, {say: 'It is {{ x.y.z }}.'}]"))
    run.start()
    (gone,) = run.end({"y": None})
    assert gone.reason == "broken" and "x.y.z" in gone.detail


def test_a_result_that_lacks_a_field_is_never_said_as_none():
    run = Run(program("needs_tools: {a: {result: {n: text}}}\nsteps: [{call: a, as: x}, {say: '{{ x.n }}'}]"))
    run.start()
    (gone,) = run.end({"n": None})
    assert gone.reason == "broken"


def test_too_many_events_go_to_a_person():
    run = Run(program("max_events: 10\n" + RETURN), check_fold=False)
    run.start()
    seen = [action for n in range(20) for action in run.send(Corrected(slot="n", value=str(1000 + n)))]
    assert seen[-1].reason == "limits" and run.state["status"] == "ended"


def test_a_workflow_that_was_changed_while_it_ran_goes_to_a_person():
    run = run_to_consent()
    state, actions = advance(program(RETURN.replace("Made", "Done")), run.state, Said(text="yes"))
    assert actions[0].reason == "changed" and state["status"] == "ended"


def test_pending_calls_are_known_after_a_crash():
    run = Run(program(PARALLEL))
    actions = run.start()
    assert pending(run.state) == actions
    run.end({"x": 1}, tool="a")
    assert [call.tool for call in pending(run.state)] == ["b"]


def test_late_and_unknown_results_change_nothing():
    run = Run(program(PARALLEL))
    run.start()
    assert run.send(CallEnded(call="c77", ok=True)) == ()
    run.end({"x": 1}, tool="a")
    assert run.send(CallEnded(call="c1", ok=True, result={"x": 9})) == ()


def test_a_default_comes_from_the_context_and_can_be_corrected():
    source = """
needs_tools: {a: {args: {n: order_number}}}
slots: {n: {type: order_number, default: "{{ context.order }}"}}
steps: [{call: a, args: {n: "{{ n }}"}}]
"""
    from tools.workflow.events import Started

    run = Run(program(source))
    (call,) = run.send(Started(context={"order": "1042"}, today="2026-11-21"))
    assert call.args == {"n": "1042"}
    (call,) = run.send(Corrected(slot="n", value="1043"))
    assert call.args == {"n": "1043"}


def test_an_optional_slot_is_asked_once_by_its_own_step_only():
    source = """
needs_tools: {a: {args: {d?: date}}}
slots: {d: {type: date, optional: true, ask: "When?"}}
steps: [{ask: d}, {call: a, args: {d: "{{ d }}"}}]
"""
    run = Run(program(source))
    (ask,) = run.start()
    assert ask.slot == "d"
    (call,) = run.send(Said(text="whenever you like"))
    assert call.args == {}
    run = Run(program(source.replace("{ask: d}, ", "")))
    (call,) = run.start()
    assert call.args == {}


def test_texts_come_in_the_customers_language():
    from tools.workflow.events import Started

    source = 'steps: [{say: {en: "Hello", de: "Hallo"}}]'
    for locale, text in (("de-AT", "Hallo"), ("en", "Hello"), ("fr", "Hello")):
        said, _ = Run(program(source)).send(Started(today="2026-11-21", locale=locale))
        assert said.text == text


def test_what_was_said_before_it_was_asked_for_is_known_when_its_turn_comes():
    run = Run(
        program(
            """
slots:
  service: {type: choice, choices: [small service, full service], ask: Which?}
  day: {type: date, ask: When?}
  size: {type: choice, choices: [long, short], ask: Long or short?}
steps: [{ask: service}, {ask: day}, {ask: size}, {end: done}]
"""
        )
    )
    (ask,) = run.send(Started(today=TODAY, text="a service for Friday please"))
    assert ask.slot == "service" and [c["value"] for c in ask.choices] == ["small service", "full service"]
    (ask,) = run.send(Said(slots={"service": "the first one"}, text="the first one, and long ones"))
    assert (run.state["heard"]["service"], run.state["heard"]["day"]) == ("small service", "2026-11-27")
    assert ask.kind == "end" and run.state["heard"]["size"] == "long"


def test_a_correction_forgets_the_words_that_went_before():
    run = Run(program("slots: {day: {type: date, ask: When?}}\nsteps: [{ask: day}, {end: done}]"))
    run.send(Started(today=TODAY, text="on Friday"))
    (ask,) = run.send(Corrected(slot="day"))
    assert ask.kind == "ask", "not Friday once more"


def test_what_somebody_declined_ends_with_their_words_and_a_withdrawn_call_is_wanted_anew():
    source = "slots: {n: {type: order_number}}\nsteps: [{call: pay, args: {n: '{{ n }}'}}, {end: done}]"
    run = Run(program(source))
    (call,) = run.start(n="1042")
    (again,) = run.end(ok=False, code="withdrawn")
    assert (again.tool, again.args) == (call.tool, call.args) and again.call != call.call
    said, end = run.end(ok=False, code="expired", error="Nobody answered in time.")
    assert said.text == "Nobody answered in time." and end.outcome == "expired"


def test_what_staff_refused_goes_the_way_that_the_step_knows():
    run = Run(program("steps: [{call: pay, on_error: go_on}, {end: done}]"))
    run.start()
    (end,) = run.end(ok=False, code="refused", error="no")
    assert end.outcome == "done"


def test_who_must_sign_in_is_told_how_and_the_call_is_wanted_again_when_he_has():
    run = Run(program("steps: [{call: pay}, {end: done}]"))
    run.start()
    (said,) = run.end(ok=False, code="sign_in", error="Please sign in.")
    assert said.text == "Please sign in." and run.state["paused"] == "sign_in"
    (call,) = run.send(Resumed())
    assert call.tool == "pay"
