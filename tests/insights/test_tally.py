"""What one conversation adds to the numbers, against logs that were counted by hand."""

from decimal import Decimal

import pytest

from server.insights.report import is_resolved
from server.insights.tally import ToolTally, count
from tests.insights.log import answered_chat, ended, event, mode, reply, said, stored


def counted(*steps):
    return count(stored(*steps))


def test_an_answer_out_of_an_article_is_resolved_and_no_gap():
    tally, questions = counted(*answered_chat())
    assert (tally.messages, tally.began_ms, tally.replied_ms, tally.last_ms) == (1, 1_000, 3_000, 3_000)
    assert tally.open_messages == 0
    assert is_resolved(tally)
    assert questions == []


def test_times_run_from_the_first_message_to_the_first_and_to_the_last_answer():
    tally, _ = counted(
        (1_000, event("o", "opened", {})),
        (5_000, said("m1")),
        (6_500, said("m2")),
        (9_000, reply("r1")),
        (9_000, ended("t1", "m1", "m2")),
        (20_000, said("m3")),
        (23_000, reply("r2", "t2")),
        (23_000, ended("t2", "m3")),
        (99_000, event("idle:said", "message", {"text": "We close this now."})),
        (99_000, mode("x", "closed", reason="idle")),
    )
    assert (tally.began_ms, tally.replied_ms, tally.answered_ms) == (5_000, 9_000, 23_000)
    assert (tally.messages, tally.closed, tally.last_ms) == (3, True, 23_000)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ([(3_000, mode("w", "waiting", reason="asked"))], "a person was asked for"),
        ([(3_000, mode("s", "staff", by="s:1", name="Ada"))], "a person took it"),
        ([(3_000, event("d", "call.decided", {"call": "c", "by": "staff", "approve": True}))], "staff decided"),
        ([(3_000, said("m2"))], "a message was not answered"),
        ([(3_000, said("m2")), (4_000, ended("t2", "m2", reason="failed"))], "the last turn failed"),
        ([(3_000, event("r", "rated", {"score": 2}))], "the customer was not helped"),
    ],
)
def test_what_needed_a_person_or_was_not_answered_is_not_resolved(more, why):
    tally, _ = counted(*answered_chat(), *more)
    assert not is_resolved(tally), why


def test_a_customer_who_never_wrote_began_nothing():
    tally, questions = counted((1_000, event("o", "opened", {})), (1_000, mode("w", "waiting", reason="asked")))
    assert (tally.began_ms, tally.messages, questions) == (0, 0, [])


def test_hand_overs_are_counted_each_time_with_their_reasons_and_who_came():
    tally, _ = counted(
        (1_000, said("m1")),
        (2_000, mode("w1", "waiting", reason="anger")),
        (8_000, mode("s1", "staff", by="s:1", name="Ada")),
        (9_000, event("a", "message", {"text": "Hello"}, role="staff")),
        (10_000, mode("b1", "agent")),
        (11_000, mode("s2", "staff", by="s:2", name="Bob")),
        (12_000, mode("s3", "staff", by="s:1", name="Ada")),
    )
    assert tally.reasons == ["anger", "taken"]
    assert tally.staff == ["s:1", "s:2"]
    assert (tally.person_asked_ms, tally.person_came_ms, tally.replied_ms) == (2_000, 9_000, 9_000)


def test_only_calls_that_ran_count_for_a_tool():
    def call(name, tool, *rest):
        steps = [(1, event(f"{name}:p", "call.planned", {"call": name, "tool": tool}, "t1"))]
        return steps + [
            (1, event(f"{name}:{n}", kind, {"call": name, **body}, "t1")) for n, (kind, body) in enumerate(rest)
        ]

    started = ("call.started", {"attempt": 1})
    tally, _ = counted(
        *call("a", "refund", started, ("call.ended", {"ok": True})),
        *call("b", "refund", started, started, ("call.ended", {"ok": False, "error": "no"})),
        *call("c", "refund", started, ("call.ended", {"ok": False, "unknown": True})),
        *call("d", "refund", ("call.ended", {"ok": False, "code": "declined"})),
        *call("e", "track", started, ("call.ended", {"ok": True})),
        *call("f", "track", started),
    )
    assert tally.tools == {"refund": ToolTally(1, 1, 1), "track": ToolTally(1, 0, 0)}


