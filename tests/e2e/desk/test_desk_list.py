"""The desk's list by keyboard, with more conversations than a screen holds: arrows, Enter, Esc, and out of the search field.

Over a real server. What is there is waited for, never slept for.
"""

import asyncio
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from server.events import NewEvent
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore
from tests.e2e.desk.colleague import add_staff
from tests.serving import Server, write_shop

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MANY = 60
"""More than are drawn at once."""
HOUR_MS = 3_600_000


async def fill(data: Path) -> None:
    """Answered conversations of the last hour, the newest last; every one says its number."""
    ticks = itertools.count(time.time_ns() // 1_000_000 - HOUR_MS, 1_000)
    with Owner(data) as owner:
        store = SqliteStore.open(owner, clock_ms=lambda: next(ticks))
        for number in range(MANY):
            events = [
                NewEvent("o", "opened", "customer", {"locale": "en"}),
                NewEvent("m", "message", "customer", {"text": f"This is word{number:03}."}),
                NewEvent("t:r", "message", "agent", {"text": f"So word{number:03} it is."}, "t"),
                NewEvent("t:e", "turn.ended", "system", {"reason": "answered", "answers": ["m"]}, "t"),
            ]
            await store.append(f"pk_test/c:{number:03}", events)
        await store.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = tmp_path_factory.mktemp("list")
    asyncio.run(fill(directory / "data"))
    add_staff(directory / "data", "ada@example.com", role="admin")
    (directory / "script.json").write_text('{"rules": []}')
    with Server(
        write_shop(directory / "shop"), directory / "data", SHOPBELL_MODEL=f"scripted:{directory / 'script.json'}"
    ) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def filled(server: Server) -> None:
    """The server is asked for before a browser is: asyncio.run must be over before Playwright's loop begins."""


@pytest.fixture
def desk(browsers) -> Page:
    page = browsers("ada@example.com")
    page.keyboard.press("4")
    expect(page.locator(".row").first).to_contain_text(f"word{MANY - 1:03}")
    return page


def focused(desk: Page, number: int) -> None:
    """Wait until the row of this conversation has the focus, and is seen."""
    expect(desk.locator(".row:focus")).to_contain_text(f"word{number:03}")
    expect(desk.locator(".row:focus")).to_be_in_viewport()


def opened(desk: Page, number: int) -> None:
    expect(desk.locator(".talk .message").first).to_contain_text(f"word{number:03}")


def test_arrows_walk_through_the_list_beyond_what_is_drawn_and_enter_opens(desk: Page) -> None:
    desk.keyboard.press("Escape")
    focused(desk, MANY - 1)
    for number in range(MANY - 2, MANY - 31, -1):
        desk.keyboard.press("ArrowDown")
        focused(desk, number)
    desk.keyboard.press("ArrowUp")
    focused(desk, MANY - 29)
    desk.keyboard.press("Enter")
    opened(desk, MANY - 29)


def test_escape_in_a_conversation_goes_back_to_its_row_wherever_the_list_was_scrolled(desk: Page) -> None:
    desk.locator(".row").first.click()
    opened(desk, MANY - 1)
    desk.locator(".rows").evaluate("(rows) => { rows.scrollTop = rows.scrollHeight; }")
    expect(desk.locator(".row", has_text="word000")).to_be_in_viewport()
    expect(desk.locator(".row", has_text=f"word{MANY - 1:03}")).to_have_count(0)
    desk.keyboard.press("Escape")
    focused(desk, MANY - 1)


def test_what_is_behind_the_list_is_one_tab_away_from_it(desk: Page) -> None:
    desk.keyboard.press("Escape")
    focused(desk, MANY - 1)
    desk.keyboard.press("ArrowDown")
    focused(desk, MANY - 2)
    desk.keyboard.press("Tab")
    expect(desk.locator(".bar summary")).to_be_focused()
    desk.keyboard.press("Shift+Tab")
    focused(desk, MANY - 2)


def test_enter_in_the_search_field_opens_the_first_and_an_arrow_goes_to_what_was_found(desk: Page) -> None:
    desk.keyboard.press("/")
    desk.keyboard.type("word017")
    expect(desk.locator(".row")).to_have_count(1)
    desk.keyboard.press("ArrowDown")
    focused(desk, 17)
    desk.keyboard.press("/")
    desk.keyboard.press("Enter")
    opened(desk, 17)
    desk.keyboard.press("n")  # out of the field: keys are the desk's again
    expect(desk.locator("#words")).to_be_focused()


def test_words_that_are_typed_after_escape_are_not_taken_away_by_the_list(desk: Page) -> None:
    desk.locator(".row").first.click()
    opened(desk, MANY - 1)
    desk.locator(".rows").evaluate("(rows) => { rows.scrollTop = rows.scrollHeight; }")
    expect(desk.locator(".row", has_text="word000")).to_be_in_viewport()
    desk.keyboard.press("Escape")
    desk.keyboard.press("n")
    desk.keyboard.type("a note")
    expect(desk.locator("#words")).to_have_value("a note")
    expect(desk.locator(".row", has_text=f"word{MANY - 1:03}")).to_have_count(1)
    expect(desk.locator("#words")).to_be_focused()
