"""What a customer is told of a call that failed: the tool's own words, and nothing that is written for developers."""

import pytest

from tests.tools.workflow.driver import Run, program
from tools.workflow.events import Ask, HandOver, Say

LOOK = """
slots: {n: {type: text, ask: "Which one?"}}
needs_tools: {look: {args: {n: text}, result: {left: number}}}
steps:
  - {call: look, args: {n: "{{ n }}"}, as: card, on_error: {say: "{{ error }}", ask: n}}
  - say: "{{ card.left }} left."
  - end: told
"""


def looked(text=LOOK):
    run = Run(program(text))
    run.start(n="HL-1")
    return run


def test_a_refusal_of_the_tools_own_is_told_in_its_words():
    say, ask = looked().end(ok=False, error="There is no card HL-1.", refused=True)
    assert isinstance(say, Say) and say.text == "There is no card HL-1."
    assert isinstance(ask, Ask) and ask.slot == "n"


@pytest.mark.parametrize("code", ["bad_args", "denied", "disabled", "broken", "over_limit", "unknown_tool"])
def test_what_the_checks_and_the_rules_say_is_for_developers(code):
    error = "Wrong arguments for look. n: String should match pattern '^[A-Z]{4}$', got 'HL-1'."
    say, ask = looked().end(ok=False, error=error, refused=True, code=code)
    assert isinstance(say, Say) and isinstance(ask, Ask)
    assert "look" not in say.text and "pattern" not in say.text and say.text.endswith(".")


def test_staff_are_told_what_it_really_was():
    text = LOOK.replace('{say: "{{ error }}", ask: n}', '{say: "{{ error }}", hand_over: failed}')
    say, over = looked(text).end(ok=False, error="over the limit: 5 is over 3", refused=True, code="over_limit")
    assert isinstance(say, Say) and "limit" not in say.text
    assert isinstance(over, HandOver) and over.detail == "over the limit: 5 is over 3"
