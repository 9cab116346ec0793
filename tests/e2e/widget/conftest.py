"""One Chromium for each file of the widget's tests, a fresh fake shop and a fresh profile for each.

Must not start a browser for tests that do not ask for one.
"""

import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.widget.fake import FakeShop, Running

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    with Running() as running:
        yield running


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB", timezone_id="Europe/Berlin")
    context.set_default_timeout(60_000)
    yield context
    context.close()


Opener = Callable[..., Page]

PATIENT = (
    "const wait = setTimeout; window.setTimeout = (fn, ms, ...args) => wait(fn, ms === 3000 ? 60000 : ms, ...args);"
)
"""A page that does not go alone when the tab with the line is slow to answer: here it is only the machine that is slow."""

LATE = """
const read = Storage.prototype.getItem;
Storage.prototype.getItem = function (key) { return key in (window.late || {}) ? window.late[key] : read.call(this, key); };
"""
"""A tab that does not see yet, in `window.late`, what another process has written: browsers promise no moment for it."""

SLOW_TO_RETRY = "Math.random = () => 60;"
"""The first back-off takes 30 s, so that a page is seen waiting."""


@pytest.fixture
def visit(context: BrowserContext, shop: FakeShop) -> Opener:
    """Opens a page of the shop with these data-* attributes; the page's own errors fail the test."""

    def go(
        attrs: dict[str, str] | None = None,
        *,
        init: str = "",
        fragment: str = "",
        context: BrowserContext = context,
        **query: str,
    ) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"error on the page: {error}"))
        if init:
            page.add_init_script(init)
        given = {"attrs": json.dumps(attrs or {}), **query}
        page.goto(f"{shop.url}/?" + "&".join(f"{k}={quote(v)}" for k, v in given.items()) + fragment)
        page.wait_for_selector("shopbell-chat", state="attached")
        return page

    return go
