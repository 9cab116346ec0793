"""What every test of a store's contract is run over."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.ports import Store
from server.stores.memory import MemoryStore
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.ms = 1_795_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(clock_ms=clock)
        return
    with Owner(tmp_path) as owner:
        opened = SqliteStore.open(owner, clock_ms=clock)
        yield opened
        await opened.close()
