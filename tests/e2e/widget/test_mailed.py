"""A mailed link on a page of the shop: the chat goes on with that conversation, and its token is seen by nobody else."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.widget.conftest import LATE, PATIENT, Opener
from tests.e2e.widget.fake import FakeShop
from tests.e2e.widget.steps import CHAT, open_chat, said, say, settled, stored, transcript, violations

pytestmark = pytest.mark.browser

TOKEN = "eyJ.link_to-ann.x"
FRAGMENT = f"#shopbell={TOKEN}"
ANNS = (("customer", "Is the blue one back?"), ("staff", "On Friday."))


def mailed(shop: FakeShop) -> None:
    shop.talked("ann", *ANNS)
    shop.links[TOKEN] = "ann"


@pytest.mark.parametrize("csp", ["", "1"], ids=["plain", "strict policy"])
def test_a_mailed_link_opens_its_conversation_on_the_shops_page_and_leaves_the_address_at_once(
    shop: FakeShop, visit: Opener, chromium: Browser, csp: str
) -> None:
    mailed(shop)
    phone = chromium.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    asked: list[str] = []
    phone.on("request", lambda made: asked.append(made.url))
    early = "addEventListener('DOMContentLoaded', () => (window.length_before = history.length))"
    page = visit({}, context=phone, init=early, fragment=FRAGMENT, **({"csp": csp} if csp else {}))
    settled(page, 2)
    assert [role for role, _ in transcript(page)] == ["customer", "staff"]
    assert page.evaluate("location.hash") == ""
    assert "attrs" in page.url, "the rest of the address stays"
    assert page.evaluate("history.length === window.length_before")
    assert not [url for url in asked if TOKEN in url]
    assert "token-of-ann" not in "".join(asked)
    assert TOKEN not in page.evaluate("() => JSON.stringify({...localStorage, ...sessionStorage})")
    assert [(h["token"], h["after"]) for h in shop.hellos] == [("token-of-ann", 0)]
    shop.answers = False
    say(page, "Great!")
    said(page, "Great!")
    page.reload()
    settled(page, 3)
    assert shop.hellos[-1]["token"] == "token-of-ann"
    phone.close()


def test_what_this_browser_had_begun_before_is_put_away_and_nothing_of_it_gets_into_the_linked_one(
    shop: FakeShop, visit: Opener
) -> None:
    mailed(shop)
    page = visit()
    open_chat(page)
    say(page, "another matter")
    settled(page, 2)
    shop.stalled = True
    say(page, "never delivered")
    shop.until_said("never delivered")
    page.close()
    shop.stalled = False
    page = visit(fragment=FRAGMENT)
    settled(page, 2)
    assert "Friday" in transcript(page)[1][1]
    assert stored(page)["conversation"] == "ann"
    shop.answers = False
    say(page, "Great!")
    said(page, "Great!")
    assert [e["body"]["text"] for e in shop.talks["ann"].events] == ["Is the blue one back?", "On Friday.", "Great!"]


@pytest.mark.parametrize("sees", ["at once", "its own old session", "a session that was cleared"])
def test_the_other_tabs_go_on_with_the_linked_conversation_too(shop: FakeShop, visit: Opener, sees: str) -> None:
    mailed(shop)
    one = visit(init=PATIENT + LATE)
    open_chat(one)
    say(one, "another matter")
    settled(one, 2)
    if sees == "its own old session":
        one.evaluate("window.late = { 'shopbell:pk_test': localStorage.getItem('shopbell:pk_test') }")
    elif sees == "a session that was cleared":
        one.evaluate("window.late = { 'shopbell:pk_test': null }")
    two = visit(init=PATIENT, fragment=FRAGMENT)
    for page in (two, one):
        expect(page.locator(f"{CHAT} .message.staff .text")).to_have_text("On Friday.")
        settled(page, 2)
    shop.until(lambda: len(shop.lines) == 1)
    shop.answers = False
    say(two, "Great!")
    for page in (one, two):
        said(page, "Great!")
    assert shop.talks["ann"].events[-1]["body"]["text"] == "Great!"


def test_a_link_that_has_run_out_says_so_and_the_chat_works_all_the_same(shop: FakeShop, visit: Opener) -> None:
    page = visit(fragment=FRAGMENT)
    expect(page.locator(f"{CHAT} .note")).to_contain_text("links are good for 7 days")
    assert violations(page) == []
    assert page.evaluate("location.hash") == ""
    say(page, "hello")
    settled(page, 2)
    expect(page.locator(f"{CHAT} .note")).to_have_count(0)
    assert "token" not in shop.hellos[0]


def test_a_fragment_of_the_pages_own_stays(shop: FakeShop, visit: Opener) -> None:
    page = visit(fragment="#returns")
    open_chat(page)
    assert page.evaluate("location.hash") == "#returns"
