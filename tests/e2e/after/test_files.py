"""Attachments over a real server: who may send and see them, and what becomes of what they hold."""

import asyncio
import io
import json
import os

import httpx
import pytest
from PIL import Image

from tests.e2e.admin.conftest import ask
from tests.e2e.desk.colleague import Colleague, add_staff
from tests.serving import ORIGIN, Client, Server, write_shop

PLACE = b"Secret Street 12"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    shops = [write_shop(root / "shop"), write_shop(root / "other", key="pk_other", origins=["https://other.example"])]
    add_staff(root / "data", "ada@example.com", role="admin")
    add_staff(root / "data", "otto@example.com", site="pk_other")
    with Server(shops, root / "data", SHOPBELL_MODEL="offline") as running:
        yield running


def photo(form="JPEG", size=(64, 48), **options):
    exif = Image.Exif()
    exif[0x010E] = PLACE.decode()
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, form, **({"exif": exif} if form == "JPEG" else {}), **options)
    return out.getvalue()


def upload(server, client, content, *, origin=ORIGIN, token=None, name="my cup.jpg"):
    headers = {"Authorization": f"Bearer {token or client.welcome['token']}", "X-File-Name": name}
    headers |= {"Origin": origin} if origin else {}
    return httpx.post(f"{server.url}/v1/files?site={client.site}", content=content, headers=headers, trust_env=False)


def get(server, path, **headers):
    return httpx.get(server.url + path, headers=headers, trust_env=False)


def address(server, client, file_id, token=None):
    """The answer that says where the file is."""
    bearer = f"Bearer {token or client.welcome['token']}"
    return get(server, f"/v1/files/{file_id}?site={client.site}", Authorization=bearer, Origin=client.origin)


@pytest.fixture
async def talked(server):
    made = []

    async def make(**options):
        client = await Client(server, **options).open()
        made.append(client)
        await client.hello()
        await client.answered(await client.say("Hello, my cup came broken. Can I return it?"))
        return client

    yield make
    for client in made:
        await client.close()


async def test_a_photo_is_kept_without_its_metadata_sent_and_seen_by_both_sides(server, talked):
    client = await talked()
    answer = upload(server, client, photo())
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    file = answer.json()["file"]
    assert (file["name"], file["type"], file["width"], file["height"]) == ("my cup.jpg", "image/jpeg", 64, 48)
    await client.send({"t": "say", "id": "p1", "text": "Here it is.", "files": [file["id"]]})
    event = await client.event(lambda e: e["id"] == "p1")
    assert event["body"] == {"text": "Here it is.", "files": [file]}
    seen = get(server, address(server, client, file["id"]).json()["url"])
    assert seen.status_code == 200
    assert PLACE not in seen.content
    assert Image.open(io.BytesIO(seen.content)).size == (64, 48)
    assert seen.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in seen.headers["content-security-policy"]
    assert seen.headers["content-type"] == "image/jpeg"
    ada = Colleague(server, "ada@example.com")
    ada.sign_in()
    shown = ada.http.get(f"/desk/files/pk_test/{client.welcome['conversation']}/{file['id']}", follow_redirects=True)
    assert (shown.status_code, shown.content) == (200, seen.content)
    await ada.close()


async def test_a_colleague_sends_a_file_that_the_customer_sees(server, talked):
    client = await talked()
    conversation = client.welcome["conversation"]
    ada = await signed_in(server, "ada@example.com")
    await ada.send("list", queue="all")
    await ada.until(lambda: conversation in ada.rows)
    await ada.send("watch", conversation=conversation, site="pk_test", after=0)
    await ada.send("take", conversation=conversation, site="pk_test")
    await ada.until(lambda: any(e["body"].get("mode") == "staff" for e in ada.log(conversation)))
    pdf = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
    sent = ada.http.post(f"/desk/files/pk_test/{conversation}", content=pdf, headers={"X-File-Name": "label.pdf"})
    assert sent.status_code == 201
    file = sent.json()["file"]
    body = {"id": "r1", "text": "Your label.", "files": [file["id"]]}
    await ada.send("reply", conversation=conversation, site="pk_test", **body)
    event = await client.event(lambda e: e["id"] == "r1")
    assert event["body"]["files"] == [file]
    got = get(server, address(server, client, file["id"]).json()["url"])
    assert got.content == pdf
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''label.pdf"
    await client.send({"t": "say", "id": "x1", "text": "mine?", "files": [file["id"]]})
    refused = await client.until(lambda f: f["t"] == "error" and f.get("id") == "x1")
    assert refused["code"] == "bad_frame", "a customer does not send a colleague's file"
    await ada.close()


