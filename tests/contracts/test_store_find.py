"""The contract of `server.ports.Store`: summaries, queries over them, and the search in words, run over every store."""

import pytest

from server.conversation import summarize
from server.events import Event, NewEvent
from server.ports import Find, IdempotencyMismatch, Store, Summary
from tests.contracts.conftest import Clock
from tests.contracts.test_store import ended, said, turn

A, B = "pk_one/a", "pk_two/b"


def folded(events: list[Event]) -> Summary | None:
    summary = None
    for event in events:
        summary = summarize(summary, event)
    return summary


async def test_the_summary_is_the_fold_of_the_events(store: Store, clock: Clock):
    await store.append(
        A,
        [
            NewEvent("o", "opened", "system", {"locale": "en"}),
            NewEvent("i", "identified", "system", {"customer": "c1"}),
        ],
    )
    clock.ms += 10
    await store.append(A, [said("1"), turn("2", "t1")])
    clock.ms += 10
    await store.append(A, [NewEvent("3", "mode", "system", {"mode": "waiting"}), said("4")])
    [summary] = await store.find(Find())
    assert summary == folded(await store.read(A))
    assert (summary.customer, summary.mode, summary.open_turn, summary.head) == ("c1", "waiting", "t1", 6)


async def test_find_gives_what_meets_every_condition_newest_first(store: Store, clock: Clock):
    start = clock.ms
    for n, key in enumerate(("pk_one/a", "pk_one/b", "pk_two/c", "pk_one/d")):
        clock.ms = start + n
        await store.append(key, [NewEvent("i", "identified", "system", {"customer": f"c{n % 2}"}), said("1")])
    clock.ms = start + 9
    await store.append("pk_one/a", [NewEvent("m", "mode", "system", {"mode": "staff"})])

    async def keys(query: Find) -> list[str]:
        return [summary.conversation for summary in await store.find(query)]

    assert await keys(Find()) == ["pk_one/a", "pk_one/d", "pk_two/c", "pk_one/b"]
    assert await keys(Find(site="pk_one")) == ["pk_one/a", "pk_one/d", "pk_one/b"]
    assert await keys(Find(customer="c1")) == ["pk_one/d", "pk_one/b"]
    assert await keys(Find(mode="staff")) == ["pk_one/a"]
    assert await keys(Find(site="pk_one", mode="agent", customer="c1")) == ["pk_one/d", "pk_one/b"]
    assert await keys(Find(updated_before_ms=start + 2)) == ["pk_one/b"]
    assert await keys(Find(limit=2, offset=1)) == ["pk_one/d", "pk_two/c"]
    assert await keys(Find(site="pk_three")) == []


async def test_unfinished_is_an_open_turn_or_an_unanswered_customer(store: Store):
    async def is_unfinished() -> bool:
        found = await store.find(Find(unfinished=True))
        rest = await store.find(Find(unfinished=False))
        assert len(found) + len(rest) == 1
        return bool(found)

    await store.append(A, [NewEvent("o", "opened", "system", {})])
    assert not await is_unfinished()
    await store.append(A, [said("1")])
    assert await is_unfinished()
    await store.append(A, [turn("2", "t1")])
    assert await is_unfinished()
    await store.append(A, [ended("3", "t1", "1")])
    assert not await is_unfinished()
    await store.append(A, [NewEvent("4", "mode", "system", {"mode": "waiting"}), said("5")])
    assert await is_unfinished()
    await store.append(A, [NewEvent("6", "mode", "staff", {"mode": "staff"}), said("7")])
    assert not await is_unfinished()


async def test_what_waits_for_a_decision_is_found_until_it_is_decided(store: Store):
    def of_call(event_id: str, kind: str, call: str) -> NewEvent:
        return NewEvent(event_id, kind, "system", {"call": call, "approve": True})

    async def waiting() -> list[str]:
        return [summary.conversation for summary in await store.find(Find(asked=True))]

    await store.append(B, [said("1")])
    await store.append(A, [of_call("a1", "call.asked", "x"), of_call("a2", "call.asked", "y")])
    assert await waiting() == [A]
    await store.append(A, [of_call("d1", "call.decided", "x")])
    assert await waiting() == [A]
    await store.append(A, [of_call("d2", "call.decided", "y")])
    assert await waiting() == []
    assert [summary.conversation for summary in await store.find(Find(asked=False, site="pk_one"))] == [A]


