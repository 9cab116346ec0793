"""The fold: what events add up to."""

import itertools
from typing import get_args

import pytest

from server.conversation import fold, summarize
from server.events import Event, Kind, Viewer, visible

KEY = "pk_x/c1"


def log(*rows):
    """Events from (kind, role, body[, turn[, id]]) tuples."""
    events = []
    for seq, row in enumerate(rows, 1):
        kind, role, body, *rest = row
        turn = rest[0] if rest else None
        events.append(Event(KEY, seq, 1_000 + seq, rest[1] if len(rest) > 1 else f"e:{seq}", kind, role, body, turn))
    return events


WHOLE = log(
    ("opened", "customer", {"locale": "de"}),
    ("message", "customer", {"text": "where is 1042?"}, None, "m1"),
    ("turn.started", "system", {"attempt": 1}, "t:1"),
    ("retrieved", "system", {"query": "where", "passages": [{"document": "a.md"}], "upto": 2}, "t:1"),
    ("model.called", "system", {"model": "offline"}, "t:1"),
    (
        "call.planned",
        "agent",
        {"call": "call:1", "tool": "find_order", "args": {"order_id": "1042"}, "label": "Look"},
        "t:1",
    ),
    ("call.started", "system", {"call": "call:1", "attempt": 1}, "t:1"),
    ("message", "customer", {"text": "hello?"}, None, "m2"),
    ("call.ended", "system", {"call": "call:1", "ok": True, "result": {"status": "sent"}, "label": "Look"}, "t:1"),
    ("message", "agent", {"text": "It was sent."}, "t:1"),
    ("turn.ended", "system", {"reason": "answered", "answers": ["m1", "m2"]}, "t:1"),
    ("identified", "system", {"customer": "c-7", "verified": "identified", "until_ms": 99}),
    ("mode", "customer", {"mode": "waiting", "reason": "asked"}),
    ("message", "customer", {"text": "still there?"}, None, "m3"),
    ("mode", "staff", {"mode": "staff", "name": "Ada"}),
    ("rated", "customer", {"score": 5}),
)


def test_folding_in_any_pieces_gives_the_same_conversation():
    whole = fold(KEY, WHOLE)
    for cut in range(len(WHOLE) + 1):
        assert fold(KEY, WHOLE[cut:], fold(KEY, WHOLE[:cut])) == whole


def test_a_fold_leaves_its_base_as_it_was():
    for cut in range(len(WHOLE)):
        base = fold(KEY, WHOLE[:cut])
        before = fold(KEY, WHOLE[:cut])
        fold(KEY, WHOLE[cut:], base)
        assert base == before


def test_a_gap_in_the_events_is_an_error():
    with pytest.raises(ValueError, match="expected seq 2, got 3"):
        fold(KEY, [WHOLE[0], WHOLE[2]])


def test_messages_stay_unanswered_until_a_turn_answers_them():
    assert fold(KEY, WHOLE[:8]).unanswered == ["m1", "m2"]
    assert fold(KEY, WHOLE[:11]).unanswered == []
    assert fold(KEY, WHOLE[:14]).unanswered == ["m3"]


def test_a_person_who_takes_over_has_read_what_was_unanswered():
    assert fold(KEY, WHOLE[:15]).unanswered == []


def test_an_open_turn_knows_what_it_has_done():
    turn = fold(KEY, WHOLE[:9]).turn
    assert (turn.id, turn.attempt, turn.model_calls, turn.tool_calls, turn.looked_up) == ("t:1", 1, 1, 1, 2)
    assert fold(KEY, WHOLE[:11]).turn is None


def test_every_sign_in_and_sign_out_is_a_new_generation_and_a_renewed_proof_is_not():
    events = log(
        ("identified", "system", {"customer": "a", "verified": "identified", "until_ms": 1}),
        ("identified", "system", {"customer": "a", "verified": "identified", "until_ms": 2}),
        ("identified", "system", {"customer": None, "verified": False}),
    )
    assert [fold(KEY, events[:n]).generation for n in range(4)] == [0, 1, 1, 2]
    assert fold(KEY, events).signed_out


def test_an_unknown_kind_from_a_newer_version_only_moves_the_head():
    state = fold(KEY, log(("message", "customer", {"text": "a"}), ("sparkled", "system", {"x": 1})))
    assert state.head == 2
    assert len(state.messages) == 1


def test_an_erased_message_marks_the_conversation():
    assert fold(KEY, log(("message", "customer", {}))).erased
    assert not fold(KEY, log(("message", "customer", {"text": ""}))).erased


@pytest.mark.parametrize("kind", sorted({*get_args(Kind)} - {"opened"}))
def test_an_erased_event_of_any_kind_folds_and_says_nothing(kind):
    events = log(("opened", "customer", {}), (kind, "system", {}, "t:1"), ("message", "customer", {}))
    state = fold(KEY, events)
    assert (state.head, state.erased) == (3, True)
    assert not (state.messages or state.calls or state.runs or state.turn)


