"""A blocked visitor, over every way in: the chat, a new chat, REST, a mailed link and an upload. No model hears a word."""

import json
import subprocess
import sys
import time

import httpx
import pytest
from websockets.asyncio.client import connect

from server import auth
from tests.e2e.desk.colleague import Colleague, add_staff
from tests.e2e.desk.test_desk_socket import identity
from tests.serving import ORIGIN, ROOT, Client, Server, write_shop

SAYS = "This chat has been ended by our team, and nothing more can be sent here."
SECRET = "a secret that is long enough for this test"


@pytest.fixture
def place(tmp_path):
    shop = write_shop(tmp_path / "shop")
    script = {"rules": [{"match": ".", "steps": [{"text": "Hello."}]}]}
    (tmp_path / "script.json").write_text(json.dumps(script))
    add_staff(tmp_path / "data", "ada@example.com")
    command = [sys.executable, "-m", "server.cli", "key", "add", "--site", "pk_test", "--data", str(tmp_path / "data")]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    model = f"scripted:{tmp_path / 'script.json'}"
    server = Server(shop, tmp_path / "data", SHOPBELL_MODEL=model, SHOPBELL_SECRET=SECRET)
    with server:
        yield server, next(word for word in made.split() if word.startswith("sk_"))


@pytest.fixture
async def ada(place):
    one = Colleague(place[0], "ada@example.com")
    one.sign_in()
    await one.open()
    await one.send("list", queue="all")
    yield one
    await one.close()


async def refused(client, said="x1"):
    await client.send({"t": "say", "id": said, "text": "more of it"})
    frame = await client.until(lambda f: f["t"] == "error")
    return frame["code"], frame["message"], frame["id"]


async def blocked(ada, customer):
    """The customer's conversation, in which something was answered, and which was then blocked."""
    await customer.answered(await customer.say("something rude"))
    key = customer.welcome["conversation"]
    await ada.send("watch", conversation=key, after=0)
    await ada.send("block", conversation=key, on=True)
    await customer.event(lambda e: e["kind"] == "mode" and e["body"]["reason"] == "blocked")
    return key


async def test_a_signed_in_customer_is_blocked_wherever_they_come_in_and_can_be_freed(place, ada):
    server, secret_key = place
    async with Client(server) as customer, Client(server) as again, Client(server) as late:
        await customer.hello(identity=identity("mara"))
        await late.hello()
        await late.answered(await late.say("I have not signed in yet"))
        key = await blocked(ada, customer)
        assert await refused(customer) == ("blocked", SAYS, "x1")
        await again.hello(identity=identity("mara"))
        assert await refused(again) == ("blocked", SAYS, "x1"), "a new conversation"
        await again.send({"t": "human", "id": "h1"})
        assert (await again.until(lambda f: f["t"] == "error"))["id"] == "h1"
        await late.send({"t": "identify", "identity": identity("mara")})
        await late.event(lambda e: e["kind"] == "message" and e["body"]["text"] == SAYS)
        assert await refused(late) == ("blocked", SAYS, "x1"), "who signs in afterwards"
        keyed = {"Authorization": f"Bearer {secret_key}"}
        async with httpx.AsyncClient(base_url=server.url, headers=keyed) as rest:
            answer = await rest.post(f"/v1/conversations/{key}/messages", json={"id": "x2", "text": "more of it"})
            assert (answer.status_code, answer.json()["error"]) == (403, {"code": "blocked", "message": SAYS})
            found = [
                await rest.get(f"/v1/conversations/{c.welcome['conversation']}/events") for c in (customer, again, late)
            ]
        assert "more of it" not in str([answer.json() for answer in found])
        assert [str(answer.json()).count("model.called") for answer in found] == [1, 0, 1], "and none since the block"
        await ada.send("block", conversation=again.welcome["conversation"], on=False)
        await ada.until(lambda: ada.kinds(key).count("blocked") == 2)
        await again.answered(await again.say("sorry"))
        async with httpx.AsyncClient(base_url=server.url, headers=keyed) as rest:
            answer = await rest.post(f"/v1/conversations/{key}/messages", json={"id": "x2", "text": "sorry here too"})
        assert answer.status_code == 200
        await customer.answered("x2")


async def test_a_guest_is_blocked_in_the_conversation_also_by_its_mailed_link_and_for_uploads(place, ada):
    server, _ = place
    async with Client(server) as customer, Client(server) as other:
        await customer.hello()
        key = await blocked(ada, customer)
        link = auth.mint_link(SECRET, auth.LinkToken("pk_test", key, None, 0), time.time())
        async with httpx.AsyncClient(base_url=server.url) as web:
            given = (await web.post("/v1/reopen", headers={"Authorization": f"Bearer {link}"})).json()
        line = Client(server)
        line.ws = await connect(
            server.url.replace("http", "ws") + "/c/v1/chat", origin=server.url, subprotocols=["shopbell.v1"]
        )
        await line.hello(token=given["token"], conversation=key)
        assert await refused(line) == ("blocked", SAYS, "x1")
        await line.close()
        headers = {"Authorization": f"Bearer {given['token']}", "Origin": ORIGIN}
        async with httpx.AsyncClient(base_url=server.url, headers=headers) as web:
            upload = await web.post("/v1/files?site=pk_test", content=b"%PDF-1.4 %%EOF")
        assert upload.status_code == 403
        await other.hello()
        await other.answered(await other.say("a guest in another conversation is not known"))