async def test_blocked_visitors_are_found_by_customer(store: Store):
    def block(event_id: str, on: bool) -> NewEvent:
        return NewEvent(event_id, "blocked", "staff", {"on": on, "by": "s:1", "name": "Ada"})

    async def blocked() -> list[str]:
        query = Find(site="pk_one", customer="c1", blocked=True)
        return [summary.conversation for summary in await store.find(query)]

    for key in (A, B):
        who = NewEvent("i", "identified", "system", {"customer": "c1"})
        await store.append(key, [who])
    assert await blocked() == []
    await store.append(A, [block("b1", True)])
    assert await blocked() == [A]
    await store.append(A, [block("b2", False)])
    assert await blocked() == []


async def test_unfinished_is_a_decision_not_taken_up_and_a_call_in_flight(store: Store):
    async def is_unfinished() -> bool:
        return bool(await store.find(Find(unfinished=True)))

    await store.append(A, [NewEvent("a", "call.asked", "system", {"call": "x"})])
    assert not await is_unfinished()
    await store.append(A, [NewEvent("d", "call.decided", "staff", {"call": "x", "approve": True})])
    assert await is_unfinished()
    await store.append(A, [turn("t", "t1"), NewEvent("s", "call.started", "system", {"call": "x"}), ended("e", "t1")])
    assert await is_unfinished()
    [summary] = await store.find(Find())
    assert summary.in_flight == ("x",)
    await store.append(A, [NewEvent("z", "call.ended", "system", {"call": "x", "ok": True})])
    assert not await is_unfinished()


async def test_a_search_finds_words_by_their_beginning_whatever_their_case_and_accents(store: Store) -> None:
    await store.append(A, [said("m1", "Wo bleibt mein Päckchen aus Köln?"), said("m2", "Es ist rot.")])
    await store.append(B, [said("m1", "Where is my parcel?")])
    sites = ["pk_one", "pk_two"]
    for query in ("päckchen", "PACK koln", "köl", "mein aus"):
        [hit] = await store.search(query, sites=sites)
        assert (hit.summary.conversation, hit.seq) == (A, 1), query
        assert "Päckchen" in hit.text
    assert [hit.summary.conversation for hit in await store.search("is", sites=["pk_two"])] == [B]
    for query in ("rot päckchen", "nothing", "", '"', "* OR", "eckchen"):
        assert await store.search(query, sites=sites) == [], query


async def test_a_search_finds_notes_and_names_and_the_newest_place_of_each_conversation(
    store: Store, clock: Clock
) -> None:
    who = NewEvent("i1", "identified", "customer", {"customer": "cus_7", "name": "Mara Vogt", "email": "m@x.example"})
    await store.append(A, [said("m1", "the blue kettle"), NewEvent("n1", "note", "staff", {"text": "kettle is out"})])
    clock.ms += 1_000
    await store.append(B, [who, said("m1", "a kettle, please")])
    hits = await store.search("kettle", sites=["pk_one", "pk_two"])
    assert [(hit.summary.conversation, hit.seq) for hit in hits] == [(B, 2), (A, 2)]
    assert [hit.seq for hit in await store.search("vogt mara", sites=["pk_two"])] == [1]
    assert await store.search("kettle", sites=["pk_three"]) == []
    assert len(await store.search("kettle", sites=["pk_one", "pk_two"], limit=1)) == 1


async def test_what_was_erased_is_not_found(store: Store) -> None:
    await store.append(A, [said("m1", "my secret garden")])
    await store.append(B, [said("m1", "another garden")])
    await store.erase(A)
    assert [hit.summary.conversation for hit in await store.search("garden", sites=["pk_one", "pk_two"])] == [B]


async def test_what_is_refused_is_not_found(store: Store) -> None:
    await store.append(A, [said("m1", "first words")])
    with pytest.raises(IdempotencyMismatch):
        await store.append(A, [said("m2", "second words"), said("m1", "other words")])
    assert [hit.seq for hit in await store.search("words", sites=["pk_one"])] == [1]
