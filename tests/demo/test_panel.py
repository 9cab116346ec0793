"""The demo's panel: sign-in and the staff's view, for nobody but the person at this machine."""

import pytest
from starlette.testclient import TestClient

from server.shop import Shop
from tests.demo.support import client_for

MARA = {"customer": "cus_mara"}
GOOD = {"Authorization": "Bearer good"}


def test_a_listed_customer_is_signed_in(client: TestClient) -> None:
    answer = client.post("/demo/identity", json=MARA)
    assert answer.json() == {"identity": "signed:cus_mara"}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "customer", ["cus_hanna", "", None, 1, ["cus_mara"], {"id": "cus_mara"}, "CUS_MARA", "cus_mara "]
)
def test_nobody_else_is(client: TestClient, customer: object) -> None:
    answer = client.post("/demo/identity", json={"customer": customer})
    assert answer.status_code == 403
    assert "identity" not in answer.json()


@pytest.mark.parametrize(
    "address", ["192.168.1.7", "10.0.0.1", "172.17.0.1", "2001:db8::1", "::ffff:192.168.1.7", "testclient"]
)
def test_nobody_signs_in_from_another_machine(shop: Shop, address: str) -> None:
    client = client_for(shop, address=address)
    assert client.post("/demo/identity", json=MARA).status_code == 403
    assert client.get("/demo/events", headers=GOOD).status_code == 403
    assert client.get("/demo/panel.json").json()["customers"] == []


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_this_machine_has_several_addresses(shop: Shop, address: str) -> None:
    assert client_for(shop, address=address).post("/demo/identity", json=MARA).status_code == 200


def test_nobody_signs_in_when_the_server_listens_on_more_than_this_machine(shop: Shop) -> None:
    client = client_for(shop, on_loopback=False)
    assert client.post("/demo/identity", json=MARA).status_code == 403
    assert client.get("/demo/events", headers=GOOD).status_code == 403
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example:8000"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"X-Forwarded-For": "8.8.8.8"},
        {"Forwarded": "for=8.8.8.8"},
    ],
)
def test_foreign_names_origins_and_proxies_are_turned_away(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/demo/identity", json=MARA, headers=headers).status_code == 403
    assert client.get("/demo/events", headers={**GOOD, **headers}).status_code == 403


def test_its_own_page_may_ask(client: TestClient) -> None:
    assert client.post("/demo/identity", json=MARA, headers={"Origin": "http://127.0.0.1:8000"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"customer": "cus_mara"}', "text/plain", 415),
        (b'{"customer": "cus_mara"}', "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b"[" * 2000, "application/json", 413),
        (b'{"customer": "' + b"x" * 2000 + b'"}', "application/json", 413),
        (b'["cus_mara"]', "application/json", 403),
        (b"", "application/json", 400),
    ],
)
def test_a_strange_body_is_an_error_in_words(client: TestClient, body: bytes, kind: str, status: int) -> None:
    answer = client.post("/demo/identity", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_sign_in_is_never_a_get(client: TestClient) -> None:
    assert client.get("/demo/identity?customer=cus_mara").status_code == 405


def test_the_visitors_own_conversation_is_shown_from_the_cursor_on(client: TestClient) -> None:
    answer = client.get("/demo/events?after=3", headers=GOOD)
    assert [event["seq"] for event in answer.json()["events"]] == [4, 5]
    assert answer.json()["conversation"] == "c-mine"


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer bad", "Basic good", "good", "Bearer elsewhere"])
def test_without_a_good_token_of_this_site_nothing_is_shown(client: TestClient, header: str) -> None:
    answer = client.get("/demo/events?token=good", headers={"Authorization": header})
    assert answer.status_code == 401
    assert "events" not in answer.json()


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 30, "٣", ""])
def test_a_cursor_is_a_whole_number(client: TestClient, after: str) -> None:
    assert client.get("/demo/events", params={"after": after}, headers=GOOD).status_code == 400
