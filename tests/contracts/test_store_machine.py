"""Random histories: each store against a model of the contract that is short enough to be believed.

Tries single steps in every order; what happens at once is in test_store.py, what happens at a crash in test_store_sqlite.py.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from server.conversation import summarize
from server.events import FENCING, NewEvent
from server.ports import Conflict, Find, Gone, IdempotencyMismatch, OverLimit, Spend, Store
from server.stores.chain import Head, check, genesis
from server.stores.memory import MemoryStore
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore
from tests.contracts.chained import stored

KEYS = ["pk_one/a", "pk_one/b", "pk_two/c"]
BODIES = {
    "message": {"text": "hi"},
    "note": {"text": "n"},
    "mode": {"mode": "staff"},
    "turn.started": {"attempt": 1},
    "turn.ended": {"reason": "answered", "answers": []},
    "identified": {"customer": "c1"},
    "call.asked": {"call": "x"},
    "call.decided": {"call": "x", "approve": True},
}
new_events = st.builds(
    lambda event_id, kind, role, more: NewEvent(str(event_id), kind, role, BODIES[kind] | more, "t1"),
    st.integers(0, 12),
    st.sampled_from(sorted(BODIES)),
    st.sampled_from(["customer", "agent", "staff"]),
    st.sampled_from([{}, {}, {}, {"text": "ü"}, {"x": [1, {"y": None}]}]),
)
spends = st.builds(Spend, st.sampled_from(["k1", "k2"]), st.integers(-3, 6), st.integers(0, 20))


class Model:
    """The contract as plain lists."""

    def __init__(self) -> None:
        self.logs: dict[str, list[tuple[NewEvent, int]]] = {key: [] for key in KEYS}
        self.erased: set[str] = set()
        self.spent = {"k1": 0, "k2": 0}

    def append(self, key, new, after, spend, now_ms) -> list[int]:
        """The seqs that the append returns."""
        if key in self.erased:
            raise Gone
        log = list(self.logs[key])
        seqs, added = [], False
        for item in new:
            for seq, (old, _) in enumerate(log, 1):
                if old.id == item.id:
                    if (old.kind, old.role, old.body) != (item.kind, item.role, item.body):
                        raise IdempotencyMismatch(item.id)
                    seqs.append(seq)
                    break
            else:
                added = True
                log.append((item, max(now_ms, log[-1][1] if log else 0)))
                seqs.append(len(log))
        if new and not added:
            return seqs
        if new and after is not None and any(old.kind in FENCING for old, _ in self.logs[key][after:]):
            raise Conflict
        spent = dict(self.spent)
        for item in spend:
            spent[item.key] += item.amount
            if item.amount > 0 and spent[item.key] > item.limit:
                raise OverLimit(item.key, item.limit)
        self.logs[key], self.spent = log, spent
        return seqs


class Histories(RuleBasedStateMachine):
    """Drives a store and the model side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.model = Model()
        self.now_ms = 1_795_000_000_000
        self.store: Store = self.run(self.make())

    async def make(self) -> Store:
        raise NotImplementedError

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()

    @initialize()
    def starts_empty(self) -> None:
        assert self.run(self.store.find(Find())) == []

    @rule(
        key=st.sampled_from(KEYS),
        new=st.lists(new_events, max_size=4),
        back=st.none() | st.integers(0, 5),
        spend=st.lists(spends, max_size=2),
    )
    def append(self, key, new, back, spend) -> None:
        after = None if back is None else max(0, len(self.model.logs[key]) - back)
        expected = error = None
        try:
            expected = self.model.append(key, new, after, spend, self.now_ms)
        except (Gone, IdempotencyMismatch, Conflict, OverLimit) as refused:
            error = refused
        if error is not None:
            with pytest.raises(type(error)):
                self.run(self.store.append(key, new, after=after, spend=spend))
        else:
            events = self.run(self.store.append(key, new, after=after, spend=spend))
            assert [event.seq for event in events] == expected

    @rule(step=st.integers(-5_000, 5_000))
    def time_passes(self, step) -> None:
        self.now_ms += step

    @rule(key=st.sampled_from(KEYS))
    def erase(self, key) -> None:
        # Rarely useful early: only what is long enough to be worth it.
        if len(self.model.logs[key]) >= 6:
            self.run(self.store.erase(key))
            self.model.erased.add(key)

    @rule(key=st.sampled_from(KEYS), after=st.integers(0, 15), limit=st.integers(0, 5))
    def read(self, key, after, limit) -> None:
        seqs = [event.seq for event in self.run(self.store.read(key, after=after, limit=limit))]
        assert seqs == list(range(1, len(self.model.logs[key]) + 1))[after:][:limit]

    @invariant()
    def the_logs_agree(self) -> None:
        for key, log in self.model.logs.items():
            events = self.run(self.store.read(key))
            gone = key in self.model.erased
            assert [(e.seq, e.at_ms, e.id, e.kind, e.role, e.body) for e in events] == [
                (seq, at_ms, item.id, item.kind, item.role, {} if gone else item.body)
                for seq, (item, at_ms) in enumerate(log, 1)
            ]

    @invariant()
    def every_log_is_chained_from_its_first_event_to_its_last(self) -> None:
        for key in self.model.logs:
            rows = self.run(self.store.rows(key))
            head = Head(key, len(rows), rows[-1].chain if rows else genesis(key), key in self.model.erased)
            assert check(head, map(stored, rows)) is None

    @invariant()
    def heads_and_sums_agree(self) -> None:
        assert self.run(self.store.heads(KEYS)) == {key: len(log) for key, log in self.model.logs.items()}
        assert {key: self.run(self.store.spent(key)) for key in self.model.spent} == self.model.spent

    @invariant()
    def summaries_are_the_fold_of_what_is_read(self) -> None:
        for summary in self.run(self.store.find(Find())):
            assert summary.erased == (summary.conversation in self.model.erased)
            if not summary.erased:
                expected = None
                for event in self.run(self.store.read(summary.conversation)):
                    expected = summarize(expected, event)
                assert summary == expected


class MemoryHistories(Histories):
    async def make(self) -> Store:
        return MemoryStore(clock_ms=lambda: self.now_ms)


class SqliteHistories(Histories):
    async def make(self) -> Store:
        self.data = Path(tempfile.mkdtemp(prefix="shopbell-"))
        self.owner = Owner(self.data)
        return SqliteStore.open(self.owner, clock_ms=lambda: self.now_ms)

    @rule()
    def reopen(self) -> None:
        epoch = self.store.epoch
        self.run(self.store.close())
        self.store = SqliteStore.open(self.owner, clock_ms=lambda: self.now_ms)
        assert self.store.epoch == epoch

    def teardown(self) -> None:
        super().teardown()
        self.owner.release()
        shutil.rmtree(self.data)


@pytest.mark.parametrize(
    ("machine", "examples"), [(MemoryHistories, 60), (SqliteHistories, 25)], ids=["memory", "sqlite"]
)
def test_any_history_leaves_what_the_contract_says(machine, examples):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
