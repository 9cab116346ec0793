"""Nobody has the desk open: staff are told by mail and by a signed webhook; and nobody is while somebody is there."""

import asyncio
import email
import email.policy

from server.alerts.webhook import signed
from tests.e2e.desk.colleague import Colleague, add_staff
from tests.serving import PATIENCE_S, Client, Server, write_shop
from tests.tools.connectors.conftest import answer, shop_running

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EGRESS = "egress: {allow_private: [127.0.0.1], allow_http: [127.0.0.1]}\n"
ALERTS = {"alerts": {"email": "staff", "webhook": {"url_env": "HOOK_URL", "secret_env": "HOOK_SECRET"}}}


async def asks_for_a_person(server):
    async with Client(server) as customer:
        await customer.hello()
        await customer.send({"t": "human", "id": "h1"})
        await customer.event(lambda e: e["kind"] == "mode" and e["body"]["mode"] == "waiting")
        return customer.welcome["conversation"]


def mails(data):
    files = sorted((data / "mail").glob("*.eml"))
    return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]


async def test_staff_hear_of_who_waits_and_nobody_does_while_somebody_is_at_the_desk(tmp_path):
    shop = write_shop(tmp_path / "shop", site=ALERTS)
    (shop / "tools.yaml").write_text(EGRESS)
    data = tmp_path / "data"
    add_staff(data, "ada@example.com", role="admin")
    told = asyncio.Event()

    async def taken(got, out):
        await answer("ok")(got, out)
        told.set()

    async with shop_running() as chat_tool:
        chat_tool.says["/hook"] = taken
        hook = {"HOOK_URL": f"http://127.0.0.1:{chat_tool.port}/hook", "HOOK_SECRET": SECRET}
        with Server(shop, data, SHOPBELL_MODEL="offline", **hook) as server:
            ada = Colleague(server, "ada@example.com")
            ada.sign_in()
            await ada.open()
            await ada.send("list", queue="waiting")
            seen = await asks_for_a_person(server)
            await ada.until(lambda: seen in ada.rows)
            await ada.send("watch", conversation=seen, after=0)
            await ada.until(lambda: any(e["kind"] == "alerted" for e in ada.log(seen)))
            await ada.close()
            missed = await asks_for_a_person(server)
            async with asyncio.timeout(PATIENCE_S):
                await told.wait()
            back = Colleague(server, "ada@example.com")
            back.sign_in()
            await back.open()
            await back.send("watch", conversation=missed, after=0)
            await back.until(lambda: sum(e["kind"] == "alerted" for e in back.log(missed)) == 2)
            await back.close()
        [got] = chat_tool.got
        assert missed in got.json["text"]
        headers = signed(SECRET, got.headers["webhook-id"], int(got.headers["webhook-timestamp"]), got.body)
        assert headers["webhook-signature"] == got.headers["webhook-signature"]
        [mail] = mails(data)
        assert mail["To"] == "ada@example.com"
        assert f"{server.url}/desk#pk_test/{missed}" in mail.get_content()
        assert got.headers["webhook-id"] not in server.stderr.read_text()
        assert "/hook" not in server.stderr.read_text()
