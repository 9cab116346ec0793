"""A shop outside its hours, a colleague who answers a guest that has gone, and a browser."""

import pytest
from playwright.async_api import async_playwright

from tests.e2e.desk.colleague import Colleague, add_staff
from tests.serving import Client, Server, write_shop

CLOSED = {"timezone": "UTC", "weekly": {"mon": "closed"}}
SECRET = "a secret that is long enough for this test"
REPLY = "Yes, we have it in green."


@pytest.fixture(scope="module")
def closed_shop(tmp_path_factory):
    place = tmp_path_factory.mktemp("closed")
    shop = write_shop(place / "shop", site={"hours": CLOSED})
    add_staff(place / "data", "ada@example.com", role="admin")
    with Server(shop, place / "data", SHOPBELL_MODEL="offline", SHOPBELL_SECRET=SECRET) as running:
        yield running


@pytest.fixture
async def page():
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        context = await browser.new_context(locale="en-GB")
        context.set_default_timeout(60_000)
        opened = await context.new_page()
        opened.on("pageerror", lambda error: pytest.fail(f"error on the page: {error}"))
        yield opened
        await browser.close()


async def answered(server):
    """A guest asks for a person outside the hours, leaves an address and goes; a colleague answers. The conversation."""
    async with Client(server) as customer:
        await customer.hello()
        await customer.send({"t": "human", "id": "h1"})
        await customer.event(lambda e: e["kind"] == "message" and "email address" in e["body"]["text"])
        await customer.say("you can write to ann@example.com")
        await customer.event(
            lambda e: e["kind"] == "message" and "ann@example.com" in e["body"]["text"] and e["role"] == "agent"
        )
        conversation = customer.welcome["conversation"]
    ada = Colleague(server, "ada@example.com")
    ada.sign_in()
    await ada.open()
    await ada.send("list", queue="waiting")
    await ada.until(lambda: conversation in ada.rows)
    await ada.send("watch", conversation=conversation, after=0)
    await ada.send("take", conversation=conversation)
    await ada.until(lambda: any(e["body"].get("mode") == "staff" for e in ada.log(conversation)))
    await ada.reply(conversation, REPLY)
    return ada, conversation
