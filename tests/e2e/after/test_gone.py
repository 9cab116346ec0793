"""A customer who leaves while nobody is there: asked for an address, and back by the mailed link, in a real browser."""

import json
import time

import pytest
import websockets
from websockets.asyncio.client import connect

from server import auth
from tests.e2e.after.conftest import REPLY, SECRET, answered
from tests.serving import Client


async def test_the_link_goes_on_with_the_chat_and_leaves_no_trace_of_its_token(closed_shop, page):
    ada, conversation = await answered(closed_shop)
    token = auth.mint_link(SECRET, auth.LinkToken("pk_test", conversation, None, 0), time.time())
    await page.goto(f"{closed_shop.url}/c/#{token}")
    await page.get_by_text(REPLY).wait_for()
    assert page.url == f"{closed_shop.url}/c/", "the token is out of the address bar"
    await page.get_by_role("textbox").fill("Great, thank you!")
    await page.keyboard.press("Enter")
    await ada.until(lambda: any(e["body"].get("text") == "Great, thank you!" for e in ada.log(conversation)))
    await page.reload()
    await page.get_by_text("Great, thank you!").wait_for()
    logs = [file for file in [*closed_shop.data.rglob("*"), closed_shop.stderr] if file.is_file()]
    assert not [file for file in logs if token.encode() in file.read_bytes()], "the token is in no log"
    await ada.close()


async def test_a_bad_link_says_so_and_opens_no_chat(closed_shop, page):
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket))
    await page.goto(f"{closed_shop.url}/c/#not.a.token")
    await page.get_by_text("does not open the chat any more").wait_for()
    await page.goto("about:blank")
    await page.goto(f"{closed_shop.url}/c/")
    await page.get_by_text("does not open the chat any more").wait_for()
    assert sockets == []


async def test_from_our_own_origin_no_chat_begins(closed_shop):
    with pytest.raises(websockets.InvalidStatus) as refused:
        await Client(closed_shop, origin=closed_shop.url).open()
    assert refused.value.response.status_code == 403
    line = closed_shop.url.replace("http", "ws") + "/c/v1/chat"
    async with connect(line, origin=closed_shop.url, subprotocols=["shopbell.v1"]) as stranger:
        await stranger.send(json.dumps({"t": "hello", "v": 1, "site": "pk_test"}))
        assert json.loads(await stranger.recv())["code"] == "forbidden_origin"
