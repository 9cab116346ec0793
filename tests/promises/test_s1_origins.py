"""S1: only the shop's own pages connect.

About 40 origins against three sites, over real handshakes: who is not listed gets 403, who is listed elsewhere 4502.
"""

import json

import pytest
import websockets
from websockets.asyncio.client import connect

from tests.promises.visitor import record
from tests.serving import Server, write_shop

pytestmark = pytest.mark.prove

SITES = {
    "pk_one": ["https://shop.example"],
    "pk_two": ["https://two.example", "https://www.two.example", "http://localhost:3000"],
    "pk_three": ["https://xn--bcher-kva.example", "https://shop.example:8443", "http://192.0.2.7"],
}
# As a browser may send it, and as nobody may; those listed above are added.
STRANGERS = [
    None, "", "null", "*", "https://", "shop.example", "//shop.example", "file://", "data:", "about:blank",
    "http://shop.example", "https://shop.example:444", "https://shop.example:80", "https://evil.example",
    "https://shop.example.evil.example", "https://evilshop.example", "https://evil-shop.example", "https://www.shop.example",
    "https://a.shop.example", "https://shop.example.", "https://shop.example/", "https://shop.example/path",
    "https://shop.example@evil.example", "https://evil.example#https://shop.example", "https://evil.example?https://shop.example",
    "https://shop.example https://evil.example", "https://evil.example, https://shop.example", "https://two.example:3000",
    "http://localhost", "http://localhost:3001", "http://127.0.0.1:3000", "https://localhost:3000", "http://[::1]:3000",
    "chrome-extension://abcdef", "wss://shop.example", "ftp://shop.example", "https://shop%2eexample", "https://SHOP.example.evil",
    "http://192.0.2.70", "http://192.0.2.7:8080", "https://shop.exampl", "javascript:alert(1)",
]  # fmt: skip
SAME = {"https://SHOP.example": "https://shop.example", "https://shop.example:443": "https://shop.example"}
"""Other spellings of the same origin (RFC 6454 §4); browsers send the listed one."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("s1")
    script = root / "script.json"
    script.write_text(json.dumps({"rules": [{"match": ".", "steps": [{"text": "Hi."}]}]}))
    shops = [write_shop(root / key, key=key, name=key, origins=origins) for key, origins in SITES.items()]
    with Server(shops, root / "data", SHOPBELL_MODEL=f"scripted:{script}") as running:
        yield running


async def try_origin(server, origin, site):
    """What becomes of a hello for `site` from `origin`: `403`, `4502 forbidden_origin`, or `welcome`."""
    url = f"ws://127.0.0.1:{server.port}/v1/chat"
    headers = {"Origin": origin} if origin is not None else {}
    try:
        async with connect(url, additional_headers=headers, compression=None, proxy=None, ping_interval=None) as ws:
            await ws.send(json.dumps({"t": "hello", "v": 1, "site": site}))
            frame = json.loads(await ws.recv())
            frame = frame[0] if isinstance(frame, list) else frame
            if frame["t"] == "welcome":
                return "welcome"
            with pytest.raises(websockets.ConnectionClosed):
                await ws.recv()
            return f"{ws.close_code} {frame['code']}"
    except websockets.InvalidStatus as refused:
        return str(refused.response.status_code)


async def test_s1_only_the_shops_own_pages_connect(server):
    listed = [origin for origins in SITES.values() for origin in origins]
    wrong, tried = [], 0
    for site, own in SITES.items():
        for origin in [*listed, *SAME, *STRANGERS]:
            tried += 1
            spelled = SAME.get(origin, origin)
            expected = "welcome" if spelled in own else "4502 forbidden_origin" if spelled in listed else "403"
            got = await try_origin(server, origin, site)
            if got != expected:
                wrong.append(f"{origin!r} for {site}: expected {expected}, got {got}")
    assert wrong == []
    record("S1", f"{tried // 3} origins × {len(SITES)} sites: {tried} tried, 0 wrong")
