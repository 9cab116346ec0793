"""What tests do with a desk and a chat side by side: wait for words on either.

Must not assert what a test is about.
"""

from playwright.sync_api import Page, expect

from tests.e2e.widget.steps import CHAT

KEEP = """([selector, host]) => {
  window.kept = [];
  const box = (host ? document.querySelector(host).shadowRoot : document).querySelector(selector);
  const keep = () => box.textContent && kept.push(box.textContent);
  new MutationObserver(keep).observe(box, { childList: true, characterData: true, subtree: true });
}"""


def shown(page: Page, text: str) -> None:
    """Wait until the customer's chat shows this."""
    page.wait_for_function("([t, s]) => document.querySelector(s).shadowRoot.textContent.includes(t)", arg=[text, CHAT])


def in_talk(desk: Page, text: str) -> None:
    """Wait until the open conversation shows this."""
    expect(desk.locator(".talk")).to_contain_text(text)


def keep(page: Page, selector: str, host: str = "") -> None:
    """Write down all that is ever shown there from now on: what passes by is not missed."""
    page.evaluate(KEEP, [selector, host])


def has_shown(page: Page, text: str) -> None:
    """Wait until what is written down has this."""
    page.wait_for_function("t => kept.some((one) => one.includes(t))", arg=text)
