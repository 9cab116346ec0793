"""What HTTP tools make of answers that are none, refusals, and money; and what is sent once."""

import asyncio
import gzip
import zlib
from dataclasses import replace
from typing import Any

import pytest

from tests.tools.connectors.conftest import answer, hang_up, raw, shop_running, silent
from tests.tools.connectors.test_http import CALLER, call, no_wait, spec_of
from tools import (
    Breakers,
    Pace,
    Rule,
    run,
    verdict,
)
from tools.connectors import client as client_module

# Answers that are none


async def endless(got: Any, out: asyncio.StreamWriter) -> None:
    out.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
    while not out.is_closing():
        out.write(b"[" + b" " * 65_536)
        await out.drain()
        await asyncio.sleep(0)


BAD_ANSWERS = {
    "endless": endless,
    "announced": raw(200, b"[]", content_length="5000001"),
    "html": raw(200, b"<html>", content_type="text/html"),
    "no_json": raw(200, b"{not json"),
    "nan": raw(200, b"[NaN]"),
    "deep": raw(200, b"[" * 60_000),
    "broken": raw(200, b"[1,", content_length="50"),
    "bomb": raw(200, gzip.compress(b" " * 50_000_000), content_encoding="gzip"),
    "bad_gzip": raw(200, b"no gzip", content_encoding="gzip"),
    "brotli": raw(200, b"x", content_encoding="br"),
    "garbage": lambda got, out: garbage(out),
    "hang_up": hang_up,
    "500": answer({"error": "x"}, 500),
    "503": answer({"error": "x"}, 503),
    "408": answer({}, 408),
    "no_location": raw(302),
}


async def garbage(out: asyncio.StreamWriter) -> None:
    out.write(b"this is not HTTP\r\n\r\n")
    await out.drain()
    out.close()


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_a_bad_answer_to_a_read_is_a_failure_and_to_a_write_leaves_it_open(shop, name):
    shop.says["/a"] = BAD_ANSWERS[name]
    if name in ("broken", "endless"):
        shop.says["/a"] = [BAD_ANSWERS[name]] if name == "endless" else closing(BAD_ANSWERS[name])
    read = await call(spec_of(shop, url="SHOP/a"))
    shop.says["/a"] = closing(BAD_ANSWERS[name]) if name == "broken" else BAD_ANSWERS[name]
    write = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write"))
    assert (read.ok, read.unknown) == (False, False)
    assert (write.ok, write.unknown) == (False, True)


def closing(say: Any) -> Any:
    async def said(got: Any, out: asyncio.StreamWriter) -> None:
        await say(got, out)
        out.close()

    return said


async def test_a_packed_answer_is_unpacked(shop):
    shop.says["/a"] = raw(200, gzip.compress(b'{"a": 1}'), content_encoding="gzip")
    assert (await call(spec_of(shop, url="SHOP/a"))).result == {"a": 1}


async def test_a_mark_of_the_byte_order_before_an_answer_is_no_part_of_it(shop):
    shop.says["/a"] = raw(200, b'\xef\xbb\xbf{"a": 1}')
    assert (await call(spec_of(shop, url="SHOP/a"))).result == {"a": 1}


async def test_a_packed_bomb_is_not_unpacked_beyond_the_limit(shop, monkeypatch):
    made: list[int] = []

    original = zlib.decompressobj

    class Counting:
        def __init__(self, **options: Any) -> None:
            self.inner = original(**options)

        def decompress(self, part: bytes, limit: int) -> bytes:
            piece = self.inner.decompress(part, limit)
            made.append(len(piece))
            return piece

    monkeypatch.setattr(client_module.zlib, "decompressobj", lambda wbits: Counting(wbits=wbits))
    shop.says["/a"] = BAD_ANSWERS["bomb"]
    assert not (await call(spec_of(shop, url="SHOP/a"))).ok
    assert 5_000_000 < sum(made) <= 5_000_001


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_a_write_whose_answer_is_not_read_succeeds_by_its_status(shop, status):
    shop.says["/a"] = raw(status, b"" if status == 204 else b"<p>Thanks", content_type="text/html")
    outcome = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write", answer="none"))
    assert (outcome.ok, outcome.result) == (True, None)


# Refusals


async def test_a_refusal_says_that_nothing_was_done_in_the_merchants_words(shop):
    entry = {"url": "SHOP/a", "method": "POST", "effect": "write", "params": {"n": {}}}
    shop.says["/a"] = answer({"error": {"message": "Too  late\nto change"}}, 409)
    plain = await call(spec_of(shop, **entry), n="7")
    named = await call(spec_of(shop, **entry, errors={409: "Order {{ n }} is on its way."}), n="7")
    theirs = await call(spec_of(shop, **entry, error_path="error.message"), n="7")
    assert [o.unknown for o in (plain, named, theirs)] == [False] * 3
    assert plain.error == "The shop's system did not accept this; nothing was done."
    assert named.error == "Order 7 is on its way."
    assert theirs.error == "Too late to change"


async def test_a_busy_system_is_asked_again_only_where_that_is_safe(shop):
    busy, fine = answer({}, 429), answer({"a": 1})
    shop.says["/a"] = [busy, fine, busy]
    assert (await call(spec_of(shop, url="SHOP/a", retries=1))).ok
    write = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write"))
    assert (write.ok, write.unknown, write.attempts) == (False, False, 1)


# Exactly once


async def test_the_call_id_is_the_idempotency_key_in_every_attempt(shop):
    shop.says["/a"] = [hang_up, answer({}, 500), answer({"done": True})]
    spec = spec_of(
        shop, url="SHOP/a", method="POST", effect="money", idempotency_header="Idempotency-Key", retries=3
    )  # fmt: skip
    assert spec.idempotent
    assert (await call(spec)).ok
    assert [got.headers["idempotency-key"] for got in shop.got] == ["call:9"] * 3


