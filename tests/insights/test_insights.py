"""The numbers of a whole log: added up by day and site, kept up to date, forgotten with what is erased."""

import sqlite3
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from server.files import Files
from server.insights import Cited, Insights, Scope, Table
from server.insights.gaps import gather
from server.insights.tally import Question
from server.log import Log
from server.records import Records
from server.stores.memory import MemoryStore
from tests.insights.log import DAY, MINUTE, Clock, answered_chat, ended, event, mode, reply, said

NOON = 1_790_000_000_000 // DAY * DAY + DAY // 2
SITES = frozenset({"pk_a", "pk_b"})


class Words:
    """An embedder for which texts that begin with the same word mean the same. It counts what it embeds."""

    name = "words"
    dim = 64

    def __init__(self):
        self.embedded = []

    async def embed(self, texts, progress=None):
        self.embedded += texts
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text):
        vector = np.zeros(self.dim, np.float32)
        vector[sum(text.split()[0].encode()) % self.dim] = 1
        return vector


class World:
    """A log with a clock, and the insights over it."""

    def __init__(self, data):
        self.data = data
        self.clock = Clock(NOON)
        self.log = Log(MemoryStore(clock_ms=self.clock))
        self.words = Words()
        self.zones = {"pk_a": ZoneInfo("UTC"), "pk_b": ZoneInfo("UTC")}
        self.insights = self.opened()

    def opened(self, log=None):
        async def asks(text):
            return "?" in text

        log = log or self.log
        return Insights(log, Table(self.data), self.words, zones=self.zones, asks=asks, clock_ms=self.clock)

    async def write(self, key, steps, *, at_ms):
        """Append each event at its time, counted from `at_ms`."""
        now_ms = self.clock.now_ms
        for ahead_ms, new in steps:
            self.clock.now_ms = at_ms + ahead_ms
            await self.log.append(key, [new])
        self.clock.now_ms = now_ms

    async def report(self, days=7, **scope):
        return await self.insights.report(Scope(scope.pop("sites", SITES), **scope), days)

    async def gaps(self, days=7):
        return await self.insights.gaps(Scope(SITES), days)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def unknown_chat(question):
    return [
        (0, said("m1", question)),
        (1_000, reply("r1", text="I do not know.")),
        (1_000, ended("t1", "m1")),
    ]


async def test_the_numbers_are_those_that_were_counted_by_hand(world):
    await world.write("pk_a/1", answered_chat(), at_ms=NOON - 2 * DAY)
    rated = [(3_000, event("s", "rated", {"score": 5}, role="customer"))]
    await world.write("pk_a/2", answered_chat() + rated, at_ms=NOON - 2 * DAY + MINUTE)
    handed = [
        (0, said("m1", "A person please")),
        (1_000, mode("w", "waiting", reason="asked")),
        (61_000, mode("s", "staff", by="s:1", name="Ada")),
        (61_000, event("a", "message", {"text": "Hello"}, role="staff")),
        (91_000, event("b", "message", {"text": "Bye"}, role="staff")),
        (95_000, mode("c", "closed", reason="solved")),
        (96_000, event("s2", "rated", {"score": 3}, role="customer")),
    ]
    await world.write("pk_b/3", handed, at_ms=NOON - DAY)
    await world.write("pk_a/4", answered_chat(), at_ms=NOON - MINUTE)
    report = await world.report()
    total = report.total
    assert (total.conversations, total.settled, total.resolved, total.handed_over) == (4, 3, 2, 1)
    assert total.resolved_share == pytest.approx(2 / 3)
    assert dict(total.reasons) == {"asked": 1}
    assert (total.first_response_ms, total.first_response_p90_ms) == (2_000, 61_000)
    assert total.person_response_ms == 60_000
    assert total.resolution == 2_000  # of 2 s, 2 s and 91 s
    assert total.csat == 0.5
    assert {site: part.conversations for site, part in report.sites.items()} == {"pk_a": 3, "pk_b": 1}
    by_day = [part.conversations for part in report.days.values()]
    assert by_day == [0, 0, 0, 0, 2, 1, 1]
    assert len(report.by_day_and_site) == 3


