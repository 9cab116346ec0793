"""What all tests in a browser share: how long a page may take to show what it should.

Must not make anything wait that has come: the time is only used up when something is wrong, or the machine is busy.
"""

import pytest
from playwright.sync_api import expect

PATIENCE_MS = 60_000
"""Playwright's own 5 s are used up by a first answer on a machine with two busy cores (measured: 7 s at a load of 9)."""


@pytest.fixture(scope="session", autouse=True)
def _patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)