async def test_a_conflict_of_a_call_with_a_key_is_tried_again_and_left_open(shop):
    entry = {"url": "SHOP/a", "method": "POST", "effect": "write", "idempotency_header": "Idempotency-Key"}
    shop.says["/a"] = [answer({}, 409), answer({"a": 1}), answer({}, 409), answer({}, 409)]
    assert (await call(spec_of(shop, **entry, retries=1))).ok
    assert (await call(spec_of(shop, **entry))).unknown
    named = await call(spec_of(shop, **entry, errors={409: "Too late."}))
    assert (named.error, named.unknown) == ("Too late.", False)


async def test_a_success_that_lacks_the_picked_part_is_still_a_success_of_a_write(shop):
    shop.says["/a"] = answer({"else": 1})
    write = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write", result="refund.id"))
    assert (write.ok, write.result) == (True, None)
    read = await call(spec_of(shop, url="SHOP/a", result="order"))
    assert (read.ok, read.error) == (False, "Nothing was found.")


async def test_letters_that_only_look_alike_make_nobody_the_owner(shop):
    shop.says["/a"] = answer({"mail": "strasse@x.example"})
    spec = spec_of(shop, url="SHOP/a", owner={"mail": "email"}, needs="identified")
    assert (await call(spec, replace(CALLER, email="Strasse@X.example"))).ok
    assert not (await call(spec, replace(CALLER, email="stra\u00dfe@x.example"))).ok
    shop.says["/a"] = answer({"mail": "kim@x.example"})
    assert not (await call(spec, replace(CALLER, email="\u212aim@x.example"))).ok  # the sign of Kelvin


async def test_a_write_without_a_key_is_sent_once_whatever_happens(shop):
    shop.says["/a"] = hang_up
    outcome = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write"))
    assert (outcome.unknown, len(shop.got)) == (True, 1)


async def test_a_write_never_goes_over_a_connection_that_was_used_before(shop):
    shop.says["/a"] = answer({})
    spec = spec_of(shop, url="SHOP/a", method="POST", effect="write")
    for _ in range(3):
        assert (await call(spec)).ok
    assert shop.connections == 3
    read = spec_of(shop, url="SHOP/a")
    for _ in range(3):
        assert (await call(read)).ok
    assert shop.connections == 4


async def test_a_system_that_cannot_be_reached_has_done_nothing(shop):
    async with shop_running() as nowhere:
        pass
    write = await call(spec_of(nowhere, url="SHOP/a", method="POST", effect="write"))
    assert (write.ok, write.unknown) == (False, False)
    assert "nothing was done" in write.error
    read = await call(spec_of(nowhere, url="SHOP/a", retries=2))
    assert (read.ok, read.attempts) == (False, 3)
    unknown = await call(spec_of(shop, url="https://nowhere.example/a", method="POST", effect="write"))
    assert (unknown.ok, unknown.unknown) == (False, False)
    for client in nowhere.clients:
        await client.aclose()


async def test_a_write_without_a_key_is_tried_again_only_while_nothing_was_sent(shop):
    async with shop_running() as nowhere:
        pass
    never = await call(spec_of(nowhere, url="SHOP/a", method="POST", effect="write", retries=2))
    assert (never.attempts, never.unknown) == (3, False)
    shop.says["/a"] = hang_up
    lost = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write", retries=2))
    assert (lost.attempts, lost.unknown, len(shop.got)) == (1, True, 1)
    for client in nowhere.clients:
        await client.aclose()


async def test_tools_of_one_host_share_a_circuit_and_errors_of_one_request_open_none(shop):
    breakers = Breakers(failures=1)
    shop.says["/a"] = answer({}, status=500)
    shop.says["/b"] = hang_up
    for path in ("/a", "/b"):
        one = spec_of(shop, url=f"SHOP{path}")
        await run(one, CALLER, {}, breakers=breakers, pace=Pace(sleep=no_wait))
        assert bool(breakers.open(0)) == (path == "/b")
    left = await run(spec_of(shop, url="SHOP/c"), CALLER, {}, breakers=breakers, pace=Pace(sleep=no_wait))
    assert (left.code, left.attempts, len(shop.got)) == ("not_sent", 0, 2)


async def test_a_system_that_does_not_answer_is_given_up_in_time(shop):
    shop.says["/a"] = silent
    read = await call(spec_of(shop, url="SHOP/a", timeout_s=0.3))
    write = await call(spec_of(shop, url="SHOP/a", timeout_s=0.3, method="POST", effect="write"))
    assert (read.ok, read.unknown, write.ok, write.unknown) == (False, False, False, True)


async def test_a_cancelled_call_lets_its_connection_go(shop):
    asked = asyncio.Event()

    async def wait(got: Any, out: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.Event().wait()

    shop.says["/a"] = wait
    task = asyncio.create_task(call(spec_of(shop, url="SHOP/a")))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# Money


def test_limits_see_the_amount_of_an_http_tool(shop):
    spec = spec_of(
        shop, url="SHOP/refunds", method="POST", effect="money",
        params={"amount": {"type": "decimal", "minimum": 0}}, idempotency_header="Idempotency-Key",
    )  # fmt: skip
    rule = Rule(permission="approve", auto_up_to=50)
    assert verdict(spec, rule, CALLER, {"amount": "50.00"}).permission == "auto"
    assert verdict(spec, rule, CALLER, {"amount": "62"}).reason == "needs approval: 62 is over 50"
    assert verdict(spec, rule, CALLER, {"amount": "-1"}).permission == "deny"
    assert verdict(spec, None, CALLER, {"amount": "1"}).permission == "approve"
