"""The contract of `server.ports.Store`, run over every store.

Knows nothing of how a store works inside: see test_store_sqlite.py for that.
"""

import asyncio
from dataclasses import replace

import pytest

from server.events import FENCING, Event, NewEvent
from server.ports import Conflict, Find, Gone, IdempotencyMismatch, OverLimit, Spend, Store
from server.stores.memory import MemoryStore
from tests.contracts.conftest import Clock

A, B = "pk_one/a", "pk_two/b"


def said(event_id: str, text: str = "hello") -> NewEvent:
    return NewEvent(event_id, "message", "customer", {"text": text})


def turn(event_id: str, name: str) -> NewEvent:
    return NewEvent(event_id, "turn.started", "system", {"attempt": 1}, name)


def ended(event_id: str, name: str, *answers: str) -> NewEvent:
    return NewEvent(event_id, "turn.ended", "system", {"reason": "answered", "answers": list(answers)}, name)


async def test_what_is_appended_is_what_is_read_in_order_from_one_without_gaps(store: Store, clock: Clock):
    first = await store.append(
        A, [said("1", "Grüße 🏕"), NewEvent("2", "note", "staff", {"text": "n", "deep": {"x": [1, None]}})]
    )
    second = await store.append(A, [turn("3", "t1")])
    assert [event.seq for event in first + second] == [1, 2, 3]
    assert await store.read(A) == first + second
    assert first[0] == Event(A, 1, clock.ms, "1", "message", "customer", {"text": "Grüße 🏕"})
    assert second[0].turn == "t1"


async def test_what_the_appender_gets_is_what_later_readers_get_whatever_it_passed_in(store: Store):
    body = {"answers": ("a", "b"), "zebra": 1, "apple": 2}
    [event] = await store.append(A, [NewEvent("1", "turn.ended", "system", body, "t")])
    body["zebra"] = 99
    assert event == (await store.read(A))[0]
    assert list(event.body.items()) == [("answers", ["a", "b"]), ("zebra", 1), ("apple", 2)]


async def test_a_cursor_reads_everything_after_it_and_no_more_than_the_limit(store: Store):
    events = await store.append(A, [said(str(n)) for n in range(1, 8)])
    for cursor in range(9):
        assert await store.read(A, after=cursor) == events[cursor:]
    assert await store.read(A, after=2, limit=3) == events[2:5]
    assert await store.read(A, limit=0) == []


async def test_conversations_do_not_see_each_other(store: Store):
    await store.append(A, [said("1", "mine")])
    await store.append(B, [said("1", "yours")])
    assert [event.body["text"] for event in await store.read(A)] == ["mine"]
    assert [event.body["text"] for event in await store.read(B)] == ["yours"]
    assert await store.read("pk_one/unknown") == []


async def test_the_same_event_again_is_the_same_event(store: Store, clock: Clock):
    [first] = await store.append(A, [said("1")])
    clock.ms += 5_000
    assert await store.append(A, [said("1")]) == [first]
    assert await store.append(A, [NewEvent("1", "message", "customer", {"text": "hello"}, "another-turn")]) == [first]
    assert await store.heads([A]) == {A: 1}


async def test_the_order_of_keys_in_a_body_does_not_make_it_another(store: Store):
    [first] = await store.append(A, [NewEvent("1", "note", "staff", {"text": "x", "by": {"b": 1, "a": 2}})])
    assert await store.append(A, [NewEvent("1", "note", "staff", {"by": {"a": 2, "b": 1}, "text": "x"})]) == [first]


async def test_a_repeat_inside_one_append_is_stored_once(store: Store):
    events = await store.append(A, [said("1"), said("1"), said("2")])
    assert [event.seq for event in events] == [1, 1, 2]
    assert len(await store.read(A)) == 2


async def test_a_partly_known_append_adds_the_rest(store: Store):
    [first] = await store.append(A, [said("1")])
    events = await store.append(A, [said("1"), said("2")])
    assert events == [first, (await store.read(A))[1]]


