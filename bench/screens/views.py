"""Views: what each picture shows, as the steps that a person would take to see it.

A view changes nothing that another one shows; what there is to see was made before.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Final

from playwright.async_api import Page, expect

from bench.screens.camera import READY_MS, View
from bench.screens.past import SITE
from bench.screens.today import Today, identity, take
from tests.serving import Server

CHAT: Final = "shopbell-chat"
MIDDLE: Final = "(node) => node.scrollIntoView({ block: 'center' })"
SECTIONS: Final = ("look", "greeting", "hours", "origins", "reasoning", "canned", "history")

Prepare = Callable[[Page, str], Awaitable[None]]

expect.set_options(timeout=READY_MS)


def desk(today: Today) -> list[View]:
    """The desk, with Ada signed in."""
    url, held = today.server.url, today.held

    async def queue(page: Page, _: str) -> None:
        await page.goto(f"{url}/desk")
        await expect(page.locator(".people li")).to_have_count(1)
        await page.click(".tabs button:has-text('Open')")
        await page.locator(".row").nth(len(held)).wait_for()

    async def opened(page: Page, name: str) -> None:
        await page.goto(f"{url}/desk#{SITE}%2F{held[name].replace(':', '%3A')}")
        await expect(page.locator(".people li")).to_have_count(1)
        if await page.locator(".queue").is_visible():
            await page.click(".tabs button:has-text('Open')")
        await page.locator(".talk .message").first.wait_for()
        await expect(page.locator(".side h2").nth(1)).to_be_attached()

    async def conversation(page: Page, _: str) -> None:
        await opened(page, "jonas")
        await expect(page.locator(".deeds")).to_contain_text("Hand back")

    async def packet(page: Page, _: str) -> None:
        await opened(page, "guest")
        await page.locator(".packet").evaluate(MIDDLE)

    async def approval(page: Page, _: str) -> None:
        await opened(page, "mara")
        await expect(page.locator(".approval")).to_contain_text("This customer today")
        await page.locator(".approval").evaluate(MIDDLE)

    async def canned(page: Page, _: str) -> None:
        await conversation(page, _)
        await page.locator("#words").press_sequentially("/")
        await page.get_by_role("option").first.wait_for()

    async def search(page: Page, _: str) -> None:
        await page.goto(f"{url}/desk")
        await page.locator(".row").first.wait_for()
        await page.fill("input[type=search]", "sole")
        await expect(page.locator(".row")).to_have_count(1)

    async def customer(page: Page, size: str) -> None:
        await opened(page, "jonas")
        if size.startswith("phone"):
            await page.click(".deeds .about")
        await expect(page.locator(".side table").first).to_be_visible()

    async def menu(page: Page, _: str) -> None:
        await queue(page, _)
        await page.click(".bar summary")

    async def keys(page: Page, _: str) -> None:
        await queue(page, _)
        await page.keyboard.press("?")

    async def account(page: Page, _: str) -> None:
        await page.goto(f"{url}/desk/account")
        await page.wait_for_function("document.getElementById('face').naturalWidth === 192")

    shown = {"queue": queue, "conversation": conversation, "packet": packet, "approval": approval, "canned": canned}
    shown |= {"search": search, "customer": customer, "menu": menu, "keys": keys, "account": account}
    return [View(f"desk-{name}", prepare) for name, prepare in shown.items()]


def login(server: Server) -> list[View]:
    """The desk's sign-in page, to who is not signed in."""

    async def page_of(page: Page, _: str) -> None:
        await page.goto(f"{server.url}/desk")
        await page.locator("input[name=email]").wait_for()

    return [View("desk-login", page_of)]


