"""What staff look up and mark beside a conversation, over the desk's real socket."""

import json

import pytest

from tests.e2e.desk.colleague import Colleague, add_staff
from tests.e2e.desk.test_desk_socket import PLUGIN, SCRIPT, identity
from tests.serving import Client, Server, write_shop

ORDERS = '''
    @kit.tools.add
    @tool(scope="orders.read", effect="read", examples=["my orders"])
    async def list_orders(caller: Caller) -> dict:
        """Lists the customer's orders."""
        return {"orders": [{"order_id": "1042", "total": 62.0, "items": [1], "of": caller.customer}]}
'''
SITE = {
    "desk": {"customer_tools": ["list_orders"]},
    "canned": [{"name": "hello", "text": "Hello {{customer or there}}"}],
}
RULES = (
    "tools:\n  refund: {permission: approve, per_customer_per_day: 100.00, per_site_per_day: 500.00}\n"
    "  list_orders: {permission: auto}\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("beside")
    shop = write_shop(directory / "shop", plugin=PLUGIN + ORDERS, site=SITE)
    (shop / "tools.yaml").write_text(RULES, encoding="utf-8")
    script = {"rules": [*SCRIPT["rules"], {"match": ".", "steps": [{"text": "Within 30 days [1]."}]}]}
    (directory / "script.json").write_text(json.dumps(script))
    add_staff(directory / "data", "ada@example.com", role="admin")
    add_staff(directory / "data", "bob@example.com")
    with Server(shop, directory / "data", SHOPBELL_MODEL=f"scripted:{directory / 'script.json'}") as running:
        yield running


@pytest.fixture
async def ada(server):
    one = Colleague(server, "ada@example.com")
    one.sign_in()
    await one.open()
    await one.send("list", queue="all")
    yield one
    await one.close()


async def chat(server, text, **hello):
    customer = Client(server)
    await customer.open()
    welcome = await customer.hello(**hello)
    await customer.answered(await customer.say(text))
    return customer, welcome["conversation"]


async def came(one, name, **fields):
    def found():
        return [f for f in one.frames if f["t"] == name and all(f.get(k) == v for k, v in fields.items())]

    await one.until(found)
    return found()[-1]


async def test_an_approval_shows_its_amount_and_what_is_booked_on_its_limits(server, ada):
    customer, key = await chat(server, "refund order 1042 please", identity=identity())
    await ada.send("watch", conversation=key, after=0)
    await ada.until(lambda: "call.asked" in ada.kinds(key))
    call = next(e["body"]["call"] for e in ada.log(key) if e["kind"] == "call.asked")
    await ada.send("approval", conversation=key, call=call)
    shown = await came(ada, "approval", conversation=key)
    assert (shown["call"], shown["amount"]) == (call, "62.0")
    limits = {one["name"]: one for one in shown["limits"]}
    assert limits["per_customer_per_day"] == {
        "name": "per_customer_per_day",
        "booked": "0.00",
        "cost": "62.0",
        "limit": "100.00",
    }
    await ada.send("approval", conversation=key, call="call:none")
    await came(ada, "error", conversation=key)
    await customer.close()


async def test_the_card_shows_who_it_is_their_earlier_conversations_and_what_the_shops_tool_says(server, ada):
    earlier, first = await chat(server, "hello", identity=identity("cus_9"))
    later, second = await chat(server, "hello again", identity=identity("cus_9"))
    guest, third = await chat(server, "who am I")
    await ada.send("card", conversation=second)
    card = await came(ada, "card", conversation=second)
    assert (card["known"]["customer"], card["known"]["level"]) == ("cus_9", "identified")
    assert [row["conversation"] for row in card["earlier"]] == [first]
    [table] = card["tools"]
    assert table["tool"] == "list_orders"
    assert (table["columns"], table["rows"]) == (["order_id", "total", "of"], [["1042", "62", "cus_9"]])
    await ada.send("card", conversation=third)
    card = await came(ada, "card", conversation=third)
    assert (card["known"], card["earlier"], card["tools"]) == (None, [], [])
    for customer in (earlier, later, guest):
        await customer.close()


async def test_a_suggestion_is_shown_to_staff_and_its_words_are_stored_nowhere(server, ada):
    customer, key = await chat(server, "Until when can I return things?")
    await ada.send("watch", conversation=key, after=0)
    await ada.until(lambda: "turn.ended" in ada.kinds(key))
    before = len(ada.log(key))
    await ada.send("suggest", conversation=key, id="s1")
    shown = await came(ada, "suggestion", conversation=key)
    assert (shown["id"], shown["text"]) == ("s1", "Within 30 days.")
    await ada.send("note", conversation=key, id="after", text="seen")
    await ada.until(lambda: "note" in ada.kinds(key))
    asked, note = ada.log(key)[before:]
    assert (asked["kind"], asked["body"]["suggestion"], note["kind"]) == ("model.called", True, "note")
    assert "Within 30 days." not in str(asked)
    await customer.close()


async def test_a_transcript_goes_to_the_address_that_the_shop_vouches_for_and_to_no_other(server, ada):
    customer, key = await chat(server, "hello", identity=identity("cus_2", email="bo@example.com"))
    await ada.send("watch", conversation=key, after=0)
    await ada.send("transcript", conversation=key, id="t1")
    await ada.until(lambda: ada.kinds(key).count("mailed") == 2)
    mailed = ada.log(key)[-1]["body"]
    assert (mailed["state"], mailed["what"], mailed["to"], mailed["name"]) == ("sent", "transcript", "b…@e…", "Ada")
    guest, other = await chat(server, "my address is bo@example.com")
    await ada.send("transcript", conversation=other, id="t2")
    assert "no other" in (await came(ada, "error", conversation=other))["message"]
    await customer.close()
    await guest.close()


async def test_tags_snoozing_and_mentions_show_in_the_queue(server, ada):
    customer, key = await chat(server, "a question about gift wrap")
    await ada.until(lambda: key in ada.rows)
    await ada.send("tag", conversation=key, tag="gift", on=True)
    await ada.send("snooze", conversation=key, until_ms=ada.rows[key]["updated_ms"] + 3_600_000)
    await ada.send("note", conversation=key, id="n1", text="@bob have a look, @nobody")
    await ada.until(lambda: ada.rows[key]["mentions"])
    assert ada.rows[key]["tags"] == ["gift"]
    assert ada.rows[key]["snoozed_until_ms"]
    assert len(ada.rows[key]["mentions"]) == 1
    await customer.say("are you there?")
    await ada.until(lambda: ada.rows[key]["snoozed_until_ms"] is None)
    await ada.send("snooze", conversation=key, until_ms=1)
    assert "30 days" in (await came(ada, "error", conversation=key))["message"]
    await customer.close()


@pytest.mark.parametrize("tag", ["#vip", "<b>", "", "x" * 31, "(urgent)"])
async def test_a_tag_that_is_none_is_told_so_and_the_desk_stays(server, ada, tag):
    customer, key = await chat(server, "a question")
    await ada.send("tag", conversation=key, tag=tag)
    assert "a tag has up to 30" in (await came(ada, "error", conversation=key))["message"]
    await ada.send("tag", conversation=key, tag="vip")
    await ada.until(lambda: ada.rows.get(key, {}).get("tags") == ["vip"])
    await customer.close()


async def test_a_whole_message_can_be_searched_for(server, ada):
    words = "where on earth is my parcel with the sealskin mittens " * 60
    customer, key = await chat(server, words)
    await ada.send("search", query=words)
    found = await came(ada, "found", query=words)
    assert [row["conversation"] for row in found["rows"]] == [key]
    await customer.close()


async def test_a_blocked_visitor_is_told_so_and_can_be_let_in_again(server, ada):
    customer, key = await chat(server, "something rude")
    await ada.send("watch", conversation=key, after=0)
    await ada.send("block", conversation=key, on=True)
    await customer.event(lambda e: e["kind"] == "mode" and e["body"]["mode"] == "closed")
    await customer.send({"t": "say", "id": "x1", "text": "more of it"})
    refused = await customer.until(lambda f: f["t"] == "error")
    assert (refused["code"], refused["id"]) == ("blocked", "x1")
    await ada.send("block", conversation=key, on=False)
    await ada.until(lambda: ada.kinds(key).count("blocked") == 2)
    said = await customer.say("sorry")
    await customer.answered(said)
    assert "more of it" not in json.dumps(ada.log(key))
    await customer.close()


async def test_a_search_finds_what_was_said_anywhere(server, ada):
    customer, key = await chat(server, "my umbrella is broken")
    await ada.send("search", query="umbr brok")
    found = await came(ada, "found", query="umbr brok")
    assert [(row["conversation"], row["found"]) for row in found["rows"]] == [(key, "my umbrella is broken")]
    await customer.close()


async def test_canned_replies_come_with_the_site(ada):
    [site] = ada.frames[0]["sites"]
    assert site["canned"] == [{"name": "hello", "text": "Hello {{customer or there}}", "locale": None}]