@pytest.mark.parametrize(
    "other",
    [
        NewEvent("1", "message", "customer", {"text": "other"}),
        NewEvent("1", "message", "agent", {"text": "hello"}),
        NewEvent("1", "note", "customer", {"text": "hello"}),
        NewEvent("1", "message", "customer", {"text": "hello", "more": None}),
    ],
    ids=["body", "role", "kind", "key"],
)
async def test_a_known_id_with_other_content_is_refused_and_nothing_is_stored(store: Store, other: NewEvent):
    [first] = await store.append(A, [said("1")])
    with pytest.raises(IdempotencyMismatch) as refused:
        await store.append(A, [said("0"), other], spend=[Spend("k", 1, 9)])
    assert refused.value.event_id == "1"
    assert await store.read(A) == [first]
    assert await store.spent("k") == 0


async def test_two_contents_under_one_id_in_one_append_are_refused(store: Store):
    with pytest.raises(IdempotencyMismatch):
        await store.append(A, [said("1", "x"), said("1", "y")])
    assert await store.heads([A]) == {A: 0}
    assert await store.find(Find()) == []


@pytest.mark.parametrize(
    "body",
    [{"x": {1, 2}}, {"x": object()}, {"x": "\ud800"}, {1: "x"}],
    ids=["a set", "an object", "half a surrogate", "a number as key"],
)
async def test_a_body_that_is_no_json_is_refused_and_nothing_is_stored(store: Store, body: dict):
    with pytest.raises(TypeError):
        await store.append(A, [said("1"), NewEvent("2", "note", "staff", body)])
    assert await store.read(A) == []


@pytest.mark.parametrize("kind", sorted(FENCING))
async def test_a_fencing_event_refuses_what_was_planned_before_it(store: Store, kind):
    await store.append(A, [said("1")])
    await store.append(A, [NewEvent("2", kind, "system", {}, "t1")])
    await store.append(A, [said("3")])
    with pytest.raises(Conflict):
        await store.append(A, [said("4")], after=1)
    assert len(await store.read(A)) == 3
    await store.append(A, [said("4")], after=2)
    await store.append(A, [said("5")])


async def test_a_sign_out_refuses_what_was_planned_before_it_and_a_sign_in_does_not(store: Store):
    await store.append(A, [said("1"), NewEvent("2", "identified", "system", {"customer": "c-1"})])
    await store.append(A, [said("3")], after=1)
    await store.append(A, [NewEvent("4", "identified", "system", {"customer": None, "verified": False})])
    with pytest.raises(Conflict):
        await store.append(A, [said("5")], after=3)


async def test_further_words_and_notes_do_not_throw_an_answer_away(store: Store):
    await store.append(A, [turn("1", "t1")])
    await store.append(
        A, [said("2"), NewEvent("3", "note", "staff", {"text": "n"}), NewEvent("4", "call.ended", "system", {})]
    )
    [answer] = await store.append(A, [NewEvent("5", "message", "agent", {"text": "a"}, "t1")], after=1)
    assert answer.seq == 5


async def test_a_pure_repeat_passes_every_fence_and_books_nothing(store: Store):
    [first] = await store.append(A, [turn("1", "t1")], after=0, spend=[Spend("k", 2, 3)])
    await store.append(A, [ended("2", "t1")])
    assert await store.append(A, [turn("1", "t1")], after=0, spend=[Spend("k", 2, 3)]) == [first]
    assert await store.spent("k") == 2


async def test_of_many_that_claim_the_same_head_exactly_one_wins(store: Store):
    await store.append(A, [said("m")])
    for round_no in range(20):
        head = (await store.heads([A]))[A]
        outcomes = await asyncio.gather(
            *(store.append(A, [turn(f"s:{round_no}:{n}", f"t{round_no}-{n}")], after=head) for n in range(8)),
            return_exceptions=True,
        )
        winners = [outcome for outcome in outcomes if isinstance(outcome, list)]
        assert len(winners) == 1
        assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 7
        assert (await store.read(A, after=head)) == winners[0]


