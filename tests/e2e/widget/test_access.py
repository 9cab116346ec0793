"""Accessibility in Chromium: axe-core in every state, announcements by the sentence, motion, small and large."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.widget.conftest import Opener
from tests.e2e.widget.fake import CITATIONS, FakeShop, words
from tests.e2e.widget.steps import CHAT, inside, open_chat, say, settled, violations

pytestmark = pytest.mark.browser


def fill(shop: FakeShop, page: Page) -> None:
    """Every kind of thing that can stand in a chat, the last answer still streaming."""
    shop.answer = lambda text: (
        [*words("A **bold** start [1]"), {"t": "gate"}, {"t": "message", "body": {"text": "done"}}]
        if text == "live"
        else [
            {"t": "event", "kind": "call.planned", "body": {"call": "k:1", "label": "Looking up order 1042"}},
            {"t": "event", "kind": "call.ended", "body": {"call": "k:1", "label": "Looking up order 1042", "ok": True}},
            {
                "t": "message",
                "body": {
                    "text": "Yes [1]. [A link](https://example.com)\n\n| a | b |\n|--|--|\n| 1 | 2 |\n\n`code`\n\n```\nx\n```",
                    "citations": CITATIONS[:1],
                    "choices": ["One", "Two"],
                },
            },
        ]
    )
    open_chat(page)
    say(page, "hello")
    settled(page, 2)
    asked = {
        "call": "k:2",
        "of": "customer",
        "label": "Change it",
        "args": {"to": "x"},
        "expires_ms": 4_000_000_000_000,
    }
    shop.event("call.asked", "system", asked)
    say(page, "live")
    page.wait_for_selector(f"{CHAT} .live .chip")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_closed_open_or_streaming(shop: FakeShop, visit: Opener, scheme: str) -> None:
    page = visit({"scheme": scheme})
    page.emulate_media(reduced_motion="reduce")
    assert violations(page) == []
    open_chat(page)
    assert violations(page) == []
    page.keyboard.press("Escape")
    fill(shop, page)
    assert violations(page) == []
    page.click(f"{CHAT} .round >> nth=0")
    page.wait_for_selector(f"{CHAT} .menu")
    assert violations(page) == []
    shop.event("mode", "system", {"mode": "staff", "name": "Mara"})
    shop.event("message", "staff", {"text": "Hi", "name": "Mara"})
    page.wait_for_selector(f"{CHAT} .staff .face")
    assert violations(page) == []


@pytest.mark.parametrize("accent", ["#ffcc00", "#000000", "#ffffff", "#0a58ff"])
def test_any_accent_colour_stays_readable(shop: FakeShop, visit: Opener, accent: str) -> None:
    page = visit({"accent": accent})
    page.emulate_media(reduced_motion="reduce")
    fill(shop, page)
    assert violations(page) == []


RING = "(root) => root.activeElement?.className.split(' ')[0] + ' ' + getComputedStyle(root.activeElement).outlineStyle"
"""What has the focus, and whether it has a ring."""


@pytest.mark.parametrize("opened", ["tap", "script", "key"])
def test_on_a_touch_screen_only_who_comes_by_keyboard_sees_a_ring(
    shop: FakeShop, visit: Opener, chromium: Browser, opened: str
) -> None:
    phone = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = visit(context=phone)
    if opened == "tap":
        page.tap(f"{CHAT} .launcher")
    elif opened == "script":
        page.evaluate("Shopbell('show')")
    else:
        page.focus("#before")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    page.wait_for_selector(f"{CHAT} .greeting")
    page.wait_for_function(f"() => document.querySelector('{CHAT}').shadowRoot.activeElement")
    assert inside(page, RING) == f"log {'solid' if opened == 'key' else 'none'}"
    page.keyboard.press("ArrowDown")
    assert inside(page, RING) == "log solid", "a key was pressed"
    page.keyboard.press("Shift+Tab")
    assert inside(page, RING).endswith(" solid")
    phone.close()


def test_axe_finds_nothing_right_to_left_on_a_phone(shop: FakeShop, visit: Opener, chromium: Browser) -> None:
    phone = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce")
    page = visit({"locale": "ar"}, context=phone)
    fill(shop, page)
    assert violations(page) == []
    panel = page.locator(f"{CHAT} .panel").bounding_box()
    assert panel == {"x": 0, "y": 0, "width": 390, "height": 844}
    small = inside(
        page,
        """(root) => [...root.querySelectorAll('button, summary, textarea')]
           .filter((n) => n.checkVisibility()).map((n) => [n.className, n.getBoundingClientRect()])
           .filter(([, r]) => r.height < 43.5).map(([c, r]) => `${c} ${r.width}x${r.height}`)""",
    )
    assert small == []
    phone.close()


def test_a_chat_at_twice_the_size_fits_its_window(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    page.set_viewport_size({"width": 640, "height": 400})
    fill(shop, page)
    panel = page.locator(f"{CHAT} .panel").bounding_box()
    assert panel
    assert panel["x"] >= 0
    assert panel["y"] >= 0
    assert panel["y"] + panel["height"] <= 400
    assert inside(page, "(root) => { const l = root.querySelector('.log'); return l.scrollWidth <= l.clientWidth }")


def test_an_answer_is_announced_by_the_sentence(shop: FakeShop, visit: Opener) -> None:
    whole = "Sale items come **back** within thirty days. Refunds take a week [1]."
    shop.answer = lambda _: [
        *words("Sale items come **back** within thirty days. Refunds take"),
        {"t": "gate"},
        {"t": "message", "body": {"text": whole}},
    ]
    page = visit()
    open_chat(page)
    page.evaluate("""() => {
      window.said = [];
      const node = document.querySelector('shopbell-chat').shadowRoot.querySelector('[data-announcer]');
      const hear = (all) => all.forEach((m) => m.addedNodes.forEach((n) => said.push(n.textContent)));
      new MutationObserver(hear).observe(node, { childList: true });
    }""")
    say(page, "returns?")
    expect(page.locator(f"{CHAT} .live .text")).to_contain_text("Refunds take")
    page.wait_for_function("() => said.length === 1")
    shop.run(lambda: shop.gate.set())
    settled(page, 2)
    page.wait_for_function("() => said.length === 2")
    assert page.evaluate("() => said") == ["Sale items come back within thirty days.", "Refunds take a week ."]


def test_nothing_moves_for_those_who_asked_for_that(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    page.emulate_media(reduced_motion="reduce")
    fill(shop, page)
    assert inside(page, "(root) => root.getAnimations().length") == 0


COUNT_SHIFTS = """window.shift = 0;
new PerformanceObserver((list) => list.getEntries().forEach((e) => (shift += e.hadRecentInput ? 0 : e.value)))
  .observe({ type: 'layout-shift', buffered: true })"""


def test_the_page_does_not_move(shop: FakeShop, visit: Opener) -> None:
    page = visit(init=COUNT_SHIFTS)
    fill(shop, page)
    page.keyboard.press("Escape")
    assert page.evaluate("() => shift") == 0
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
