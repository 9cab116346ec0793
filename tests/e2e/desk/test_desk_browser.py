"""The desk in Chromium: the keyboard, what stands beside a conversation, passing it on, and axe in every view.

Over a real server. What is said in words is waited for, never slept for.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.desk.colleague import add_staff
from tests.e2e.desk.pages import in_talk, shown
from tests.e2e.desk.test_desk_beside import ORDERS, RULES
from tests.e2e.desk.test_desk_socket import PLUGIN, SCRIPT, identity
from tests.e2e.widget.steps import say, violations
from tests.serving import Server, write_shop

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CANNED = [
    {"name": "hello", "text": "Hello {{customer or there}}, this is {{staff}} of {{shop}}."},
    {"name": "later", "text": "I will look into it."},
]
SITE = {"desk": {"customer_tools": ["list_orders"]}, "canned": CANNED, "hand_over": {"capacity": 50}}


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
    desk.get_by_role("button", name="Take over").wait_for()
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
    desk.click(".deeds [data-deed=o]")
    assert violations(desk) == []
    desk.click(".deeds [data-deed=m]")
    assert violations(desk) == []
    desk.click("text=Block this visitor…")
    desk.locator("dialog[open]").wait_for()
    assert violations(desk) == []
    desk.click("text=Cancel")
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


def test_a_conversation_goes_from_hand_to_hand_and_the_menus_stay_open_meanwhile(browsers) -> None:
    customer, ada = browsers(), browsers("ada@example.com")
    say(customer, "refund order 1042 please, my lace tore")
    shown(customer, "asked a colleague")
    say(customer, "I want to talk to a person")
    shown(customer, "asking a person to join")
    row = ada.locator(".row.offered", has_text="offered to you")
    row.wait_for()
    ada.click(".tabs button:has-text('Mine')")
    row.click()
    packet = ada.locator(".packet")
    expect(packet).to_contain_text("I want to talk to a person")
    expect(packet).to_contain_text("Decide first: Refunding 62.0 of order 1042.")
    expect(packet).to_contain_text("waits for a decision")
    ada.keyboard.press("t")
    expect(ada.locator(".deeds")).to_contain_text("Hand back")
    expect(ada.locator(".row.offered", has_text="lace")).to_have_count(0)
    ada.click(".bar summary")
    ada.get_by_label("Sound").focus()
    bob = browsers("bob@example.com")
    expect(ada.locator(".people")).to_contain_text("Bob")
    expect(ada.get_by_label("Sound")).to_be_focused()
    ada.keyboard.press("Escape")
    ada.keyboard.press("o")
    ada.get_by_role("button", name="Bob").click()
    in_talk(ada, "Offered to Bob")
    bob.click(".tabs button:has-text('Mine')")
    bob.locator(".row.offered").click()
    bob.click("button:has-text('Take over')")
    in_talk(bob, "Bob took over")
    expect(bob.locator(".deeds")).to_contain_text("Hand back")  # the buttons may be drawn a frame after the words
    bob.keyboard.press("o")
    bob.get_by_role("button", name="Nobody: back to the queue").click()
    in_talk(bob, "put back by a colleague")
    expect(bob.locator(".deeds")).to_contain_text("Take over")
    bob.click("button:has-text('Take over')")
    expect(bob.locator(".deeds")).to_contain_text("Hand back")
    bob.keyboard.press("m")
    bob.click("text=Block this visitor…")
    bob.get_by_role("button", name="Cancel").click()
    bob.keyboard.press("m")
    bob.click("text=Block this visitor…")
    bob.get_by_role("dialog").get_by_role("button", name="Block this visitor").click()
    in_talk(bob, "Bob blocked this visitor")
    assert bob.locator(".talk").inner_text().count("blocked this visitor") == 1  # cancelling did nothing
