"""The whole way, once, for real: page, widget, question, streamed answer, a server that dies in mid-answer, two tabs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.e2e.widget.steps import CHAT, say, settled, transcript
from tests.serving import Server, write_shop

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WORDS = 150
SCRIPT = {
    "rules": [
        # 7.5 s, so that a busy machine is still in the midst of it when both tabs have shown its beginning.
        {"match": "long", "tokens": WORDS, "interval_ms": 50},
        {"match": ".", "steps": [{"text": "Short answer."}]},
    ]
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    shop = write_shop(tmp_path / "shop")
    with Server(shop, tmp_path / "data", demo=True, SHOPBELL_MODEL=f"scripted:{script}") as running:
        yield running


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
        context.set_default_timeout(60_000)
        yield context
        browser.close()


def open_tab(context: BrowserContext, server: Server) -> Page:
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"error on the page: {error}"))
    page.goto(server.url)
    page.wait_for_selector(CHAT, state="attached")
    page.evaluate("Shopbell('show')")
    page.wait_for_selector(f"{CHAT} textarea")
    return page


def live_text(page: Page) -> str:
    return str(
        page.evaluate(
            f"() => document.querySelector('{CHAT}').shadowRoot.querySelector('.item.message.live')?.textContent ?? ''"
        )
    )


def test_a_server_that_dies_in_mid_answer_leaves_two_tabs_with_the_same_whole_transcript(
    server: Server, context: BrowserContext
) -> None:
    first = open_tab(context, server)
    say(first, "a short one first")
    settled(first, 2)
    second = open_tab(context, server)
    settled(second, 2)
    say(first, "now a long one")
    for page in (first, second):
        page.wait_for_function(
            f"() => document.querySelector('{CHAT}').shadowRoot.textContent.includes('word20 ')", polling=20
        )
    assert f"word{WORDS}" not in live_text(first)
    server.kill()
    server.start()
    for page in (first, second):
        settled(page, 4)
    one, two = transcript(first), transcript(second)
    assert one == two
    assert [role for role, _ in one] == ["customer", "agent", "customer", "agent"]
    for number in range(1, WORDS + 1):
        assert one[3][1].count(f"word{number} ") + one[3][1].endswith(f"word{number}</p>") == 1, number
    first.reload()
    first.evaluate("Shopbell('show')")
    settled(first, 4)
    assert transcript(first) == one


def test_what_is_said_while_the_server_is_away_arrives_once_when_it_is_back(
    server: Server, context: BrowserContext
) -> None:
    page = open_tab(context, server)
    say(page, "hello")
    settled(page, 2)
    server.kill()
    say(page, "are you there?")
    page.wait_for_function(f"() => document.querySelector('{CHAT}').shadowRoot.textContent.includes('are you there?')")
    page.close()  # the outbox survives this too
    server.start()
    again = open_tab(context, server)
    settled(again, 4)
    assert [text for role, text in transcript(again) if role == "customer"] == ["hello", "are you there?"]
