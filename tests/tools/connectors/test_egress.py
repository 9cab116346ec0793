"""What connectors may talk to: every address is checked, and only checked addresses are connected to."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.connectors.certificates import server_context
from tests.tools.connectors.conftest import Names, Shop, answer, redirect, shop_running
from tools import AnswerLost, NotSent
from tools.connectors.client import Client, Request
from tools.connectors.egress import Egress, EgressRefused, normal_host, refusal

NEVER = [
    "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "ff02::1", "fec0::1",
    "fd00:ec2::254", "fd20:ce::254", "2001:db8::1", "2002:7f00:1::", "2001:0:7f00:1::", "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "3fff::1", "4000::1", "", "localhost", "1.2.3", "0x7f.1",
]  # fmt: skip
PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd12::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_refused_even_for_a_host_that_is_named(address):
    assert refusal(address, private=True)
    assert refusal(address, private=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_for_named_hosts_only(address):
    assert refusal(address, private=False)
    assert refusal(address, private=True) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_for_everybody(address):
    assert refusal(address, private=False) is None


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public_here(address):
    if refusal(str(address), private=False) is None and "64:ff9b" not in str(address):
        assert address.is_global
        assert not address.is_multicast


def public(**hosts: list[list[str]]) -> Egress:
    return Egress(resolve=Names(**hosts))


async def test_one_bad_address_among_good_ones_refuses_the_host():
    with pytest.raises(EgressRefused, match=r"10\.0\.0\.1, which is private"):
        await public(shop_example=[["8.8.8.8", "10.0.0.1"]]).addresses("shop.example", 443)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://shop.example/", "not encrypted"),
        ("ftp://shop.example/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("https://user:pass@shop.example/", "without user"),
        ("https:///x", "host"),
    ],
)
def test_urls_that_cannot_be_meant_are_refused(url, why):
    with pytest.raises(EgressRefused, match=why):
        public().check(httpx.URL(url))


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "127.1", "localhost", "localhost.", "[::1]"])
async def test_no_spelling_of_this_machine_gets_through(host):
    client = Client(Egress())  # the system's own resolver
    with pytest.raises(NotSent):
        await client.send(Request("GET", httpx.URL(f"https://{host}:9/"), {}), timeout_s=5, once=False)
    await client.aclose()


async def test_a_name_that_changes_its_address_after_the_check_is_not_looked_up_again(shop: Shop):
    shop.says["/"] = answer({"ok": True})
    names = Names(rebind_example=[["127.0.0.1"], ["169.254.169.254"]])
    host = frozenset({"rebind.example"})
    client = Client(Egress(host, host, names))
    url = httpx.URL(f"http://rebind.example:{shop.port}/")
    assert (await client.send(Request("GET", url, {}), timeout_s=5, once=True)).status == 200
    assert names.asked == ["rebind.example"]  # one look-up for one connection: what was checked is what was used
    assert shop.got[0].headers["host"] == f"rebind.example:{shop.port}"
    with pytest.raises(NotSent, match="metadata"):
        await client.send(Request("GET", url, {}), timeout_s=5, once=True)
    assert len(shop.got) == 1
    await client.aclose()


async def test_a_host_is_named_with_or_without_its_port(shop: Shop):
    shop.says["/"] = answer(1)
    for name, works in [
        ("shop.example", True),
        (f"shop.example:{shop.port}", True),
        ("shop.example:1", False),
        ("example", False),
        ("evil.shop.example", False),
    ]:
        named = frozenset({normal_host(name)})
        client = Client(Egress(named, frozenset({"shop.example"}), Names(shop_example=[["127.0.0.1"]])))
        request = Request("GET", httpx.URL(f"{shop.url}/"), {})
        if works:
            assert (await client.send(request, timeout_s=5, once=False)).status == 200
        else:
            with pytest.raises(NotSent, match="allow_private"):
                await client.send(request, timeout_s=5, once=False)
        await client.aclose()


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("ERP.Example.", "erp.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[::1]:8080", "::1:8080"),
        ("10.0.0.5:80", "10.0.0.5:80"),
    ],
)
def test_hosts_are_compared_in_one_spelling(written, host):
    assert normal_host(written) == host


@pytest.mark.parametrize("written", ["", "*.example", "https://a.example", "a.example/x", "u@a.example", "a b"])
def test_what_is_no_host_is_said(written):
    with pytest.raises(ValueError, match="expected a host"):
        normal_host(written)


async def test_the_certificate_and_sni_are_those_of_the_name_and_not_of_the_address(tmp_path, monkeypatch):
    context = server_context(tmp_path, "shop.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    async with shop_running(context) as shop:
        shop.says["/"] = answer({"ok": True})
        names = Names(shop_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
        client = Client(Egress(frozenset({"shop.example", "other.example"}), resolve=names))
        good = Request("GET", httpx.URL(f"https://shop.example:{shop.port}/"), {})
        assert (await client.send(good, timeout_s=5, once=False)).status == 200
        assert shop.sni == "shop.example"
        wrong = Request("GET", httpx.URL(f"https://other.example:{shop.port}/"), {"Authorization": "x"})
        with pytest.raises(NotSent, match="certificate"):
            await client.send(wrong, timeout_s=5, once=False)
        assert len(shop.got) == 1
        await client.aclose()


async def test_a_redirect_never_leaves_encryption(tmp_path, monkeypatch):
    context = server_context(tmp_path, "shop.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    async with shop_running(context) as shop, shop_running() as plain:
        shop.says["/"] = redirect(f"{plain.url}/")
        named = frozenset({"shop.example"})
        client = Client(Egress(named, named, Names(shop_example=[["127.0.0.1"]])))
        with pytest.raises(AnswerLost, match="from https to http"):
            await client.send(
                Request("GET", httpx.URL(f"https://shop.example:{shop.port}/"), {}), timeout_s=5, once=False
            )
        assert plain.got == []
        await client.aclose()
