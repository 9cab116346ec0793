"""The mail that asks how it was, in a real browser: opening the link says nothing, a press does, once."""

import time

from server import auth
from tests.e2e.after.conftest import SECRET, answered


async def test_the_page_rates_only_with_a_press_and_only_once(closed_shop, page):
    ada, conversation = await answered(closed_shop)
    token = auth.mint_rating(SECRET, auth.LinkToken("pk_test", conversation, None, 0), time.time())
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket))
    await page.goto(f"{closed_shop.url}/c/#rate={token}")
    await page.get_by_role("radio", name="4 of 5").wait_for()
    assert page.url == f"{closed_shop.url}/c/", "the token is out of the address bar"
    assert "rated" not in ada.kinds(conversation)
    await page.get_by_role("radio", name="4 of 5").check()
    await page.get_by_role("textbox").fill("Quick and kind.")
    await page.get_by_role("button", name="Send").click()
    await page.get_by_text("Thank you.").wait_for()
    await ada.until(lambda: "rated" in ada.kinds(conversation))
    [rated] = [event for event in ada.log(conversation) if event["kind"] == "rated"]
    assert rated["body"] == {"score": 4, "text": "Quick and kind."}
    await page.goto("about:blank")
    await page.goto(f"{closed_shop.url}/c/#rate={token}")
    await page.get_by_text("Thank you.").wait_for()
    assert sockets == [], "the link opens no chat"
    await page.goto("about:blank")
    await page.goto(f"{closed_shop.url}/c/#rate=not.a.token")
    await page.get_by_text("not good any more").wait_for()
    await ada.close()
