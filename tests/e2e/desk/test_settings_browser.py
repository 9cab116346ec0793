"""The settings in Chromium: reached from the desk's menu, axe clean in light and dark, on a phone; a preview that follows.

What is written, and that it holds, is test_settings_page's.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk.colleague import add_staff
from tests.e2e.desk.test_settings_page import PLUGIN, SITE, TOOLS
from tests.e2e.widget.steps import violations
from tests.serving import Server, write_shop

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PAGES = ("look", "greeting", "hours", "origins", "reasoning", "permissions", "canned", "history")
PREVIEW = "shopbell-preview"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place: Path = tmp_path_factory.mktemp("settings")
    add_staff(place / "data", "ada@example.com", role="admin")
    add_staff(place / "data", "bob@example.com")
    shops = [write_shop(place / "a", plugin=PLUGIN), write_shop(place / "b", key="pk_other", name="Other")]
    (place / "a/site.yaml").write_text(SITE)
    (place / "a/tools.yaml").write_text(TOOLS)
    with Server(shops, place / "data") as running:
        yield running


def visit(page: Page, server: Server, section: str) -> None:
    page.goto(f"{server.url}/desk/settings/{section}?site=pk_test")
    expect(page.locator("nav.sections a[aria-current=page]")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360], ids=["desktop", "phone"])
def test_every_page_is_clean_for_axe_and_fits_the_screen(browsers, server, scheme, width):
    page = browsers("ada@example.com", viewport={"width": width, "height": 800}, color_scheme=scheme)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    visit(page, server, "greeting")
    page.get_by_label("In all languages").fill(
        f"Welcome to the {scheme} side at {width} pixels. " + "Long words. " * 30
    )
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    for section in PAGES:
        visit(page, server, section)
        page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), section
        assert wrong == [], section  # before axe, which tries inline styles that the page's policy refuses
        assert violations(page) == [], section
        wrong.clear()


def test_a_mistake_and_a_conflict_are_clean_for_axe_and_the_mistake_has_the_focus(browsers, server):
    page = browsers("ada@example.com")
    visit(page, server, "look")
    page.get_by_label("Your colour", exact=True).fill("greenish")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Your colour", exact=True)).to_be_focused()
    expect(page.get_by_text("Expected a colour such as #2f6f4f, got 'greenish'.")).to_be_visible()
    assert violations(page) == []
    visit(page, server, "greeting")
    page.locator("input[name=base]").evaluate("(one) => { one.value = 'old'; }")
    page.get_by_label("In all languages").fill("Hello there")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Changed meanwhile")).to_be_visible()
    assert violations(page) == []


def test_a_language_is_called_by_its_name_in_the_language_of_the_page_whatever_the_browsers(browsers, server):
    page = browsers("ada@example.com", locale="de-DE")
    page.goto(f"{server.url}/desk/settings/greeting?site=pk_other")
    page.get_by_text("Another language").click()
    page.get_by_label("Language tag").fill("de-AT")
    page.get_by_label("Text").fill("Servus!")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("In English (your own language)")).to_be_visible()
    expect(page.get_by_label("In Austrian German")).to_have_value("Servus!")
    expect(page.locator("[data-language=de-AT]")).to_have_attribute("title", "de-AT")
    page.goto(f"{server.url}/desk/settings/look?site=pk_other")
    shown = page.locator("[data-preview=language] option")
    expect(shown).to_have_text(["English", "German", "Austrian German"])
    assert shown.evaluate_all("(all) => all.map((one) => one.value)") == ["en", "de", "de-AT"]


def test_the_desks_menu_leads_admins_to_the_settings_and_nobody_else(browsers, server):
    page = browsers("ada@example.com")
    menu = page.locator("details.menu.up summary")
    expect(menu).to_have_text("Ada")
    menu.click()
    page.get_by_role("link", name="Settings").click()
    expect(page).to_have_title("Look – Settings – Shopbell desk")
    agent = browsers("bob@example.com")
    menu = agent.locator("details.menu.up summary")
    expect(menu).to_have_text("Bob")
    menu.click()
    expect(agent.get_by_role("link", name="Insights")).to_be_visible()
    expect(agent.get_by_role("link", name="Settings")).to_have_count(0)


def test_the_preview_is_the_chat_with_what_stands_in_the_fields(browsers, server):
    page = browsers("ada@example.com", color_scheme="light")
    visit(page, server, "look")
    chat = page.locator(PREVIEW)
    launcher = chat.locator(".launcher")
    expect(chat.locator("h2")).to_have_text("Test Shop")
    expect(launcher).to_have_css("background-color", "rgb(18, 52, 86)")
    page.get_by_label("Your colour", exact=True).fill("#ff0000")
    expect(launcher).to_have_css("background-color", "rgb(255, 0, 0)")
    page.get_by_label("Your colour", exact=True).fill("#ff00")  # half a colour is none yet
    expect(launcher).to_have_css("background-color", "rgb(31, 77, 67)")
    page.get_by_label("Background", exact=True).fill("#000000")
    expect(chat.locator(".panel")).to_have_css("background-color", "rgb(0, 0, 0)")
    expect(page.locator("#contrast")).to_contain_text("Text is hard to read")
    page.get_by_label("Text", exact=True).first.fill("#ffffff")
    expect(page.locator("#contrast")).to_have_text("")
    page.get_by_label("Corner", exact=True).select_option("left")
    expect(chat).to_have_attribute("side", "left")
    page.locator("[name='theme.chips.en']").fill("Where is it?\nAnother")
    expect(chat.locator(".starter")).to_have_text(["Where is it?", "Another"])
    page.locator("[data-preview=scheme]").select_option("dark")
    expect(chat).to_have_attribute("dark", "")
    page.locator("[data-preview=scene]").select_option("a conversation")
    expect(chat.locator(".message.customer")).to_have_count(1)
    expect(chat.locator(".message.agent")).to_be_visible()
    page.locator("[data-preview=scene]").select_option("only the launcher")
    expect(chat.locator(".panel")).to_be_hidden()
    # Only looked at: neither the Tab key nor a screen reader goes in.
    assert chat.evaluate("(one) => one.inert")


def test_without_a_script_the_pages_can_be_used(browsers, server):
    page = browsers("ada@example.com")
    cookies = page.context.cookies()
    plain = page.context.browser.new_context(java_script_enabled=False)
    plain.add_cookies(cookies)
    bare = plain.new_page()
    visit(bare, server, "origins")
    bare.get_by_label("Origins, one a line").fill("https://shop.example\nhttps://other.example")
    bare.get_by_role("button", name="Save").click()
    expect(bare.get_by_role("status")).to_contain_text("added https://other.example")
    bare.get_by_role("button", name="Undo").click()
    expect(bare.get_by_role("status")).to_contain_text("Taken back")
    plain.close()


def test_a_tool_is_found_and_its_rule_changed_with_the_keyboard(browsers, server):
    page = browsers("ada@example.com")
    visit(page, server, "permissions")
    page.get_by_label("Find a tool").fill("parcel")
    expect(page.locator(".tools > li:visible")).to_have_count(1)
    page.locator("#tool-move_parcel summary").focus()
    page.keyboard.press("Enter")
    page.locator("#move_parcel-per_customer_per_day").fill("2,5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("per_customer_per_day none → 2.5")
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Taken back")
