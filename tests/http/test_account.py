"""A colleague's own page: the picture that customers are shown, who may change it, and who may see it."""

import io
import re

import httpx
import pytest
from argon2 import PasswordHasher
from PIL import Image
from starlette.applications import Starlette

from server.http import desk_account
from server.http.desk import COOKIE
from server.pictures import SQUARE
from server.staff import Accounts

HOME = "http://test"
SHOP = "https://shop.example"


def photo(colour="red"):
    out = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(out, "PNG")
    return out.getvalue()


class Desk:
    """Ada's browser, and the accounts behind it."""

    def __init__(self, data):
        hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.accounts = Accounts(data, clock_ms=lambda: 1_800_000_000_000, hasher=hasher)
        self.ada = self.accounts.add("ada@example.com", "correct horse battery")
        self.token = self.accounts.open_session(self.ada)
        ports = desk_account.FacePorts(self.accounts, lambda origin, _: origin == SHOP)
        app = Starlette(routes=[*desk_account.routes(ports), *desk_account.pictures(ports)])
        self.web = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME)

    async def own(self, method="POST", *, content=b"", cookie=True, origin=HOME, csrf=None):
        headers = {"Origin": origin, "X-CSRF": self.accounts.session(self.token).csrf if csrf is None else csrf}
        headers |= {"Cookie": f"{COOKIE}={self.token}"} if cookie else {}
        return await self.web.request(method, "/desk/account/picture", content=content, headers=headers)

    def picture(self):
        [ada] = self.accounts.everybody()
        return ada.picture


@pytest.fixture
async def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    await made.web.aclose()
    made.accounts.close()


async def test_a_colleague_gets_a_picture_at_an_address_that_nobody_can_guess_and_keeps_the_address(desk):
    path = (await desk.own(content=photo())).json()["picture"]
    assert re.fullmatch(r"/picture/[A-Za-z0-9_-]{32}", path)
    assert desk.picture() == path
    first = await desk.web.get(path)
    assert first.headers["content-type"] == "image/jpeg"
    assert first.headers["cross-origin-resource-policy"] == "cross-origin"
    assert Image.open(io.BytesIO(first.content)).size == (SQUARE, SQUARE)
    assert (await desk.own(content=photo("blue"))).json()["picture"] == path
    second = await desk.web.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert second.content not in (first.content, b"")
    again = await desk.web.get(path, headers={"If-None-Match": second.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_picture_that_was_taken_away_is_gone_and_the_next_one_is_somewhere_else(desk):
    path = (await desk.own(content=photo())).json()["picture"]
    assert (await desk.own("DELETE")).json() == {"picture": None}
    assert desk.picture() is None
    gone = await desk.web.get(path)
    assert (gone.status_code, gone.headers["cache-control"]) == (404, "no-store")
    assert (await desk.own(content=photo())).json()["picture"] != path


async def test_only_the_desks_own_page_changes_a_picture(desk):
    assert (await desk.own(content=photo(), cookie=False)).status_code == 401
    assert (await desk.own(content=photo(), origin="https://evil.example")).status_code == 403
    assert (await desk.own(content=photo(), csrf="")).status_code == 403
    assert (await desk.own("DELETE", csrf="guessed")).status_code == 403
    assert desk.picture() is None


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415), (b"", 415), (b"\xff" * (5 * 1024 * 1024 + 1), 413)],
)
async def test_what_is_no_picture_or_too_large_is_not_taken(desk, content, status):
    answer = await desk.own(content=content)
    assert answer.status_code == status
    assert desk.picture() is None


async def test_a_picture_is_for_pages_that_may_have_a_chat(desk):
    path = (await desk.own(content=photo())).json()["picture"]
    there = await desk.web.get(path, headers={"Origin": SHOP})
    assert (there.status_code, there.headers["access-control-allow-origin"]) == (200, SHOP)
    assert (await desk.web.get(path, headers={"Origin": "https://evil.example"})).status_code == 403
    assert (await desk.web.get("/picture/guessed")).status_code == 404


async def test_the_page_is_for_who_is_signed_in_and_shows_the_picture(desk):
    assert (await desk.web.get("/desk/account")).status_code == 303
    path = (await desk.own(content=photo())).json()["picture"]
    page = await desk.web.get("/desk/account", headers={"Cookie": f"{COOKIE}={desk.token}"})
    assert (page.status_code, path in page.text, "ada@example.com" in page.text) == (200, True, True)


async def test_a_new_password_keeps_the_picture_and_a_removed_account_loses_it(desk):
    path = (await desk.own(content=photo())).json()["picture"]
    assert desk.accounts.add("ada@example.com", "another long password", role="admin").picture == path
    desk.accounts.add("bob@example.com", "another long password", role="admin")
    assert desk.accounts.remove("ada@example.com")
    assert desk.accounts.picture(path) is None
