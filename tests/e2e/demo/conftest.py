"""A real server with the demo shop, and one Chromium, for this folder's tests only.

Module-wide, not session-wide: Playwright's own loop must be gone before other tests start theirs.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.demo.support import SHOP
from tests.serving import Server

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(SHOP, tmp_path_factory.mktemp("demo") / "data", demo=True) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def wrong() -> list[str]:
    """What went wrong on the page so far; must be empty at the end of a test."""
    return []


@pytest.fixture(params=[(1280, 800), (390, 844)], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, chromium: Browser, server: Server, wrong: list[str]) -> Iterator[Page]:
    """A fresh visitor at the storefront; an error on the page or a refused file fails the test."""
    width, height = request.param
    context = chromium.new_context(viewport={"width": width, "height": height}, base_url=server.url, locale="en-GB")
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(f"error on the page: {error}"))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.on("request", lambda made: None if made.url.startswith((server.url, "data:")) else wrong.append(made.url))
    yield page
    context.close()
    assert wrong == []
