"""A mailed link that opens a page of the shop's own: over a real server and another origin, in a real browser."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from server import auth
from tests.e2e.after.conftest import CLOSED, REPLY, SECRET, answered
from tests.e2e.desk.colleague import add_staff
from tests.serving import ORIGIN, Server, write_shop

OTHER = "https://other.example"


class Quiet(SimpleHTTPRequestHandler):
    """Files, and no line on stderr for each."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def own_page(tmp_path) -> Iterator[str]:
    """The origin of a shop, as the browser sees it: not the server's."""
    folder = tmp_path / "pages"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as pages:
        thread = threading.Thread(target=pages.serve_forever, name="shop's pages")
        thread.start()
        yield f"http://localhost:{pages.server_address[1]}"
        pages.shutdown()
        thread.join(10)


@pytest.fixture
def closed_shop(tmp_path, own_page):
    """As conftest's, with mails that lead to a page of the shop's own, and another shop on the server."""
    site = {"hours": CLOSED, "mail": {"page": f"{own_page}/chat.html"}}
    shops = [
        write_shop(tmp_path / "shop", origins=[ORIGIN, own_page], site=site),
        write_shop(tmp_path / "other", key="pk_other", origins=[OTHER]),
    ]
    add_staff(tmp_path / "data", "ada@example.com", role="admin")
    with Server(shops, tmp_path / "data", SHOPBELL_MODEL="offline", SHOPBELL_SECRET=SECRET) as running:
        tag = f'<script async src="{running.url}/widget.js" data-site="pk_test"></script>'
        html = f"<!doctype html><html lang=en><title>Shop</title><h1>Shop</h1>{tag}</html>"
        (tmp_path / "pages" / "chat.html").write_text(html)
        yield running


def token_for(conversation):
    return auth.mint_link(SECRET, auth.LinkToken("pk_test", conversation, None, 0), time.time())


async def test_the_link_goes_on_with_the_chat_on_the_shops_page_and_leaves_no_trace_of_its_token(
    closed_shop, own_page, page
):
    ada, conversation = await answered(closed_shop)
    token = token_for(conversation)
    asked = []
    page.on("request", lambda made: asked.append(made.url))
    await page.goto(f"{own_page}/chat.html#shopbell={token}")
    await page.get_by_text(REPLY).wait_for()
    assert page.url == f"{own_page}/chat.html"
    assert not [url for url in asked if token in url]
    await page.get_by_role("textbox").fill("Great, thank you!")
    await page.keyboard.press("Enter")
    await ada.until(lambda: any(e["body"].get("text") == "Great, thank you!" for e in ada.log(conversation)))
    await page.reload()
    await page.get_by_text("Great, thank you!").wait_for()
    logs = [file for file in [*closed_shop.data.rglob("*"), closed_shop.stderr] if file.is_file()]
    assert not [file for file in logs if token.encode() in file.read_bytes()], "the token is in no log"
    await ada.close()


async def test_only_pages_of_the_links_own_shop_get_anything_for_it(closed_shop, own_page):
    ada, conversation = await answered(closed_shop)
    await ada.close()
    token = token_for(conversation)

    def reopen(method, **headers):
        return httpx.request(method, f"{closed_shop.url}/v1/reopen", headers=headers, trust_env=False)

    allowed = reopen("OPTIONS", Origin=own_page)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, own_page)
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    assert "access-control-allow-origin" not in reopen("OPTIONS", Origin="https://evil.example").headers
    good = reopen("POST", Origin=own_page, Authorization=f"Bearer {token}")
    assert (good.json()["conversation"], good.headers["access-control-allow-origin"]) == (conversation, own_page)
    for origin in (OTHER, "https://evil.example", "null"):
        refused = reopen("POST", Origin=origin, Authorization=f"Bearer {token}")
        assert refused.status_code == 403
        assert "token" not in refused.json()
    assert reopen("POST", Origin=own_page, Authorization="Bearer x.y.z").status_code == 401