async def test_a_conversation_counts_once_and_anew_when_it_goes_on(world):
    await world.write("pk_a/1", answered_chat(), at_ms=NOON - 2 * DAY)
    assert (await world.report()).total.resolved == 1
    assert await world.insights.refresh() == 0
    await world.write("pk_a/1", [(0, mode("w", "waiting", reason="asked"))], at_ms=NOON - MINUTE)
    total = (await world.report()).total
    assert (total.conversations, total.resolved, total.handed_over) == (1, 0, 1)


async def test_after_a_restart_only_what_changed_is_read_again(world):
    for n in range(5):
        await world.write(f"pk_a/{n}", answered_chat(), at_ms=NOON - DAY)
    assert await world.insights.refresh() == 5
    other = Log(world.log.store)
    await other.append("pk_a/3", [said("m9")])  # nobody hears of this one
    again = world.opened(Log(world.log.store))
    assert await again.refresh() == 1
    assert (await again.report(Scope(SITES), 7)).total.conversations == 5


async def test_a_table_that_was_lost_is_filled_anew_with_the_same_numbers(world, tmp_path):
    await world.write("pk_a/1", answered_chat(), at_ms=NOON - 2 * DAY)
    before = await world.report()
    for file in tmp_path.glob("insights.db*"):
        file.unlink()
    world.insights = world.opened()
    assert await world.report() == before


async def test_another_log_in_the_same_directory_starts_from_nothing(world):
    await world.write("pk_a/1", answered_chat(), at_ms=NOON - DAY)
    await world.report()
    world.log = Log(MemoryStore(clock_ms=world.clock))
    world.insights = world.opened()
    assert (await world.report()).total.conversations == 0


async def test_what_is_erased_is_counted_no_more_and_its_words_are_gone_from_the_file(world, tmp_path):
    await world.write("pk_a/1", unknown_chat("Where is Rumpelstilzchen?"), at_ms=NOON - DAY)
    await world.write("pk_a/2", unknown_chat("Giftwrap?"), at_ms=NOON - DAY)
    await world.gaps()
    await Records(world.log, Files(tmp_path), Table(tmp_path)).erase("pk_a/1")
    for file in tmp_path.glob("insights.db*"):
        assert b"Rumpelstilzchen" not in file.read_bytes()
    assert (await world.report()).total.conversations == 1
    assert [gap.label for gap in await world.gaps()] == ["Giftwrap?"]


async def test_what_was_erased_while_nobody_looked_is_found_at_the_next_start(world):
    await world.write("pk_a/1", unknown_chat("Where?"), at_ms=NOON - DAY)
    await world.report()
    await world.log.store.erase("pk_a/1")
    world.insights = world.opened()
    assert (await world.report()).total.conversations == 0


async def test_an_agent_sees_the_conversations_that_they_had_and_nobody_sees_another_site(world):
    await world.write("pk_a/1", answered_chat(), at_ms=NOON - DAY)
    taken = [(0, said("m1")), (1_000, mode("s", "staff", by="s:1", name="Ada"))]
    await world.write("pk_a/2", taken, at_ms=NOON - DAY)
    await world.write("pk_b/3", taken, at_ms=NOON - DAY)
    assert (await world.report(staff="s:1")).total.conversations == 2
    own = await world.report(staff="s:1", sites=frozenset({"pk_a"}))
    assert own.total.conversations == 1
    assert list(own.sites) == ["pk_a"]
    assert (await world.report(staff="s:2")).total.conversations == 0


async def test_a_day_is_the_shops_own(world):
    world.zones = {"pk_a": ZoneInfo("Pacific/Auckland"), "pk_b": ZoneInfo("Pacific/Honolulu")}
    world.insights = world.opened()
    for site in SITES:
        await world.write(f"{site}/1", answered_chat(), at_ms=NOON)
    world.clock.now_ms = NOON + MINUTE
    report = await world.report(days=1)
    assert report.total.conversations == 2
    days = {site: day for day, site in report.by_day_and_site}
    assert days["pk_a"] > days["pk_b"]
    world.clock.now_ms = NOON + DAY
    assert (await world.report(days=1)).total.conversations == 0