def settings(server: Server) -> list[View]:
    """The settings, the articles and the workflows, with an admin signed in."""

    def at(path: str, then: Prepare | None = None) -> Prepare:
        async def go(page: Page, variant: str) -> None:
            await page.goto(f"{server.url}/desk/settings/{path}{'&' if '?' in path else '?'}site={SITE}")
            await page.locator("main h2").first.wait_for()
            if then:
                await then(page, variant)

        return go

    async def tool(page: Page, _: str) -> None:
        await page.get_by_text("refund_charge", exact=True).first.click()
        await page.locator("#tool-refund_charge").scroll_into_view_if_needed()

    async def diff(page: Page, _: str) -> None:
        for one in await page.locator(".versions details > summary").all():
            await one.click()

    async def look(page: Page, _: str) -> None:
        await page.locator("shopbell-preview").wait_for(state="attached")

    then: dict[str, Prepare] = {"history": diff, "look": look}
    views = [View(f"desk-settings-{name}", at(name, then.get(name))) for name in SECTIONS]
    views += [
        View("desk-settings-permissions", at("permissions")),
        View("desk-settings-permissions-open", at("permissions", tool)),
        View("desk-articles", at("articles")),
        View("desk-articles-search", at("articles?q=how+do+I+wash+a+down+jacket")),
        View("desk-articles-edit", at("articles/edit?path=returns/returns.md")),
        View("desk-workflows", at("workflows")),
        View("desk-workflows-show", at("workflows/show?name=return_item")),
        View("desk-workflows-edit", at("workflows/edit?name=return_item")),
    ]
    return views


def insights(server: Server) -> list[View]:
    """A month in numbers."""

    async def numbers(page: Page, _: str) -> None:
        await page.goto(f"{server.url}/desk/insights?days=30")
        await page.get_by_role("heading", name="Questions without an answer").wait_for()

    return [View("desk-insights", numbers, full=True)]


def chat(today: Today) -> list[View]:
    """What customers see on the shop's page; each picture is a visitor of its own."""
    url = today.server.url

    async def opened(page: Page, customer: str | None = None) -> None:
        await page.route(re.compile("/demo/panel.js"), lambda route: route.abort())  # the demo's own, in no shop
        await page.goto(url)
        await page.wait_for_selector(CHAT, state="attached")
        if customer:
            await page.evaluate("token => Shopbell('identify', token)", identity(today.server, customer))
        await page.evaluate("Shopbell('show')")
        await page.wait_for_selector(f"{CHAT} .greeting")

    async def say(page: Page, text: str) -> None:
        await page.fill(f"{CHAT} textarea", text)
        await page.press(f"{CHAT} textarea", "Enter")

    async def greeting(page: Page, _: str) -> None:
        await opened(page)

    async def answer(page: Page, _: str) -> None:
        await opened(page)
        await say(page, "What is your return policy for sale items?")
        await page.wait_for_selector(f"{CHAT} .message.agent:not(.live) a")

    async def confirm(page: Page, _: str) -> None:
        await opened(page, "cus_mara")
        await say(page, "Please cancel order 1049")
        await page.wait_for_selector(f"{CHAT} .card .choice.solid")

    async def staff(page: Page, _: str) -> None:
        await answer(page, _)
        await say(page, "I'd like to talk to a person")
        await expect(page.locator(f"{CHAT} .panel")).to_contain_text("asking a person to join")
        name = await conversation_of(page)
        await take(today, name)
        await today.ada.reply(name, "Good afternoon, this is Ada. I'm reading what has been said; one moment, please.")
        await page.wait_for_selector(f"{CHAT} .message.staff img")

    async def rating(page: Page, _: str) -> None:
        await staff(page, _)
        name = await conversation_of(page)
        await today.ada.reply(name, "All done. Enjoy the mountains!")
        await today.ada.send("release", conversation=name, site=SITE, to="closed", reason="resolved")
        await page.get_by_role("button", name="5 of 5").wait_for()

    shown = {"greeting": greeting, "answer": answer, "confirm": confirm, "staff": staff, "rating": rating}
    return [View(f"chat-{name}", prepare) for name, prepare in shown.items()]


async def conversation_of(page: Page) -> str:
    """The conversation that a customer's page holds."""
    return str(await page.evaluate(f"JSON.parse(localStorage.getItem('shopbell:{SITE}')).conversation"))