async def test_concurrent_appends_are_numbered_without_gaps_and_none_is_lost(store: Store):
    ids = [f"{who}-{n}" for who in range(10) for n in range(20)]
    stored = await asyncio.gather(*(store.append(A, [said(event_id)]) for event_id in ids))
    events = await store.read(A, limit=1000)
    assert [event.seq for event in events] == list(range(1, 201))
    assert sorted((e.seq, e.id) for [e] in stored) == [(e.seq, e.id) for e in events]


async def test_one_refused_append_does_not_fail_those_beside_it(store: Store):
    await store.append(A, [said("1", "x"), turn("2", "t")])
    outcomes = await asyncio.gather(
        store.append(A, [said("3")]),
        store.append(A, [said("1", "y")]),
        store.append(B, [said("1")]),
        store.append(A, [said("4")], after=1),
        store.append(B, [said("2"), NewEvent("3", "note", "staff", {"x": object()})]),
        store.append(B, [said("4")], spend=[Spend("k", 9, 1)]),
        store.append(A, [said("5")]),
        return_exceptions=True,
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [list, IdempotencyMismatch, list, Conflict, TypeError, OverLimit, list]
    assert [event.id for event in await store.read(A)] == ["1", "2", "3", "5"]
    assert [event.id for event in await store.read(B)] == ["1"]


async def test_time_never_goes_backwards_within_a_conversation(store: Store, clock: Clock):
    start = clock.ms
    await store.append(A, [said("1")])
    clock.ms = start - 3_600_000
    await store.append(A, [said("2")])
    await store.append(B, [said("1")])
    clock.ms = start + 7
    await store.append(A, [said("3")])
    assert [event.at_ms for event in await store.read(A)] == [start, start, start + 7]
    assert [event.at_ms for event in await store.read(B)] == [start - 3_600_000]


async def test_heads_answers_for_known_and_unknown_at_once(store: Store):
    await store.append(A, [said("1"), said("2")])
    assert await store.heads([A, B, "pk'; --/x"]) == {A: 2, B: 0, "pk'; --/x": 0}
    assert await store.heads([]) == {}


async def test_a_booking_fits_up_to_its_limit_and_not_beyond(store: Store):
    await store.append(A, [said("1")], spend=[Spend("day", 60, 100)])
    await store.append(B, [said("1")], spend=[Spend("day", 40, 100)])
    with pytest.raises(OverLimit) as refused:
        await store.append(A, [said("2")], spend=[Spend("other", 1, 1), Spend("day", 1, 100)])
    assert (refused.value.key, refused.value.limit) == ("day", 100)
    assert await store.spent("day") == 100
    assert await store.spent("other") == 0
    assert await store.heads([A]) == {A: 1}


async def test_two_bookings_under_one_key_count_together(store: Store):
    with pytest.raises(OverLimit):
        await store.append(A, [said("1")], spend=[Spend("k", 3, 5), Spend("k", 3, 5)])
    await store.append(A, [said("1")], spend=[Spend("k", 3, 5), Spend("k", 2, 5)])
    assert await store.spent("k") == 5


async def test_without_events_an_append_only_books(store: Store):
    assert await store.append(A, [], spend=[Spend("k", 3, 5)]) == []
    with pytest.raises(OverLimit):
        await store.append(A, [], spend=[Spend("k", 3, 5)])
    assert (await store.spent("k"), await store.heads([A])) == (3, {A: 0})
    await store.append(A, [said("1")], spend=[Spend("k", 1, 5)])
    await store.append(A, [said("1")], spend=[Spend("k", 1, 5)])
    assert await store.spent("k") == 4, "what is sent again books nothing"


async def test_giving_a_reservation_back_always_fits(store: Store):
    await store.append(A, [said("1")], spend=[Spend("k", 50, 50)])
    await store.append(A, [said("2")], spend=[Spend("k", -20, 10)])
    assert await store.spent("k") == 30


async def test_racing_bookings_never_pass_the_limit(store: Store):
    outcomes = await asyncio.gather(
        *(store.append(f"pk/{n}", [said("1")], spend=[Spend("k", 7, 50)]) for n in range(40)), return_exceptions=True
    )
    assert sum(isinstance(outcome, list) for outcome in outcomes) == 7
    assert await store.spent("k") == 49


async def test_old_bookings_are_swept_after_three_days_and_not_before(store: Store, clock: Clock):
    await store.append(A, [said("1")], spend=[Spend("old", 1, 9)])
    clock.ms += 2 * 24 * 3600 * 1000
    await store.append(A, [said("2")], spend=[Spend("new", 1, 9)])
    await store.sweep()
    assert (await store.spent("old"), await store.spent("new")) == (1, 1)
    clock.ms += 24 * 3600 * 1000 + 1
    await store.sweep()
    assert (await store.spent("old"), await store.spent("new")) == (0, 1)


async def test_what_is_booked_for_a_whole_conversation_is_kept_as_long_as_it(store: Store, clock: Clock):
    other = f"{A}b"
    for key in (A, other):
        await store.append(
            key, [said("1")], spend=[Spend(f"{key}/refund", 3, 5, lasting=True), Spend(f"{key}/day", 1, 9)]
        )
    await store.append(
        A, [said("2")], spend=[Spend(f"{A}/refund", -1, 0)]
    )  # given back: nobody says that it is lasting
    clock.ms += 365 * 24 * 3600 * 1000
    await store.sweep()
    assert (await store.spent(f"{A}/refund"), await store.spent(f"{A}/day")) == (2, 0)
    with pytest.raises(OverLimit):
        await store.append(A, [said("3")], spend=[Spend(f"{A}/refund", 4, 5, lasting=True)])
    await store.erase(A)
    assert (await store.spent(f"{A}/refund"), await store.spent(f"{other}/refund")) == (0, 3)


async def test_an_erased_conversation_keeps_its_skeleton_and_takes_nothing_more(store: Store):
    await store.append(
        A, [NewEvent("i", "identified", "system", {"customer": "c1"}), said("1", "secret words"), turn("2", "t1")]
    )
    before = await store.read(A)
    await store.erase(A)
    assert await store.read(A) == [replace(event, body={}) for event in before]
    assert await store.heads([A]) == {A: 3}
    with pytest.raises(Gone):
        await store.append(A, [said("3")])
    with pytest.raises(Gone):
        await store.append(A, [said("1", "secret words")])
    [summary] = await store.find(Find())
    assert summary.erased
    assert (summary.customer, summary.last_text, summary.open_turn, summary.unanswered) == (None, "", None, 0)
    assert await store.find(Find(customer="c1")) == []
    assert await store.find(Find(unfinished=True)) == []


async def test_erasing_touches_one_conversation_and_may_be_repeated(store: Store):
    await store.append(A, [said("1")])
    others = await store.append(B, [said("1")])
    await store.erase(A)
    await store.erase(A)
    await store.erase("pk_one/unknown")
    assert await store.read(B) == others
    await store.append("pk_one/unknown", [said("1")])


async def test_a_lease_has_one_holder_until_it_ends_or_is_given_back(store: Store, clock: Clock):
    assert await store.claim(A, "x", 5)
    assert await store.claim(A, "x", 5)
    assert not await store.claim(A, "y", 5)
    assert await store.claim(B, "y", 5)
    clock.ms += 4_999
    assert not await store.claim(A, "y", 5)
    clock.ms += 1
    assert await store.claim(A, "y", 5)
    assert not await store.claim(A, "x", 0)
    assert not await store.claim(A, "x", 5)
    assert not await store.claim(A, "y", 0)
    assert await store.claim(A, "x", 5)


async def test_expired_leases_of_many_conversations_do_not_hinder_new_ones(store: Store, clock: Clock):
    for n in range(3000):
        assert await store.claim(f"pk/{n}", "x", 5)
        clock.ms += 10
    assert not await store.claim("pk/2999", "y", 5)
    assert await store.claim("pk/0", "y", 5)


async def test_every_log_has_a_name_of_its_own(store: Store):
    assert store.epoch
    assert store.epoch != MemoryStore().epoch
