"""Browsers for the tests of the desk: customers' and colleagues', each with storage and cookies of its own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.desk.colleague import PASSWORD
from tests.e2e.whole.test_whole import ARGS
from tests.e2e.widget.steps import CHAT
from tests.serving import Server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=60_000)  # as the pages' own: a machine that is busy is no failure
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def browsers(chromium: Browser, server: Server) -> Iterator:
    """Makes browsers of their own: of customers, and of colleagues who are signed in."""
    made = []

    def make(email: str | None = None, **options) -> Page:
        context = chromium.new_context(
            **{"viewport": {"width": 1360, "height": 820}, "locale": "en-GB", "reduced_motion": "reduce"} | options
        )
        context.set_default_timeout(60_000)
        made.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"error on the page: {error}"))
        if email is None:
            page.goto(server.url)
            page.wait_for_selector(CHAT, state="attached")
            page.evaluate("Shopbell('show')")
            page.wait_for_selector(f"{CHAT} textarea")
            return page
        page.goto(f"{server.url}/desk")
        page.fill("input[name=email]", email)
        page.fill("input[name=password]", PASSWORD)
        page.click("form button")
        page.wait_for_selector(".rows")
        return page

    yield make
    for context in made:
        context.close()
