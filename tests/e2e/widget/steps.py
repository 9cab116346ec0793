"""What the tests do with a chat again and again: open it, say something, read it.

Must not assert anything that a test is about.
"""

import base64
import json
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.widget.fake import FakeShop

CHAT = "shopbell-chat"

READ = """() => [...document.querySelector('shopbell-chat').shadowRoot.querySelectorAll('.item.message')]
  .filter((m) => !m.classList.contains('live'))
  .map((m) => [m.classList.contains('customer') ? 'customer' : m.classList.contains('staff') ? 'staff' : 'agent',
               m.querySelector('.text').innerHTML])"""


def open_chat(page: Page) -> None:
    """Press the launcher and wait for the welcome."""
    page.click(f"{CHAT} .launcher")
    page.wait_for_selector(f"{CHAT} .greeting")


def say(page: Page, text: str) -> None:
    """Write and send."""
    page.fill(f"{CHAT} textarea", text)
    page.press(f"{CHAT} textarea", "Enter")


def settled(page: Page, messages: int) -> None:
    """Wait until this many messages stand there, none of them live or on its way."""
    page.wait_for_function(
        """(n) => {
          const root = document.querySelector('shopbell-chat').shadowRoot;
          const all = [...root.querySelectorAll('.item.message')];
          return all.length === n && !root.querySelector('.live') && !root.querySelector('.message .state');
        }""",
        arg=messages,
    )


def said(page: Page, text: str) -> None:
    """Wait until the customer's message with these words has come back from the shop."""
    mine = page.locator(f"{CHAT} .message.customer", has_text=text)
    expect(mine.locator("time")).to_be_visible()


def cut(page: Page, shop: FakeShop) -> None:
    """Close every line and wait until the page is on a new one, however late it saw that the old one was gone."""
    hellos = len(shop.hellos)
    shop.drop()
    page.evaluate("dispatchEvent(new Event('online'))")
    shop.until_greeted(hellos + 1)


def transcript(page: Page) -> Any:
    """Role and markup of each finished message."""
    return page.evaluate(READ)


def stored(page: Page, key: str = "") -> Any:
    """What the widget keeps under this key."""
    return page.evaluate("(k) => JSON.parse(localStorage.getItem('shopbell:pk_test' + k) || 'null')", key)


def inside(page: Page, script: str) -> Any:
    """Evaluate a function of the shadow root."""
    return page.evaluate(f"() => ({script})(document.querySelector('shopbell-chat').shadowRoot)")


def identity(customer: str, exp: int) -> str:
    """A JWT in form only: the widget reads no more of it than when it ends."""
    body = base64.urlsafe_b64encode(json.dumps({"sub": customer, "exp": exp}).encode()).decode().rstrip("=")
    return f"e30.{body}.x"


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{v['id']}: {node['target']} {node.get('failureSummary', '')}" for v in found for node in v["nodes"]]
