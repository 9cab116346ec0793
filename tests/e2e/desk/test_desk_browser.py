"""The desk in Chromium: two browsers side by side, an approval edited, the keyboard, and axe in every view.

Over a real server. What is said in words is waited for, never slept for.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.desk.colleague import PASSWORD, add_staff
from tests.e2e.desk.test_desk_beside import ORDERS, RULES
from tests.e2e.desk.test_desk_socket import PLUGIN, SCRIPT, identity
from tests.e2e.whole.test_whole import ARGS
from tests.e2e.widget.steps import CHAT, say, transcript, violations
from tests.serving import Server, write_shop

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CANNED = [
    {"name": "hello", "text": "Hello {{customer or there}}, this is {{staff}} of {{shop}}."},
    {"name": "later", "text": "I will look into it."},
]
SITE = {"desk": {"customer_tools": ["list_orders"]}, "canned": CANNED}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = tmp_path_factory.mktemp("desk")
    shop = write_shop(directory / "shop", plugin=PLUGIN + ORDERS, site=SITE)
    (shop / "tools.yaml").write_text(RULES, encoding="utf-8")
    rules = [*SCRIPT["rules"][:2], {"match": "long", "tokens": 400, "interval_ms": 30}]
    rules.append({"match": ".", "steps": [{"thinking": "Look at [1]."}, {"text": "Within **30 days** [1]."}]})
    (directory / "script.json").write_text(json.dumps({"rules": rules}))
    add_staff(directory / "data", "ada@example.com", role="admin")
    add_staff(directory / "data", "bob@example.com")
    model = f"scripted:{directory / 'script.json'}"
    with Server(shop, directory / "data", demo=True, SHOPBELL_MODEL=model) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
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


def shown(page: Page, text: str) -> None:
    """Wait until the customer's chat shows this."""
    page.wait_for_function("([t, s]) => document.querySelector(s).shadowRoot.textContent.includes(t)", arg=[text, CHAT])


def in_talk(desk: Page, text: str) -> None:
    expect(desk.locator(".talk")).to_contain_text(text, timeout=60_000)


def test_customer_and_colleague_side_by_side_through_a_crash_and_back_to_the_agent(browsers, server: Server) -> None:
    customer, desk = browsers(), browsers("ada@example.com")
    say(customer, "tell me a long story")
    shown(customer, "word15 ")
    desk.keyboard.press("4")
    desk.locator(".row", has_text="long story").click()
    expect(desk.locator(".message.live")).to_contain_text("word15 ")  # the draft, as it is written
    desk.click("button:has-text('Take over')")
    expect(desk.locator(".deeds")).to_contain_text("Hand back")
    expect(desk.locator(".message.live")).to_have_count(0)
    desk.fill("#words", "Hello, this is Ada.")
    desk.keyboard.press("Enter")
    shown(customer, "Hello, this is Ada.")
    say(customer, "Oh, a person! My boots are torn.")
    in_talk(desk, "My boots are torn.")
    server.kill()
    desk.fill("#words", "I am so sorry about the boots.")
    desk.keyboard.press("Enter")
    expect(desk.locator(".message.pending")).to_have_count(1)
    say(customer, "Are you still there?")
    server.start()
    shown(customer, "I am so sorry about the boots.")
    in_talk(desk, "Are you still there?")
    expect(desk.locator(".message.pending")).to_have_count(0)
    for page in (customer, desk):
        text = page.evaluate(
            f"() => [...(document.querySelector('{CHAT}')?.shadowRoot ?? document).querySelectorAll('.item.message')]"
            ".map((m) => m.textContent).join(' ')"
        )
        for words in ("Hello, this is Ada.", "I am so sorry about the boots.", "Are you still there?"):
            assert text.count(words) == 1, words
        assert "word400" not in text
    say(customer, "And how many days do I have?")
    in_talk(desk, "And how many days do I have?")
    desk.keyboard.press("Escape")
    desk.keyboard.press("b")
    expect(desk.get_by_role("dialog")).to_contain_text("And how many days do I have?")
    desk.keyboard.press("Enter")  # the agent answers what is open
    in_talk(desk, "Back with the agent")
    expect(customer.locator(f"{CHAT} .item.message:not(.live)").last).to_contain_text("30 days")
    roles = [role for role, _ in transcript(customer)]
    assert roles[-2:] == ["customer", "agent"]
    assert roles.count("staff") == 2


def test_an_approval_shows_its_limits_and_is_edited_from_62_to_50(browsers) -> None:
    customer, desk = browsers(), browsers("ada@example.com")
    customer.evaluate("token => Shopbell('identify', token)", identity("cus_62"))
    say(customer, "refund order 1042 please")
    desk.keyboard.press("3")
    desk.locator(".row", has_text="cus_62").click()
    card = desk.locator(".approval")
    expect(card).to_contain_text("0.00 + 62.00 of 100.00")
    expect(desk.locator(".side table")).to_contain_text("cus_62")
    card.get_by_role("button", name="Edit").click()
    card.get_by_label("amount", exact=True).fill("50")
    card.get_by_label("Comment").fill("12 were refunded before")
    card.get_by_role("button", name="Approve as edited").click()
    expect(desk.locator(".approval")).to_have_count(0)
    expect(desk.locator(".call.good")).to_contain_text("50")
    shown(customer, "A colleague has decided.")


