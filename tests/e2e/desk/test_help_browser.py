"""Articles and workflows in Chromium: the preview follows the typing, mistakes are found at their lines, axe finds nothing.

What is saved, and what becomes of it, is test_articles_page's and test_workflows_page's.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.desk.colleague import PASSWORD, add_staff
from tests.e2e.desk.test_articles_page import ARTICLES, QUESTION, asked
from tests.e2e.desk.test_workflows_page import LOST, PLUGIN
from tests.e2e.whole.test_whole import ARGS
from tests.e2e.widget.steps import violations
from tests.serving import Server, write_shop

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PAGES = {
    "articles": "/articles",
    "search": "/articles?q=parcels+to+norway",
    "article": "/articles/edit?path=delivery/abroad.md",
    "html": "/articles/edit?path=old.html",
    "new article": "/articles/new?question=Do+you+wrap+presents%3F",
    "workflows": "/workflows",
    "workflow": "/workflows/show?name=return_item",
    "own workflow": "/workflows/edit?file=lost.yaml",
    "new workflow": "/workflows/new",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("help")


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    add_staff(place / "data", "ada@example.com", role="admin")
    shop = write_shop(place / "a", articles=ARTICLES, plugin=PLUGIN)
    (shop / "workflows").mkdir()
    (shop / "workflows/lost.yaml").write_text(LOST)
    with Server(shop, place / "data") as running:
        assert asyncio.run(asked(running, QUESTION))
        yield running


@pytest.fixture(scope="module")
def chromium(server: Server) -> Iterator[Browser]:
    # The server is asked for first: asyncio.run must be over before Playwright's loop begins.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(chromium: Browser, server: Server) -> object:
    """The cookie of one who has signed in, for every context."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/desk/login")
    page.fill("input[name=email]", "ada@example.com")
    page.fill("input[name=password]", PASSWORD)
    page.click("form button")
    page.wait_for_url(f"{server.url}/desk")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def opened(chromium: Browser, server: Server, signed_in):
    wrong: list[str] = []
    contexts = []

    def make(where: str, **options) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        contexts.append(chromium.new_context(locale="en-GB", storage_state=signed_in, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(f"{server.url}/desk/settings{where}")
        return page

    make.wrong = wrong
    yield make
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (360, 740)], ids=["desktop", "phone"])
def test_every_page_is_clean_for_axe_and_fits_the_screen(opened, server, scheme, width, height):
    page = opened("/articles", viewport={"width": width, "height": height}, color_scheme=scheme)
    for name, where in PAGES.items():
        page.goto(f"{server.url}/desk/settings{where}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        expect(page.get_by_role("heading", level=2)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert opened.wrong == [], name  # before axe, which tries inline styles that the page's policy refuses
        assert violations(page) == [], name
        opened.wrong.clear()


def test_the_preview_follows_the_typing_and_a_mistake_leads_to_its_line(opened, place):
    page = opened("/articles/edit?path=returns.md")
    before = (place / "a/help/returns.md").read_text()
    text = page.get_by_label("Text, in Markdown")
    text.fill("# Sending back\n\nWithin **nine** days.\n\nSee [boots](boots.md).\n")
    expect(page.locator("#preview strong")).to_have_text("nine")
    page.get_by_role("link", name="Line 5").click()
    expect(text).to_be_focused()
    assert text.evaluate("(one) => one.value.slice(one.selectionStart, one.selectionEnd)") == "See [boots](boots.md)."
    text.fill("# Sending back\n\n<img src=x onerror=alert(1)> Within **ten** days.\n")
    expect(page.locator("#preview strong")).to_have_text("ten")
    expect(page.locator("#problems")).not_to_contain_text("Line")
    expect(page.locator("#preview img")).to_have_count(0)
    assert (place / "a/help/returns.md").read_text() == before
    assert opened.wrong == []


def test_saving_is_told_and_undone_and_a_sync_is_seen_to_its_end(opened, place):
    page = opened("/articles/edit?path=returns.md")
    before = (place / "a/help/returns.md").read_text()
    text = page.get_by_label("Text, in Markdown")
    text.fill(before.replace("30 days", "31 days"))
    text.press("Control+s")
    expect(page.locator(".saved")).to_contain_text("Changed the article returns.md")
    expect(page.get_by_text("0 added, 1 changed, 0 removed")).to_be_visible()
    page.locator(".saved").get_by_role("button", name="Undo").click()
    expect(page.locator(".saved")).to_contain_text("Taken back")
    assert (place / "a/help/returns.md").read_text() == before
    page.get_by_role("link", name="Articles").click()
    expect(page.get_by_text("0 added, 1 changed, 0 removed")).to_be_visible()
    page.get_by_role("button", name="Sync now").click()
    expect(page.get_by_text("0 added, 0 changed, 0 removed")).to_be_visible()
    assert opened.wrong == []


def test_a_workflow_is_drawn_anew_while_it_is_written_and_switched_in_the_list(opened, place):
    page = opened("/workflows/edit?file=lost.yaml")
    text = page.get_by_label("Its file, in YAML")
    expect(page.locator("svg .box.say title")).to_have_text("We begin to look for your parcel at once.")
    text.fill(LOST.replace("- end: told", "- hand_over: nobody knows"))
    expect(page.locator("svg .box.person title")).to_have_text("a person: nobody knows")
    text.fill(LOST.replace("- end: told", "- edn: told"))
    expect(page.get_by_role("link", name="Line 8")).to_be_visible()
    assert (place / "a/workflows/lost.yaml").read_text() == LOST
    page = opened("/workflows")
    row = page.locator("li", has_text="Lost parcel")
    row.get_by_role("button", name="Switch off Lost parcel").click()
    expect(page.locator(".saved")).to_contain_text("Switched the workflow lost off")
    expect(row.locator(".badge")).to_have_text("Switched off")
    row.get_by_role("button", name="Switch on Lost parcel").click()
    expect(row.locator(".badge")).to_have_text("Offered")
    assert (place / "a/workflows/lost.yaml").read_text() == LOST
    assert opened.wrong == []