async def test_days_before_the_window_and_customers_who_never_wrote_are_left_out(world):
    await world.write("pk_a/1", answered_chat(), at_ms=NOON - 7 * DAY)
    await world.write("pk_a/2", [(0, event("o", "opened", {}))], at_ms=NOON - DAY)
    assert (await world.report(days=7)).total.conversations == 0
    report = await world.report(days=30)
    assert report.total.conversations == 1
    assert len(report.days) == 30
    assert max(report.days) == datetime.fromtimestamp(NOON / 1000, UTC).date()


async def test_questions_of_one_meaning_are_one_gap_and_thanks_are_none(world):
    for n, text in enumerate(["gift wrapping?", "gift paper at all?", "gift bags?", "norway?", "thank you"]):
        await world.write(f"pk_a/{n}", unknown_chat(text), at_ms=NOON - DAY + n)
    first, second = await world.gaps()
    assert (first.customers, first.questions, first.nearest) == (3, 3, "")
    assert {first.label, *first.examples} == {"gift wrapping?", "gift paper at all?", "gift bags?"}
    assert (second.label, second.customers) == ("norway?", 1)


async def test_articles_are_counted_by_the_messages_and_conversations_that_cite_them(world):
    def cites(*documents):
        return {"citations": [{"n": n, "document": one} for n, one in enumerate(documents, 1)]}

    twice = [
        (0, said("m1")),
        (1_000, reply("r1", **cites("returns.md", "returns.md", "sale.md"))),
        (2_000, reply("r2", **cites("returns.md"))),
    ]
    await world.write("pk_a/1", twice, at_ms=NOON - MINUTE)
    await world.write("pk_a/2", [(0, said("m1")), (500, reply("r1", **cites("returns.md")))], at_ms=NOON - 2 * MINUTE)
    await world.write("pk_b/1", [(0, said("m1")), (500, reply("r1", **cites("returns.md")))], at_ms=NOON)
    await world.write("pk_a/3", [(0, said("m1")), (9, reply("r1", **cites("old.md")))], at_ms=NOON - 40 * DAY)
    assert await world.insights.cited("pk_a", 30) == {
        "returns.md": Cited(3, 2, NOON - MINUTE + 2_000),
        "sale.md": Cited(1, 1, NOON - MINUTE + 1_000),
    }
    world.insights = world.opened()  # what was counted is read back from the file
    assert (await world.insights.cited("pk_a", 90))["old.md"] == Cited(1, 1, NOON - 40 * DAY + 9)


async def test_a_question_is_embedded_once_and_kept_in_its_conversations_next_count(world):
    await world.write("pk_a/1", unknown_chat("gift wrapping?"), at_ms=NOON - DAY)
    await world.gaps()
    await world.write("pk_a/1", [(0, event("x", "rated", {"score": 5}, role="customer"))], at_ms=NOON - MINUTE)
    assert len(await world.gaps()) == 1
    assert world.words.embedded == ["gift wrapping?"]


async def test_the_table_is_readable_by_its_owner_alone(world, tmp_path):
    await world.report()
    assert (tmp_path / "insights.db").stat().st_mode & 0o077 == 0
    sqlite3.connect(tmp_path / "insights.db").close()


def test_a_gap_is_named_by_its_most_central_question_and_counts_customers_once():
    vectors = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [-1, 0]], np.float32)
    asked = [
        ("pk_a/c1", Question("edge", 1, nearest="Gifts", score=0.2)),
        ("pk_a/c1", Question("middle", 2, nearest="Gifts", score=0.5)),
        ("pk_b/c2", Question("other edge", 3)),
        ("pk_a/c3", Question("apart", 4)),
    ]
    together, apart = gather(asked, vectors)
    assert (together.label, together.questions, together.customers) == ("middle", 3, 2)
    assert (together.nearest, together.last_ms, together.site) == ("Gifts", 3, "pk_a")
    assert (apart.label, apart.questions) == ("apart", 1)
    assert gather([], np.zeros((0, 2), np.float32)) == []