def test_the_summary_agrees_with_the_fold_after_every_event():
    summary = None
    for event, count in zip(WHOLE, itertools.count(1), strict=False):
        summary = summarize(summary, event)
        state = fold(KEY, WHOLE[:count])
        assert summary.head == state.head
        assert summary.mode == state.mode
        assert summary.unanswered == len(state.unanswered)
        assert summary.open_turn == (state.turn.id if state.turn else None)
        assert summary.customer == state.customer


def test_a_customer_sees_messages_and_safe_words_of_calls_and_nothing_else():
    shown = [seen for event in WHOLE if (seen := visible(event, Viewer("customer", "steps"))) is not None]
    assert {event.kind for event in shown} == {
        "message", "turn.started", "turn.ended", "call.planned", "call.started", "call.ended", "mode", "rated",
    }  # fmt: skip
    for event in shown:
        if event.kind.startswith("call."):
            assert set(event.body) <= {"call", "label", "ok"}
        if event.kind == "turn.ended":
            assert set(event.body) <= {"reason", "answers"}


def test_staff_see_everything():
    assert [visible(event, Viewer("staff")) for event in WHOLE] == WHOLE


@pytest.mark.parametrize(("reasoning", "sees"), [("off", False), ("steps", False), ("full", True)])
def test_thoughts_reach_a_customer_only_where_the_site_shows_all_reasoning(reasoning, sees):
    [event] = log(("thought", "agent", {"text": "hm"}, "t:1"))
    assert (visible(event, Viewer("customer", reasoning)) is not None) == sees


def test_a_call_asked_of_the_customer_shows_its_arguments_and_one_asked_of_staff_does_not():
    body = {"call": "call:1", "label": "Change address", "args": {"city": "Bonn"}, "expires_ms": 5}
    [mine] = log(("call.asked", "system", {**body, "of": "customer"}))
    [theirs] = log(("call.asked", "system", {**body, "of": "staff"}))
    assert visible(mine, Viewer("customer")).body["args"] == {"city": "Bonn"}
    assert set(visible(theirs, Viewer("customer")).body) == {"call", "label"}


def test_a_call_that_is_asked_about_once_more_in_a_later_turn_is_waited_for_by_that_turn():
    asked = {"call": "call:1", "of": "customer", "label": "Change address", "args": {}, "expires_ms": 5}
    state = fold(
        KEY,
        log(
            ("turn.started", "system", {"attempt": 1}, "t:1"),
            ("call.planned", "system", {"call": "call:1", "tool": "change", "args": {}, "label": "Change"}, "t:1"),
            ("call.asked", "system", {**asked, "verify": "step_up"}, "t:1"),
            ("turn.ended", "system", {"reason": "waiting", "answers": []}, "t:1"),
            ("turn.started", "system", {"attempt": 1}, "t:2"),
            ("call.decided", "system", {"call": "call:1", "approve": True, "by": "system"}, "t:2"),
            ("call.asked", "system", asked, "t:2"),
        ),
    )
    assert [(call.id, call.state) for call in state.turn_calls("t:2")] == [("call:1", "asked")]


def test_tags_are_put_on_and_taken_off_one_by_one():
    log = [
        ("tagged", "staff", {"tag": "vip", "on": True, "by": "s:1"}),
        ("tagged", "staff", {"tag": "return", "on": True, "by": "s:1"}),
        ("tagged", "staff", {"tag": "vip", "on": True, "by": "s:2"}),
        ("tagged", "staff", {"tag": "return", "on": False, "by": "s:2"}),
    ]
    assert row_of(log).tags == ("vip",)


def test_a_customers_word_wakes_what_was_snoozed_and_staffs_does_not():
    log = [("snoozed", "staff", {"until_ms": 900, "by": "s:1"}), ("note", "staff", {"text": "later", "by": "s:1"})]
    assert row_of(log).snoozed_until_ms == 900
    assert row_of([*log, ("message", "customer", {"text": "still there?"})]).snoozed_until_ms is None
    assert row_of([*log, ("snoozed", "staff", {"by": "s:1"})]).snoozed_until_ms is None


def test_who_is_named_in_a_note_is_named_until_they_do_something_there():
    log = [("note", "staff", {"text": "@Ben @Cleo look", "by": "s:1", "mentions": ["s:2", "s:3"]})]
    assert row_of(log).mentions == ("s:2", "s:3")
    log.append(("note", "staff", {"text": "done", "by": "s:2"}))
    assert row_of(log).mentions == ("s:3",)


def test_blocking_is_reversible():
    log = [("blocked", "staff", {"on": True, "by": "s:1"})]
    assert row_of(log).blocked
    assert not row_of([*log, ("blocked", "staff", {"on": False, "by": "s:1"})]).blocked


def row_of(log):
    row = None
    for seq, (kind, role, body) in enumerate(log, 1):
        row = summarize(row, Event("pk/c", seq, seq, f"e:{seq}", kind, role, body))
    return row
