"""What one customer said is gone before the next one looks, wherever it was: transcript, announcer, drafts, storage."""

import pytest
from playwright.sync_api import expect

from tests.e2e.widget.conftest import LATE, Opener
from tests.e2e.widget.fake import FakeShop, words
from tests.e2e.widget.steps import CHAT, cut, identity, inside, open_chat, say, settled

pytestmark = pytest.mark.browser


LEFT = """(root) => {
  const all = [root.host, ...root.querySelectorAll('*')];
  const attributes = all.flatMap((n) => [...n.attributes].map((a) => a.value));
  const values = all.map((n) => n.value || '');
  return [root.textContent, ...attributes, ...values, document.title, JSON.stringify({ ...localStorage })].join('|');
}"""


@pytest.mark.parametrize("how", ["another customer", "logout", "another conversation on the line", "bad token"])
def test_nothing_of_one_customer_is_left_for_the_next(shop: FakeShop, visit: Opener, how: str) -> None:
    shop.answer = lambda _: [
        {"t": "step", "id": "s1", "label": "Looking up ADA-1042", "state": "done"},
        *words("Your parcel ADA-1042 is on its way today, as promised. It comes with"),
        {"t": "message", "body": {"text": "ADA-1042 is on its way [1].", "citations": [{"n": 1, "title": "ADA"}]}},
    ]
    page = visit({"identity": identity("ada", 4_000_000_000)})
    open_chat(page)
    say(page, "where is ADA-1042?")
    settled(page, 2)
    page.focus(f"{CHAT} .chip")
    shop.event("mode", "system", {"mode": "staff", "name": "ADA's friend"})
    shop.tell({"t": "staff", "typing": True, "name": "ADA's friend"})
    expect(page.locator(f"{CHAT} .typing")).to_contain_text("ADA")
    assert "ADA" in inside(page, "(root) => root.querySelector('[data-announcer]').textContent")
    shop.stalled = True
    page.fill(f"{CHAT} textarea", "ADA asks again")
    page.press(f"{CHAT} textarea", "Enter")
    shop.until_said("ADA asks again")
    page.fill(f"{CHAT} textarea", "ADA has more to")
    hellos = len(shop.hellos)
    if how == "another customer":
        page.evaluate("(id) => Shopbell('identify', id)", identity("bob", 4_000_000_000))
    elif how == "logout":
        page.evaluate("Shopbell('logout')")
    elif how == "another conversation on the line":
        welcome = {"t": "welcome", "v": 1, "conversation": "c9", "token": "token-9", "epoch": "e1", "head": 0}
        shop.tell({**welcome, "recovered": False, "site": shop.site}, {"t": "events", "events": [], "upto": 0})
    else:
        # What was not delivered and what was being written is the visitor's own, and stays (CONTRACT §4).
        page.fill(f"{CHAT} textarea", "")
        page.evaluate(
            "() => Object.keys(localStorage).forEach((k) => k.includes(':out:') && localStorage.removeItem(k))"
        )
        shop.stalled = False
        shop.answer = lambda _: [{"t": "message", "body": {"text": "Who?"}}]
        shop.run(shop.talks.clear)
        cut(page, shop)
        settled(page, 2)
        assert "on its way" not in inside(page, LEFT)
        assert "friend" not in inside(page, LEFT)
        return
    page.wait_for_selector(f"{CHAT} .starter")
    shop.until_greeted(hellos + (how != "another conversation on the line"))
    left = inside(page, LEFT)
    assert "ADA" not in left
    # The page still says that it is ada where it was the server that began anew.
    assert how == "another conversation on the line" or "ada" not in left
    assert len(shop.hellos) == hellos + (how != "another conversation on the line")
    assert all("token" not in hello for hello in shop.hellos)
    if how == "another customer":
        assert shop.hellos[-1]["identity"] == identity("bob", 4_000_000_000)
        assert [f["t"] for f in shop.heard if f["t"] in ("logout", "hello")][-2:] == ["logout", "hello"]
    assert [f["text"] for f in shop.heard if f["t"] == "say"] == ["where is ADA-1042?", "ADA asks again"]


def test_signing_out_holds_though_another_tab_writes_the_old_session_back(shop: FakeShop, visit: Opener) -> None:
    page = visit({"identity": identity("ada", 4_000_000_000)}, init=LATE)
    open_chat(page)
    say(page, "where is ADA-1042?")
    settled(page, 2)
    page.evaluate("window.late = { 'shopbell:pk_test': localStorage.getItem('shopbell:pk_test') }")
    page.evaluate("Shopbell('logout')")
    page.wait_for_selector(f"{CHAT} .starter")
    shop.until_greeted(2)
    assert "token" not in shop.hellos[-1]


def test_another_customer_on_the_next_page_finds_nothing(shop: FakeShop, visit: Opener) -> None:
    page = visit({"identity": identity("ada", 4_000_000_000)})
    open_chat(page)
    say(page, "ADA-1042?")
    settled(page, 2)
    page.fill(f"{CHAT} textarea", "ADA has more to")
    page.close()
    page = visit({"identity": identity("bob", 4_000_000_000)})
    page.wait_for_selector(f"{CHAT} .starter")
    left = inside(page, LEFT)
    assert "ADA" not in left
    assert "ada" not in left
    assert "token" not in shop.hellos[-1]


def test_the_open_chat_is_no_second_banner(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    assert inside(page, "(root) => root.querySelectorAll('header, footer, main, [role=banner]').length") == 0
