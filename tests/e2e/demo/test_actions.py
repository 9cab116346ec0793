"""What the demo shop's agent does in a real browser: refunds, returns, approvals at the desk, guests with a code."""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.demo.test_demo_shop import chat, close, panel, sign_in
from tests.e2e.desk.colleague import PASSWORD, add_staff
from tests.serving import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

DUPLICATE = "I was charged twice this month and I need a refund for one of them."


@pytest.fixture(params=[(1280, 800)], ids=["desktop"])
def page(request: pytest.FixtureRequest, chromium: Browser, server: Server, wrong: list[str]) -> Iterator[Page]:
    """A fresh visitor; the size makes no difference to what is done."""
    context = chromium.new_context(base_url=server.url, locale="en-GB")
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(f"error on the page: {error}"))
    yield page
    context.close()
    assert wrong == []


def signed_in(page: Page, name: str) -> None:
    page.goto("/")
    panel(page)
    sign_in(page, name)
    close(page)


def said(page: Page, text: str | re.Pattern[str]) -> None:
    """Wait until this stands there and nothing is being written: what is said before would be answered with it."""
    expect(page.locator("shopbell-chat").get_by_text(text).first).to_be_visible()
    expect(page.locator("shopbell-chat .live")).to_have_count(0)


def press(page: Page, name: str) -> None:
    page.locator("shopbell-chat").get_by_role("button", name=name).last.click()


def test_a_double_charge_is_found_refunded_and_confirmed_in_one_message(page: Page, server: Server) -> None:
    signed_in(page, "Mara Lindner")
    before = set(Path(server.data, "mail").glob("*.eml"))
    chat(page, DUPLICATE)
    said(page, re.compile(r"order 1047 was charged twice\. I've refunded €42\.80"))
    [mail] = _until_one(page, Path(server.data, "mail"), before)
    assert mail["To"] == "mara@example.com"
    assert "42.80" in mail.get_content()


def test_two_orders_at_one_price_are_explained_and_nothing_is_refunded(page: Page) -> None:
    signed_in(page, "Jonas Berger")
    chat(page, DUPLICATE)
    said(page, re.compile("two different orders at the same price"))
    said(page, re.compile("have not refunded anything"))


def test_a_refund_over_the_limit_is_approved_at_the_desk_and_the_customer_hears_of_it(
    page: Page, chromium: Browser, server: Server
) -> None:
    signed_in(page, "Elif Aydin")
    chat(page, DUPLICATE)
    said(page, re.compile("A colleague has to approve this first"))
    add_staff(server.data, "ada@example.com", role="admin")
    context = chromium.new_context(base_url=server.url)
    desk = context.new_page()
    desk.goto("/desk")
    desk.get_by_label("E-mail address").fill("ada@example.com")
    desk.get_by_label("Password").fill(PASSWORD)
    desk.get_by_role("button", name="Sign in").click()
    desk.get_by_role("button", name=re.compile("Approvals")).click()
    desk.locator(".row", has_text="Elif").click()  # not whatever stood first in the queue of before
    card = desk.locator(".approval")
    expect(card).to_contain_text("€62.00 is over €50.00")
    card.get_by_role("button", name="Approve").click()
    said(page, re.compile(r"I've refunded €62\.00"))
    expect(desk.locator(".approval")).to_have_count(0)
    context.close()


def test_boots_are_returned_and_then_the_other_pair(page: Page) -> None:
    signed_in(page, "Mara Lindner")
    chat(page, "I want to return the boots from order 1042")
    press(page, "Alpin boots (41)")
    press(page, "does not fit")
    said(page, re.compile("is set up: Alpin boots from order 1042"))
    expect(page.locator("shopbell-chat").get_by_role("link", name="Print your label").first).to_be_visible()
    chat(page, "no, the other pair")
    said(page, re.compile("is set up: Scree boots from order 1042"))


def test_a_question_about_worn_boots_is_quoted_with_a_button_and_calls_nothing(page: Page) -> None:
    signed_in(page, "Mara Lindner")
    chat(page, "Can I return boots worn once outside?")
    said(page, re.compile("can't be returned for a refund"))
    expect(page.locator("shopbell-chat").get_by_role("button", name="Return an item")).to_be_visible()
    page.evaluate("Shopbell('hide')")
    panel(page)
    log = page.locator("#shopbell-demo .log")
    expect(log.locator("[data-kind='turn.ended']")).to_have_count(1)
    expect(log.locator("[data-kind='call.planned']")).to_have_count(0)


def test_a_guest_sees_his_order_after_a_code_from_his_mail(page: Page, server: Server) -> None:
    page.goto("/")
    chat(page, "Where is my order 1042?")
    card = page.locator("shopbell-chat").locator(".card")
    expect(card.locator("input[name=order]")).to_have_value("1042")
    before = set(Path(server.data, "mail").glob("*.eml"))
    card.locator("input[name=email]").fill("mara@example.com")
    card.get_by_role("button", name="Send me a code").click()
    expect(card).to_contain_text("If that fits an order, a code is on its way: m")
    code = card.locator("input[name=code]")
    expect(code).to_be_visible()
    [mail] = _until_one(page, Path(server.data, "mail"), before)
    digits = re.search(r"\b\d{3} ?\d{3}\b", mail.get_content())
    assert digits
    code.fill(digits[0])
    card.get_by_role("button", name="Confirm").click()
    said(page, re.compile("Your order 1042 is on its way"))
    assert digits[0].replace(" ", "") not in page.content()


def _until_one(page: Page, folder: Path, before: set[Path]) -> list[EmailMessage]:
    """The mail that came since; the server writes it after it has answered."""
    found = sorted(set(folder.glob("*.eml")) - before)
    while not found:
        page.evaluate("new Promise(requestAnimationFrame)")
        found = sorted(set(folder.glob("*.eml")) - before)
    return [message_from_bytes(file.read_bytes(), policy=default) for file in found]


def test_a_guest_with_anothers_address_sees_the_same_words_and_gets_nothing(page: Page, server: Server) -> None:
    page.goto("/")
    chat(page, "Where is my order 1042?")
    card = page.locator("shopbell-chat").locator(".card")
    card.locator("input[name=email]").fill("eve@example.com")
    card.get_by_role("button", name="Send me a code").click()
    expect(card).to_contain_text("If that fits an order, a code is on its way: e")
    for left in ("Tries left: 2", "Tries left: 1", "one try too many"):
        card.locator("input[name=code]").fill("123456")
        card.get_by_role("button", name="Confirm").click()
        expect(card.locator(".wrong")).to_contain_text(left)
    assert "Your order 1042" not in page.content()
