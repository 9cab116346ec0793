"""A customer who leaves while nobody is there: asked for an address, and back by the mailed link, in a real browser."""

import time

import pytest
from playwright.async_api import async_playwright

from server import auth
from tests.e2e.desk.colleague import Colleague, add_staff
from tests.serving import Client, Server, write_shop

CLOSED = {"timezone": "UTC", "weekly": {"mon": "closed"}}
SECRET = "a secret that is long enough for this test"
REPLY = "Yes, we have it in green."


@pytest.fixture
def server(tmp_path):
    shop = write_shop(tmp_path / "shop", site={"hours": CLOSED})
    add_staff(tmp_path / "data", "ada@example.com", role="admin")
    with Server(shop, tmp_path / "data", SHOPBELL_MODEL="offline", SHOPBELL_SECRET=SECRET) as running:
        yield running


@pytest.fixture
async def page():
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        context = await browser.new_context(locale="en-GB")
        context.set_default_timeout(15_000)
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


async def test_the_link_goes_on_with_the_chat_and_leaves_no_trace_of_its_token(server, page):
    ada, conversation = await answered(server)
    token = auth.mint_link(SECRET, auth.LinkToken("pk_test", conversation, None, 0), time.time())
    await page.goto(f"{server.url}/c/#{token}")
    await page.get_by_text(REPLY).wait_for()
    assert page.url == f"{server.url}/c/", "the token is out of the address bar"
    await page.get_by_role("textbox").fill("Great, thank you!")
    await page.keyboard.press("Enter")
    await ada.until(lambda: any(e["body"].get("text") == "Great, thank you!" for e in ada.log(conversation)))
    await page.reload()
    await page.get_by_text("Great, thank you!").wait_for()
    logs = [file for file in [*server.data.rglob("*"), server.stderr] if file.is_file()]
    assert not [file for file in logs if token.encode() in file.read_bytes()], "the token is in no log"
    await ada.close()


async def test_a_bad_link_says_so_and_opens_no_chat(server, page):
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket))
    await page.goto(f"{server.url}/c/#not.a.token")
    await page.get_by_text("does not open the chat any more").wait_for()
    await page.goto("about:blank")
    await page.goto(f"{server.url}/c/")
    await page.get_by_text("does not open the chat any more").wait_for()
    assert sockets == []


async def test_from_our_own_origin_no_chat_begins(server):
    async with Client(server, origin=server.url) as stranger:
        assert await stranger.hello() is None
        assert stranger.frames[-1]["code"] == "forbidden_origin"
        assert stranger.close_code == 4502