def test_canned_suggested_noted_tagged_snoozed_found_with_the_keyboard(browsers) -> None:
    customer, desk = browsers(), browsers("ada@example.com")
    browsers("bob@example.com")
    say(customer, "My zipper is stuck, what now?")
    shown(customer, "30 days")
    desk.keyboard.press("4")
    desk.locator(".row", has_text="Within 30 days").first.wait_for()
    desk.keyboard.press("/")
    desk.keyboard.type("zipp stu")
    row = desk.locator(".row", has_text="zipper")
    row.wait_for()
    row.click()
    desk.keyboard.press("t")
    expect(desk.locator(".deeds")).to_contain_text("Hand back")
    desk.keyboard.press("r")
    desk.keyboard.type("/he")
    expect(desk.get_by_role("option")).to_have_count(1)
    desk.keyboard.press("Enter")
    assert desk.input_value("#words") == "Hello there, this is Ada of Test Shop."
    desk.keyboard.press("Enter")
    shown(customer, "Hello there, this is Ada of Test Shop.")
    desk.keyboard.press("Escape")
    desk.keyboard.press("g")
    expect(desk.locator("#words")).to_have_value("Within **30 days**.")
    desk.fill("#words", "")
    desk.keyboard.press("Escape")
    desk.keyboard.press("n")
    desk.keyboard.type("@bo")
    desk.get_by_role("option", name="Bob").wait_for()
    desk.keyboard.press("Tab")
    desk.keyboard.type("look at this zipper")
    desk.keyboard.press("Enter")
    in_talk(desk, "@Bob look at this zipper")
    desk.get_by_label("Add a tag").fill("zipper")
    desk.keyboard.press("Enter")
    expect(desk.locator(".side .label")).to_contain_text("zipper")
    desk.fill("input[type=search]", "")
    desk.click(".tabs button:has-text('Mine')")
    mine = desk.locator(".rows .row", has_text="Hello there")
    expect(mine).to_have_count(1)
    desk.click(".deeds [data-deed=m]")
    desk.click("text=Snooze for 1 hour")
    expect(mine).to_have_count(0)
    say(customer, "hello?")
    expect(desk.locator(".rows .row", has_text="hello?")).to_have_count(1)  # the customer's word woke it
    expect(desk.locator(".talk .new, .talk .message.customer").last).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1360, 820), (390, 800)], ids=["desktop", "phone"])
def test_axe_finds_nothing_in_any_view(browsers, server: Server, scheme: str, size: tuple[int, int]) -> None:
    customer = browsers()
    customer.evaluate("token => Shopbell('identify', token)", identity(f"cus_{scheme}_{size[0]}"))
    say(customer, "refund order 1042 please")
    options = {"viewport": {"width": size[0], "height": size[1]}, "color_scheme": scheme}
    outside = browsers(**options)
    outside.goto(f"{server.url}/desk/login")
    assert violations(outside) == []
    desk = browsers("ada@example.com", **options)
    desk.click(".tabs button:has-text('Approvals')")
    desk.locator(".row", has_text=f"cus_{scheme}_{size[0]}").wait_for()
    assert violations(desk) == []
    desk.click(".bar summary")
    assert violations(desk) == []
    desk.click(".bar summary")
    desk.locator(".row", has_text=f"cus_{scheme}_{size[0]}").click()
    expect(desk.locator(".approval")).to_contain_text("of 100.00")
    desk.locator(".approval").get_by_role("button", name="Edit").click()
    assert violations(desk) == []
    desk.click("button:has-text('Take over')")
    expect(desk.locator(".deeds")).to_contain_text("Hand back")
    desk.fill("#words", "")
    desk.locator("#words").press_sequentially("/")
    desk.get_by_role("option").first.wait_for()
    assert violations(desk) == []
    desk.keyboard.press("Escape")
    desk.click("button:has-text('Note')")
    desk.fill("#words", "a note")
    desk.keyboard.press("Enter")
    in_talk(desk, "a note")
    desk.click(".deeds [data-deed=m]")
    if size[0] < 1100:
        desk.click(".deeds .about")
    desk.get_by_label("Add a tag").fill("vip")
    desk.keyboard.press("Enter")
    expect(desk.locator(".side .label")).to_have_text(re.compile("vip"))
    assert violations(desk) == []
    desk.keyboard.press("Escape")
    desk.keyboard.press("Escape")
    desk.keyboard.press("?")
    desk.locator("dialog[open]").wait_for()
    assert violations(desk) == []
