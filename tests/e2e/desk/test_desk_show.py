"""The show of the desk, in two real browsers side by side: hand-over in mid-answer to rating, and an approval edited.

Over a real server that is killed in the middle. What is said in words is waited for, never slept for.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk.colleague import add_staff
from tests.e2e.desk.pages import has_shown, in_talk, keep, shown
from tests.e2e.desk.test_desk_beside import ORDERS, RULES
from tests.e2e.desk.test_desk_socket import PLUGIN, SCRIPT, identity
from tests.e2e.widget.steps import CHAT, say, transcript
from tests.serving import Server, write_shop

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WORDS = 5_000
"""At 30 ms a word: the answer is still being written when somebody comes, however slow the machine is."""
KNOWING = [
    {"match": "days", "steps": [{"text": "Within **30 days** [1]."}]},
    # Only said if the model is shown what was said to a person, and by that person.
    {
        "match": "which boots",
        "knows": "I have size 42(.|\n)*so sorry about the boots",
        "steps": [{"text": "Size 42, the torn ones."}],
    },
    {"match": ".", "steps": [{"text": "I do not know."}]},
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = tmp_path_factory.mktemp("show")
    orders = ORDERS.replace('"total"', '"placed_on": "1999-02-03", "total"')
    shop = write_shop(
        directory / "shop",
        plugin=PLUGIN + orders,
        site={"desk": {"customer_tools": ["list_orders"]}, "currency": "EUR"},
    )
    (shop / "tools.yaml").write_text(RULES, encoding="utf-8")
    rules = [*SCRIPT["rules"][:2], {"match": "long", "tokens": WORDS, "interval_ms": 30}, *KNOWING]
    (directory / "script.json").write_text(json.dumps({"rules": rules}))
    add_staff(directory / "data", "ada@example.com", role="admin")
    model = f"scripted:{directory / 'script.json'}"
    with Server(shop, directory / "data", demo=True, SHOPBELL_MODEL=model) as running:
        yield running


def said(page: Page) -> str:
    """Every finished message of a chat or of the desk, in one string."""
    return str(
        page.evaluate(
            f"() => [...(document.querySelector('{CHAT}')?.shadowRoot ?? document).querySelectorAll('.item.message')]"
            ".map((m) => m.textContent).join(' ')"
        )
    )


def answered(customer: Page, text: str) -> None:
    """Wait until a whole message says this; what is said before it ends would be answered together with it."""
    expect(customer.locator(f"{CHAT} .item.message:not(.live)", has_text=text)).to_have_count(1)


def ask_for_a_person(customer: Page) -> None:
    customer.get_by_role("button", name="More").click()
    customer.get_by_role("menuitem", name="Talk to a person").click()


def test_from_mid_answer_to_a_person_through_a_crash_back_to_the_agent_and_a_rating(browsers, server: Server) -> None:
    customer, desk = browsers(), browsers("ada@example.com")
    say(customer, "tell me a long story")
    shown(customer, "word15 ")
    desk.keyboard.press("4")
    desk.locator(".row", has_text="long story").click()
    expect(desk.locator(".message.live")).to_contain_text("word15 ")  # the draft, as it is written
    ask_for_a_person(customer)
    in_talk(desk, "Waits for a person: asked for a person")
    expect(desk.locator(".packet")).to_contain_text("tell me a long story")
    desk.click("button:has-text('Take over')")
    expect(desk.locator(".deeds")).to_contain_text("Hand back")
    expect(desk.locator(".message.live")).to_have_count(0)
    keep(customer, ".typing", CHAT)
    keep(desk, ".hint")
    desk.locator("#words").press_sequentially("Hello, this is Ada.")
    has_shown(customer, "Ada is typing")
    desk.keyboard.press("Enter")
    shown(customer, "Hello, this is Ada.")
    expect(desk.locator(".message.staff", has_text="this is Ada")).to_contain_text("Seen")
    customer.locator(f"{CHAT} textarea").press_sequentially("Oh, a person!")
    has_shown(desk, "The customer is writing")
    say(customer, "Oh, a person! My boots are torn, I have size 42.")
    in_talk(desk, "My boots are torn")
    server.kill()
    desk.fill("#words", "I am so sorry about the boots.")
    desk.keyboard.press("Enter")
    expect(desk.locator(".message.pending")).to_have_count(1)
    say(customer, "Are you still there?")
    server.start()
    shown(customer, "I am so sorry about the boots.")
    in_talk(desk, "Are you still there?")
    expect(desk.locator(".message.pending")).to_have_count(0)
    say(customer, "And how many days do I have?")
    in_talk(desk, "And how many days do I have?")
    for page in (customer, desk):
        for words in ("Hello, this is Ada.", "I am so sorry about the boots.", "Are you still there?", "how many days"):
            assert said(page).count(words) == 1, words
        assert f"word{WORDS}" not in said(page)
    desk.keyboard.press("Escape")
    desk.keyboard.press("b")
    expect(desk.get_by_role("dialog")).to_contain_text("And how many days do I have?")
    desk.keyboard.press("Enter")  # the first choice: the agent answers what is still open
    in_talk(desk, "Back with the agent")
    answered(customer, "30 days")
    say(customer, "Which boots was it about?")
    answered(customer, "Size 42, the torn ones.")
    in_talk(desk, "Size 42, the torn ones.")
    roles = [role for role, _ in transcript(customer)]
    assert roles[-4:] == ["customer", "agent", "customer", "agent"]
    assert roles.count("staff") == 2
    desk.keyboard.press("c")
    in_talk(desk, "Closed: resolved")
    customer.get_by_role("button", name="5 of 5").click()
    in_talk(desk, "Rated 5 of 5")
    expect(customer.get_by_role("button", name="5 of 5")).to_have_count(0)  # asked once


def test_an_approval_of_62_is_edited_to_50_and_50_is_what_runs(browsers, server: Server) -> None:
    customer, desk = browsers(), browsers("ada@example.com")
    customer.evaluate("token => Shopbell('identify', token)", identity("cus_62"))
    say(customer, "refund order 1042 please")
    desk.keyboard.press("3")
    desk.locator(".row", has_text="cus_62").click()
    card = desk.locator(".approval")
    expect(card).to_contain_text("Why it is asked: needs approval")
    expect(card.locator("dt")).to_have_text(["Order", "Amount"])
    expect(card.locator("dd")).to_have_text(["1042", "€62.00"])
    expect(card.locator("dt").first).to_have_attribute("title", 'order_id = "1042"')
    expect(card).to_contain_text("€0.00 + €62.00 of €100.00")
    card.get_by_text("As stored").click()
    exact = card.locator(".exact div")
    expect(exact).to_have_text(['order_id = "1042"', "amount = 62", re.compile("SHA-256 [0-9a-f]{64}")])
    expect(desk.locator(".side table")).to_contain_text("cus_62")
    expect(desk.locator(".side table")).to_contain_text("Placed on")
    expect(desk.locator(".side table")).to_contain_text("3 Feb 1999")
    card.get_by_role("button", name="Edit").click()
    card.get_by_label("Amount", exact=True).fill("fifty")
    card.get_by_role("button", name="Approve as edited").click()
    expect(card.get_by_role("alert")).to_contain_text("expected a number")
    card.get_by_label("Amount", exact=True).fill("50")
    card.get_by_label("Comment").fill("12 were refunded before")
    card.get_by_role("button", name="Approve as edited").click()
    expect(desk.locator(".approval")).to_have_count(0)
    done = desk.locator(".call.good")
    expect(done).to_contain_text("50")
    expect(done).to_contain_text("edited by staff")
    in_talk(desk, "12 were refunded before")
    shown(customer, "A colleague has decided.")
    [file] = Path(server.data).rglob("done.txt")
    [line] = file.read_text().splitlines()
    assert line.split()[1:] == ["1042", "50.0"]