def test_ratings_are_the_newest_of_the_conversation_and_all_of_single_answers():
    rated = [{"score": 2}, {"score": 5}, {"score": 1, "of": "r1"}, {"score": -1, "of": "r2"}, {"score": 1, "of": "r3"}]
    tally, _ = counted(*((n, event(f"r{n}", "rated", body, role="customer")) for n, body in enumerate(rated)))
    assert (tally.score, tally.thumbs_up, tally.thumbs_down) == (5, 2, 1)


def test_cost_is_added_as_decimals_and_unknown_where_nobody_says_it():
    def called(n, **usage):
        return n, event(f"c{n}", "model.called", {"model": "x", "usage": usage}, "t1")

    tally, _ = counted(
        called(1, input_tokens=10, output_tokens=2, cost="0.1"),
        called(2, input_tokens=5, output_tokens=1, cost="0.2"),
        called(3, cost="a lot"),
    )
    assert (tally.model_calls, tally.input_tokens, tally.output_tokens) == (3, 15, 3)
    assert Decimal(tally.cost) == Decimal("0.3")
    assert counted(called(1, input_tokens=10))[0].cost == ""


# Questions without an answer

PASSAGES = {"passages": [{"title": "Returns", "score": 0.2}, {"title": "Delivery", "score": 0.41}]}
ASKED = (1_000, said("m1", "Do you  wrap\ngifts?"))
LOOKED_UP = (1_500, event("l", "retrieved", PASSAGES, "t1"))


def test_an_answer_that_rests_on_nothing_is_a_question_without_an_answer():
    _, questions = counted(ASKED, LOOKED_UP, (2_000, reply("r", text="I do not know.")), (2_000, ended("t1", "m1")))
    [one] = questions
    assert (one.text, one.at_ms, one.reply) == ("Do you wrap gifts?", 1_000, "I do not know.")
    assert (one.nearest, one.score) == ("Delivery", 0.41)


@pytest.mark.parametrize(
    "rests_on",
    [
        reply("r", citations=[{"n": 1}]),
        reply("r", choices=["Returns", "Delivery"]),
        event("r", "call.planned", {"call": "c", "tool": "track"}, "t1"),
        event("r", "workflow.heard", {"run": "w:1"}, "t1"),
    ],
    ids=["an article", "a choice", "a tool", "a workflow"],
)
def test_what_rests_on_something_is_no_gap(rests_on):
    assert counted(ASKED, LOOKED_UP, (1_900, rests_on), (2_000, ended("t1", "m1")))[1] == []


@pytest.mark.parametrize(("reason", "gaps"), [("unknown", 1), ("low_confidence", 1), ("asked", 0), ("anger", 0)])
def test_of_hand_overs_only_those_that_say_so_are_gaps(reason, gaps):
    steps = (ASKED, (2_000, mode("w", "waiting", reason=reason)), (2_000, ended("t1", "m1", reason="handed_over")))
    assert len(counted(*steps)[1]) == gaps


def test_what_is_asked_while_a_person_is_awaited_is_no_gap():
    steps = ((500, mode("w", "waiting", reason="asked")), ASKED, (2_000, reply("r")), (2_000, ended("t1", "m1")))
    assert counted(*steps)[1] == []


def test_an_erased_log_is_counted_without_words():
    emptied = [(at_ms, type(new)(new.id, new.kind, new.role, {}, new.turn)) for at_ms, new in answered_chat()]
    tally, questions = counted(*emptied)
    assert (tally.messages, questions) == (1, [])
