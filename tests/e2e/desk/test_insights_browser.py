"""Insights in Chromium: reached from the desk's menu, axe clean in light and dark, on a phone without sideways scrolling.

The numbers themselves are test_insights_page's.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.desk.colleague import PASSWORD, add_staff
from tests.e2e.desk.test_insights_page import chats
from tests.e2e.whole.test_whole import ARGS
from tests.e2e.widget.steps import violations
from tests.serving import Server, write_shop

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

READABLE_PX = 11
"""Of the height of a line of a chart's labels, ascent and descent: what 9-pixel letters have."""
SMALLEST = "Math.min(...[...document.querySelectorAll('svg .tick')].map((text) => text.getBoundingClientRect().height))"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place: Path = tmp_path_factory.mktemp("insights")
    add_staff(place / "data", "ada@example.com", role="admin")
    with Server([write_shop(place / "a"), write_shop(place / "b", key="pk_other")], place / "data") as running:
        asyncio.run(chats(running))
        yield running


@pytest.fixture(scope="module")
def chromium(server: Server) -> Iterator[Browser]:
    # The server is asked for first: asyncio.run must be over before Playwright's loop begins.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        yield browser
        browser.close()


def opened(chromium: Browser, server: Server, wrong: list[str], **options) -> Page:
    page = chromium.new_context(locale="en-GB", **options).new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(f"{server.url}/desk")
    page.fill("input[name=email]", "ada@example.com")
    page.fill("input[name=password]", PASSWORD)
    page.click("form button")
    expect(page.locator(".queue")).to_be_visible()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (360, 740)], ids=["desktop", "phone"])
def test_the_page_is_clean_for_axe_and_fits_the_screen(chromium, server, scheme, width, height):
    wrong: list[str] = []
    size = {"width": width, "height": height}
    page = opened(chromium, server, wrong, viewport=size, color_scheme=scheme)
    page.goto(f"{server.url}/desk/insights?days=30")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    expect(page.get_by_role("img").first).to_be_visible()
    expect(page.get_by_role("heading", name="Questions without an answer")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(SMALLEST) >= READABLE_PX
    assert wrong == []  # before axe, which tries inline styles that the page's policy refuses
    assert violations(page) == []
    page.context.close()


def test_the_desks_menu_leads_to_the_numbers_and_a_shop_can_be_chosen(chromium, server):
    wrong: list[str] = []
    page = opened(chromium, server, wrong, viewport={"width": 1280, "height": 900})
    menu = page.locator("details.menu.up summary")
    expect(menu).to_have_text("Ada")  # until the desk knows who is there, it draws the menu anew
    menu.click()
    page.get_by_role("link", name="Insights").click()
    expect(page).to_have_title("Insights – Shopbell desk")
    page.locator("select[name=site]").select_option("pk_other")
    page.locator("select[name=days]").select_option("7")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".value").first).to_have_text("0")
    with page.expect_download() as download:
        page.get_by_role("link", name="Numbers as CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    page.get_by_role("link", name="Back to the desk").click()
    expect(page.locator(".queue")).to_be_visible()
    assert wrong == []
    page.context.close()