async def signed_in(server, email):
    colleague = Colleague(server, email)
    colleague.sign_in()
    return await colleague.open()


async def test_nobody_else_sees_or_sends_anything(server, talked):
    mine, other, elsewhere = (
        await talked(),
        await talked(),
        await talked(site="pk_other", origin="https://other.example"),
    )
    file = upload(server, mine, photo()).json()["file"]
    for stranger in (other, elsewhere):
        assert address(server, stranger, file["id"]).status_code == 404
        await stranger.send({"t": "say", "id": "s1", "text": "give", "files": [file["id"]]})
        assert (await stranger.until(lambda f: f["t"] == "error"))["code"] == "bad_frame"
    for token in ("x.y.z", mine.welcome["token"][:-4] + "AAAA"):
        assert upload(server, mine, photo(), token=token).status_code == 401
        assert address(server, mine, file["id"], token=token).status_code == 401
    assert upload(server, mine, photo(), origin="https://evil.example").status_code == 403
    conversation = mine.welcome["conversation"]
    url = address(server, mine, file["id"]).json()["url"]
    for wrong in (url[:-1] + ("0" if url[-1] != "0" else "1"), url.split("?")[0], url.replace(file["id"], "other")):
        assert get(server, wrong).status_code == 403
    assert get(server, f"/desk/files/pk_test/{conversation}/{file['id']}").status_code == 401
    otto = Colleague(server, "otto@example.com")
    otto.sign_in()
    assert otto.http.get(f"/desk/files/pk_test/{conversation}/{file['id']}").status_code == 404
    theirs = f"/desk/files/pk_other/{elsewhere.welcome['conversation']}"
    posted = otto.http.post(theirs, content=photo(), headers={"Origin": "https://evil.example"})
    assert posted.status_code == 401, "another page cannot send in a colleague's name"
    await otto.close()


async def test_a_conversation_takes_forty_files_also_when_all_come_at_once(server, talked):
    client = await talked()
    headers = {"Authorization": f"Bearer {client.welcome['token']}", "Origin": ORIGIN}
    url = f"{server.url}/v1/files?site={client.site}"
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as page:

        async def sent():
            return (
                await page.post(url, content=b"%PDF-1.4\n" + b"x" * 200_000 + b"%%EOF", headers=headers)
            ).status_code

        found = await asyncio.gather(*(sent() for _ in range(90)))
        assert set(found) <= {201, 429, 503}
        while (status := await sent()) == 201:
            found.append(status)
    assert (status, found.count(201)) == (429, 40)


async def test_before_anything_was_said_nothing_is_taken(server):
    async with Client(server) as client:
        await client.hello()
        assert upload(server, client, photo()).status_code == 403


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 415),
        (b"GIF89a", 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 415),
        (b"<html><script>alert(1)</script></html>", 415),
        (b"MZ\x90\x00" + os.urandom(100), 415),
        (b"%PDF-1.7 cut short", 415),
        (photo()[:200], 415),
        (photo() + b"\0" * 6_000_000, 413),
    ],
)
async def test_what_is_no_image_and_no_pdf_is_not_taken_whatever_it_is_called(server, talked, content, status):
    client = await talked()
    answer = upload(server, client, content)
    assert answer.status_code == status, json.dumps(answer.json())


async def test_an_erased_conversation_has_no_files_and_its_addresses_open_nothing(server, talked):
    client = await talked()
    file = upload(server, client, photo()).json()["file"]
    url = address(server, client, file["id"]).json()["url"]
    conversation = client.welcome["conversation"]
    done = ask(server, path="records/erase", body=json.dumps({"site": "pk_test", "conversation": conversation}))
    assert done.json()["files"] == 1
    assert get(server, url).status_code == 404
    assert upload(server, client, photo()).status_code in (401, 403, 410)
