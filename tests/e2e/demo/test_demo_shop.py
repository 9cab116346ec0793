"""The demo in a real browser: storefront, chat, sign-in switch and panel, over a real server."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def chat(page: Page, text: str) -> None:
    page.locator("shopbell-chat").wait_for(state="attached")
    page.evaluate("Shopbell('show')")
    page.evaluate("text => Shopbell('send', text)", text)


def panel(page: Page) -> None:
    page.get_by_role("button", name="What just happened").click()


def sign_in(page: Page, name: str) -> None:
    """Become this customer, and wait until the page knows: with the answer alone, what is said next might go out before it."""
    radio = page.get_by_role("radio", name=name)
    radio.check()
    customer = radio.get_attribute("value")
    page.wait_for_function("id => Object.values({ ...localStorage }).includes(id)", arg=customer)


def close(page: Page) -> None:
    page.locator("#shopbell-demo").get_by_role("button", name="Close").click()


def test_the_chat_is_open_on_the_first_visit_with_four_chips(page: Page) -> None:
    page.goto("/")
    page.locator("shopbell-chat").wait_for(state="attached")
    if page.viewport_size and page.viewport_size["width"] < 521:
        page.evaluate("Shopbell('show')")  # a sheet over the whole phone opens only when it is asked for
    for chip in ("return policy for sale items", "order 1042", "Norway", "talk to a person"):
        expect(page.locator("shopbell-chat").get_by_role("button", name=re.compile(chip))).to_be_visible()


def test_a_cited_answer_opens_the_article_at_its_heading(page: Page) -> None:
    page.goto("/")
    chat(page, "What is your return policy for sale items?")
    expect(page.locator("shopbell-chat").get_by_text("within 14 days of delivery").first).to_be_visible()
    link = page.locator("shopbell-chat").locator('a[href*="/help/returns"]').first
    href = link.get_attribute("href") or ""
    page.goto(href)
    anchor = href.partition("#")[2]
    assert anchor
    expect(page.locator(f"[id='{anchor}']")).to_be_in_viewport()


def test_mara_sees_her_order_and_jonas_does_not(page: Page) -> None:
    page.goto("/")
    panel(page)
    sign_in(page, "Mara Lindner")
    close(page)
    chat(page, "Where is my order 1042?")
    expect(page.locator("shopbell-chat").get_by_text("Your order 1042 is on its way").first).to_be_visible()
    page.evaluate("Shopbell('hide')")
    panel(page)
    sign_in(page, "Jonas Berger")
    close(page)
    chat(page, "Where is my order 1042?")
    expect(page.locator("shopbell-chat").get_by_text("can't find order 1042").first).to_be_visible()
    left = page.evaluate("document.querySelector('shopbell-chat').shadowRoot.textContent")
    assert "is on its way" not in left
    assert "Mara" not in left


def test_the_panel_shows_what_staff_would_see_of_the_visitors_own_conversation(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda made: asked.append(made.url))
    page.goto("/")
    chat(page, "How long does a refund take?")
    expect(page.locator("shopbell-chat").get_by_text("working days").first).to_be_visible()
    page.evaluate("Shopbell('hide')")
    panel(page)
    log = page.locator("#shopbell-demo .log")
    expect(log.locator("[data-kind='turn.ended']")).to_have_count(1)
    expect(log.locator("[data-kind='message'][data-role='customer']")).to_contain_text("How long does a refund take?")
    log.locator("[data-kind='retrieved'] summary").click()
    expect(log.locator("[data-kind='retrieved'] meter").first).to_be_visible()
    expect(log.locator("[data-kind='retrieved']")).to_contain_text("Refunds")
    token = page.evaluate("JSON.parse(localStorage.getItem('shopbell:pk_demo_hobnail')).token")
    assert token
    assert not [url for url in asked if token in url]


def test_the_cart_keeps_what_was_put_in(page: Page) -> None:
    page.goto("/product?item=alpin-boots")
    page.locator("shopbell-chat").wait_for(state="attached")
    page.evaluate("Shopbell('hide')")
    page.get_by_role("radio", name="41").check()
    page.get_by_role("button", name="Put it in the cart").click()
    expect(page.locator(".said")).not_to_be_empty()
    page.goto("/product?item=ridge-tent")
    page.get_by_role("button", name="Put it in the cart").click()
    expect(page.locator(".said")).not_to_be_empty()
    page.goto("/cart")
    expect(page.locator("[data-lines] li")).to_have_count(2)
    page.get_by_role("button", name="One more: Ridge tent").click()
    expect(page.locator("[data-total]")).to_have_text("€1067.00")
    page.reload()
    expect(page.locator("[data-total]")).to_have_text("€1067.00")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/product?item=scree-boots", "/cart", "/help", "/help/shipping-costs"])
def test_a_page_is_accessible_and_no_wider_than_the_screen(
    page: Page, wrong: list[str], path: str, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(path)
    page.get_by_role("button", name="What just happened").wait_for()
    if path == "/":
        panel(page)
    page.evaluate("Shopbell('shutdown')")  # the chat has its own such test
    assert wrong == []
    found = Axe().run(page)
    wrong.clear()  # axe itself tries inline styles, and the page's policy refuses them
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
