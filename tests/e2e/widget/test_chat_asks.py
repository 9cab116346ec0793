"""What the chat asks and shows, in Chromium against a scripted shop: choices, cards, codes, sources, identity, languages."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.widget.conftest import Opener
from tests.e2e.widget.fake import CITATIONS, FakeShop
from tests.e2e.widget.steps import (
    CHAT,
    cut,
    identity,
    inside,
    open_chat,
    say,
    settled,
)
from widget.assets import chat_files, dist, manifest, snippet

pytestmark = pytest.mark.browser


def test_choices_are_said_when_pressed_and_used_up_afterwards(shop: FakeShop, visit: Opener) -> None:
    shop.answer = lambda text: [
        {
            "t": "message",
            "body": {"text": "Which?", "choices": ["The boots", {"label": "Tent", "text": "The Ridge tent"}]},
        }
        if text == "order"
        else {"t": "message", "body": {"text": "Fine."}}
    ]
    page = visit()
    open_chat(page)
    say(page, "order")
    page.click(f"{CHAT} .choice >> text=Tent")
    settled(page, 4)
    assert shop.talks["c1"].events[4]["body"]["text"] == "The Ridge tent"
    assert inside(page, "(root) => [...root.querySelectorAll('.choice')].every((b) => b.disabled)")


def test_a_call_asked_of_the_customer_is_decided_with_one_press(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "move it")
    settled(page, 2)
    asked = {
        "call": "k:1",
        "of": "customer",
        "label": "Change the address",
        "args": {"to": "<b>Elm</b> 4"},
        "expires_ms": 4_000_000_000_000,
    }
    shop.event("call.asked", "system", asked)
    expect(page.locator(f"{CHAT} .card dd")).to_have_text("<b>Elm</b> 4")
    page.click(f"{CHAT} .card .solid")
    expect(page.locator(f"{CHAT} .card .state")).to_have_text("You confirmed this.")
    shop.until_heard("decide")
    assert [f for f in shop.heard if f["t"] == "decide"] == [{"t": "decide", "call": "k:1", "approve": True}]
    shop.event("call.asked", "system", {**asked, "call": "k:2", "expires_ms": 1})
    expect(page.locator(f"{CHAT} .card.expired .state")).to_have_text("This request has expired.")


def test_a_guest_shows_who_he_is_with_a_code_from_his_mail(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "where is it")
    settled(page, 2)
    asked = {"call": "k:1", "of": "customer", "label": "Looking up order 1042", "args": {"order_id": "1042"}}
    shop.event("call.asked", "system", {**asked, "verify": "sign_in", "expires_ms": 4_000_000_000_000})
    expect(page.locator(f"{CHAT} .card input[name=order]")).to_have_value("1042")
    page.fill(f"{CHAT} .card input[name=email]", "mara@example.com")
    page.click(f"{CHAT} .card .solid")
    shop.event("verify.sent", "system", {"call": "k:1", "to": "m…@e…", "expires_ms": 4_000_000_000_000})
    expect(page.locator(f"{CHAT} .card")).to_contain_text("If that fits an order, a code is on its way: m…@e…")
    page.fill(f"{CHAT} .card input[name=code]", "123 456")
    page.keyboard.press("Enter")
    shop.event("verify.tried", "system", {"call": "k:1", "ok": False, "left": 2})
    expect(page.locator(f"{CHAT} .card .wrong")).to_have_text("That is not the code. Tries left: 2")
    page.fill(f"{CHAT} .card input[name=code]", "654321")
    page.keyboard.press("Enter")
    shop.event("verify.tried", "system", {"call": "k:1", "ok": True, "left": 2})
    shop.event("call.decided", "system", {"call": "k:1", "approve": True})
    expect(page.locator(f"{CHAT} .card .state")).to_have_text("You have shown that it is you.")
    shop.until_heard("code", 2)
    sent = [{k: v for k, v in f.items() if k != "id"} for f in shop.heard if f["t"] in ("verify", "code")]
    assert sent == [
        {"t": "verify", "call": "k:1", "order": "1042", "email": "mara@example.com"},
        {"t": "code", "call": "k:1", "code": "123 456"},
        {"t": "code", "call": "k:1", "code": "654321"},
    ]


def test_a_code_that_is_used_up_is_asked_for_anew_at_the_address_on_file(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "change my address")
    settled(page, 2)
    asked = {"call": "k:1", "of": "customer", "label": "Changing the address", "verify": "step_up", "to": "m…@e…"}
    shop.event("call.asked", "system", {**asked, "expires_ms": 4_000_000_000_000})
    page.click(f"{CHAT} .card .solid")
    shop.event("verify.sent", "system", {"call": "k:1", "to": "m…@e…", "expires_ms": 4_000_000_000_000})
    expect(page.locator(f"{CHAT} .card input[name=code]")).to_be_visible()
    shop.event("verify.tried", "system", {"call": "k:1", "ok": False, "left": 0})
    expect(page.locator(f"{CHAT} .card .wrong")).to_contain_text("one try too many")
    page.click(f"{CHAT} .card .solid")
    shop.event("verify.sent", "system", {"call": "k:1", "to": "m…@e…", "expires_ms": 4_000_000_000_000})
    expect(page.locator(f"{CHAT} .card input[name=code]")).to_be_visible()
    shop.until_heard("verify", 2)


def test_asking_for_a_person_is_said_in_words(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    page.click(f"{CHAT} .round >> nth=0")
    page.click(f"{CHAT} .menu button")
    expect(page.locator(f"{CHAT} .note")).to_have_text("A person has been asked to join. You can keep writing.")
    expect(page.locator(f"{CHAT} .status")).to_have_text("Waiting for a person")
    shop.event("mode", "system", {"mode": "staff", "name": "Mara"})
    expect(page.locator(f"{CHAT} .status")).to_have_text("Mara is here")
    shop.tell({"t": "staff", "typing": True, "name": "Mara"})
    expect(page.locator(f"{CHAT} .typing")).to_have_text("Mara is typing…")


def test_one_page_cited_twice_is_one_source_and_a_long_list_of_short_things_stands_in_columns(
    shop: FakeShop, visit: Opener
) -> None:
    again = {**CITATIONS[0], "n": 3, "url": "/help/returns#how"}
    countries = "".join(f"- Land {n}\n" for n in range(9))
    body = {"text": f"Here [1][3], and here [2]:\n\n{countries}", "citations": [again, *CITATIONS]}
    shop.answer = lambda _: [
        {"t": "step", "id": "s1", "label": "Looking", "state": "done"},
        {"t": "message", "body": body},
    ]
    page = visit()
    open_chat(page)
    say(page, "where?")
    settled(page, 2)
    expect(page.locator(f"{CHAT} .sources .num")).to_have_text(["1, 3", "2"])
    assert inside(page, "(root) => new Set([...root.querySelectorAll('li')].map((li) => li.offsetLeft)).size") >= 2
    assert inside(page, "(root) => root.querySelectorAll('summary').length") == 0, "one step has nothing to unfold"
    expect(page.locator(f"{CHAT} .work")).to_have_text("Looking, done")


@pytest.mark.parametrize("storage", ["local", "none"])
def test_the_sites_own_launcher_is_drawn_and_there_at_once_on_the_next_page(
    shop: FakeShop, visit: Opener, storage: str
) -> None:
    drawn = "(root) => root.querySelector('.launcher path').getAttribute('d')"
    page = visit({"storage": storage})
    bell = inside(page, drawn)
    shop.site = {**shop.site, "theme": {"launcher": "question"}}
    open_chat(page)
    page.keyboard.press("Escape")
    expect(page.locator(f"{CHAT} .panel")).to_be_hidden()
    question = inside(page, drawn)
    assert question != bell
    if storage == "local":
        assert inside(visit(), drawn) == question
    shop.site = {**shop.site, "theme": {"launcher": "chat"}}
    cut(page, shop)
    page.wait_for_function(
        f"(old) => !old.includes(({drawn})(document.querySelector('shopbell-chat').shadowRoot))", arg=[bell, question]
    )


def test_logging_out_clears_what_was_said(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "private words")
    settled(page, 2)
    page.evaluate("Shopbell('logout')")
    expect(page.locator(f"{CHAT} .message")).to_have_count(0)
    page.wait_for_selector(f"{CHAT} .starter")
    assert "private" not in page.evaluate("() => JSON.stringify({...localStorage})")
    shop.until_greeted(2)
    assert "token" not in shop.hellos[-1]
    shop.until_heard("logout")


def test_an_identity_is_sent_once_and_a_stale_one_never(shop: FakeShop, visit: Opener) -> None:
    fresh = identity("ada", 4_000_000_000)
    page = visit({"identity": fresh})
    open_chat(page)
    cut(page, shop)
    expect(page.locator(f"{CHAT} .banner")).to_be_empty()
    assert [h.get("identity") for h in shop.hellos] == [fresh, None]
    page.close()
    page = visit({"identity": identity("ada", 1_000_000_000), "storage": "none"})
    open_chat(page)
    assert "identity" not in shop.hellos[-1]
    page.evaluate("(id) => Shopbell('identify', id)", fresh)
    say(page, "it is me")
    settled(page, 2)
    assert [f["identity"] for f in shop.heard if f["t"] == "identify"] == [fresh]


def test_calls_before_the_script_are_run_when_it_is_there(shop: FakeShop, visit: Opener) -> None:
    head = (
        "function Shopbell(){(Shopbell.q=Shopbell.q||[]).push(arguments)};window.got=[];"
        "Shopbell('on','welcome',d=>got.push(d));Shopbell('prefill','from the page')"
    )
    page = visit(head=head)
    page.wait_for_function("() => window.got.length === 1")
    assert page.evaluate("() => window.got[0].conversation") == "c1"
    assert page.input_value(f"{CHAT} textarea") == "from the page"
    page.evaluate(
        "document.addEventListener('shopbell:message', (e) => (window.last = e.detail)); Shopbell('send', 'hi there')"
    )
    settled(page, 2)
    assert page.evaluate("() => window.last.role") == "agent"
    page.evaluate("Shopbell('shutdown')")
    expect(page.locator(CHAT)).to_have_count(0)


def test_german_words_have_the_same_keys_and_are_used(shop: FakeShop, visit: Opener) -> None:
    page = visit({"locale": "de-AT"})
    keys = page.evaluate("""async () => Promise.all(['en', 'de'].map(async (n) => {
      const m = await import(`/src/locales/${n}.js`);
      return [Object.keys(m.launcher).sort(), Object.keys(m.chat).sort(), Object.keys(m.cards).sort()];
    }))""")
    assert keys[0] == keys[1]
    open_chat(page)
    assert page.get_attribute(f"{CHAT} textarea", "placeholder") == "Nachricht schreiben…"
    assert page.get_attribute(f"{CHAT} .panel", "lang") == "de"
    assert shop.hellos[0]["locale"] == "de-AT"


def test_the_reading_direction_follows_the_language(shop: FakeShop, visit: Opener) -> None:
    page = visit({"locale": "ar"})
    open_chat(page)
    say(page, "مرحبا")
    settled(page, 2)
    assert page.get_attribute(f"{CHAT} .panel", "dir") == "rtl"
    mine = page.locator(f"{CHAT} .customer .text").bounding_box()
    panel = page.locator(f"{CHAT} .panel").bounding_box()
    assert mine and panel
    assert mine["x"] - panel["x"] < 40, "the customer's words stand at the left, the end of a line"
    assert panel["x"] < 40, "and the chat in the left corner"


def test_the_built_files_are_within_their_limits_and_match_the_manifest() -> None:
    built = manifest()
    loader = (dist() / "widget.js").read_bytes()
    chat = chat_files()[built.chat.name].read_bytes()
    assert len(gzip.compress(loader, 9)) <= 5_000
    assert len(gzip.compress(loader, 9)) + len(gzip.compress(chat, 9)) <= 30_000
    assert hashlib.sha256(chat).hexdigest().startswith(built.chat_hash)
    assert built.chat.integrity.encode() in loader
    assert "pk_a&quot;b" in snippet("https://chat.example.com/", 'pk_a"b')
    assert json.loads((Path(dist()) / "manifest.json").read_text())["chat"]["bytes"] == len(chat)


def test_what_is_said_between_hello_and_welcome_is_sent_on_the_same_line(visit: Any) -> None:
    page = visit({"data-open": "true"})
    for n in range(8):
        # As soon as the page can speak, whatever the line is just doing.
        page.reload()
        page.wait_for_selector("shopbell-chat", state="attached")
        page.evaluate("n => { Shopbell('show'); Shopbell('send', `number ${n}`) }", n)
        page.wait_for_function(
            """(n) => {
              const root = document.querySelector('shopbell-chat').shadowRoot;
              const mine = [...(root?.querySelectorAll('.item.message.customer') ?? [])];
              return mine.some((m) => m.textContent.includes(`number ${n}`)) && !root.querySelector('.message .state');
            }""",
            arg=n,
        )
