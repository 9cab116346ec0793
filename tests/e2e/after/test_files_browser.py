"""Sending and seeing files in the chat, in a real browser: while a person is there, and what a file may do to the page."""

import time

from server import auth
from tests.e2e.after.conftest import SECRET, answered
from tests.e2e.after.test_files import photo


async def test_a_customer_sends_a_photo_and_gets_a_pdf(closed_shop, page):
    ada, conversation = await answered(closed_shop)
    token = auth.mint_link(SECRET, auth.LinkToken("pk_test", conversation, None, 0), time.time())
    await page.goto(f"{closed_shop.url}/c/#{token}")
    button = page.get_by_role("button", name="Send a photo or PDF")
    await button.wait_for()
    await page.get_by_role("textbox").fill("Look at this:")
    async with page.expect_file_chooser() as choosing:
        await button.click()
    chooser = await choosing.value
    await chooser.set_files({"name": "cup.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    image = page.get_by_role("img", name="cup.jpg")
    await image.wait_for()
    assert await image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    await ada.until(lambda: any(e["body"].get("files") for e in ada.log(conversation)))
    sent = next(e for e in ada.log(conversation) if e["body"].get("files"))
    assert sent["body"]["text"] == "Look at this:"
    pdf = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
    file = ada.http.post(
        f"/desk/files/pk_test/{conversation}", content=pdf, headers={"X-File-Name": "label.pdf"}
    ).json()
    await ada.send("reply", conversation=conversation, id="r9", text="Your label.", files=[file["file"]["id"]])
    link = page.get_by_role("link", name="label.pdf")
    await link.wait_for()
    await page.wait_for_function("link => link.href.includes('/file/')", arg=await link.element_handle())
    await ada.send("release", conversation=conversation, to="agent")
    await button.wait_for(state="hidden")
    await ada.close()


async def test_what_cannot_be_sent_is_said(closed_shop, page):
    ada, conversation = await answered(closed_shop)
    token = auth.mint_link(SECRET, auth.LinkToken("pk_test", conversation, None, 0), time.time())
    await page.goto(f"{closed_shop.url}/c/#{token}")
    async with page.expect_file_chooser() as choosing:
        await page.get_by_role("button", name="Send a photo or PDF").click()
    chooser = await choosing.value
    await chooser.set_files({"name": "cup.jpg", "mimeType": "image/jpeg", "buffer": b"<svg onload=alert(1)>"})
    await page.get_by_text("The file could not be sent").wait_for()
    assert not any(e["body"].get("files") for e in ada.log(conversation))
    await ada.close()
