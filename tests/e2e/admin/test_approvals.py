"""`shopbell approvals` against a running server, over a restart, and where none runs."""

import asyncio
import json

from tests.e2e.admin.conftest import signed_in


async def asked(desk, client, text="refund 62"):
    """Say it, wait until it waits for staff, and return the approval."""
    said = await client.say(text)
    assert (await client.answered(said))["body"]["reason"] == "waiting"
    [approval] = await desk.pending(client)
    return approval


async def test_a_refund_over_the_limit_waits_and_runs_once_approved(desk):
    async with desk.visitor() as client:
        customer = await signed_in(client)
        approval = await asked(desk, client)
        assert (approval["tool"], approval["amount"], approval["customer"]) == ("refund", "62.00", customer)
        assert "62.00 is over 50.00" in approval["why"]
        assert desk.effects(customer) == []
        listed = await desk.ran("approvals", "list")
        assert approval["call"] in listed
        assert f"refund 62.00 for customer {customer}" in listed
        assert "expires in" in listed
        done = await desk.ran("approvals", "approve", approval["call"], "--comment", "seen the receipt")
        assert approval["call"] in done
        assert await client.event(lambda e: e["kind"] == "message" and "It is done" in e["body"]["text"])
        assert desk.effects(customer) == [f"refund {customer} 1042 62.00"]
        assert await desk.pending(client) == []
        shown = await desk.ran("audit", "show", client.welcome["conversation"])
        assert "needs approval: 62.00 is over 50.00" in shown
        assert ": seen the receipt" in shown
        assert f"arguments {approval['args_sha256']}" in shown
        assert "succeeded" in shown


async def test_show_says_all_that_a_person_should_know_and_hides_no_letter(desk):
    async with desk.visitor() as client:
        await signed_in(client)
        await client.answered(await client.say("refund 40"))
        approval = await asked(desk, client, "refund hidden")
        shown = await desk.ran("approvals", "show", approval["call"])
        assert 'order_id = "1042"' in shown
        assert 'note     = "nothing⟨U+202E⟩ to see⟨U+200B⟩"' in shown
        assert "per customer per day: 40.00 booked, 70.00 more, of 200.00" in shown
        assert "this customer had 1 such calls done, 40.00 in all" in shown
        assert "needs approval: 70.00 is over 50.00" in shown
        assert "customer  refund hidden" in shown
        assert approval["args_sha256"] in shown
        assert "\u202e" not in shown + await desk.ran("approvals", "list")
        as_json = json.loads(await desk.ran("approvals", "show", approval["call"], "--json"))
        assert as_json["args"]["note"] == "nothing\u202e to see\u200b"


async def test_what_is_denied_never_runs_and_the_customer_hears_of_it(desk):
    async with desk.visitor() as client:
        customer = await signed_in(client)
        approval = await asked(desk, client)
        assert "denied refund" in await desk.ran("approvals", "deny", approval["call"], "--comment", "too late")
        ended = await client.event(lambda e: e["kind"] == "call.ended")
        assert ended["body"]["ok"] is False
        assert desk.effects(customer) == []


async def test_an_approval_with_another_amount_runs_with_that_one_alone(desk):
    async with desk.visitor() as client:
        customer = await signed_in(client)
        approval = await asked(desk, client)
        done = await desk.ran("approvals", "approve", approval["call"], "--set", "amount=50.00")
        assert f"in place of {approval['call']}" in done
        assert await client.event(lambda e: e["kind"] == "message" and "It is done" in e["body"]["text"])
        assert desk.effects(customer) == [f"refund {customer} 1042 50.00"]


async def test_an_edit_that_does_not_fit_the_tool_is_refused_in_words_and_the_call_still_waits(desk):
    async with desk.visitor() as client:
        await signed_in(client)
        call = (await asked(desk, client))["call"]
        for change, words in (
            ("amount=much", "amount"),
            ("order_id.deeper=1", "a path through objects"),
            ("amount", "expected NAME=VALUE"),
            ("nothing=1", "nothing"),
        ):
            refused = await asyncio.to_thread(desk.run, "approvals", "approve", call, "--set", change)
            assert (refused.returncode, refused.stdout) == (1, ""), refused
            assert words in refused.stderr
            assert "Traceback" not in refused.stderr
        assert [one["call"] for one in await desk.pending(client)] == [call]


async def test_of_two_that_decide_at_once_one_wins_and_the_effect_happens_once(desk):
    async with desk.visitor() as client:
        customer = await signed_in(client)
        call = (await asked(desk, client))["call"]
        both = await asyncio.gather(
            *(asyncio.to_thread(desk.run, "approvals", "approve", call, "--comment", who) for who in ("a", "b"))
        )
        assert sorted(done.returncode for done in both) == [0, 1]
        [refused] = [done for done in both if done.returncode]
        assert call in refused.stderr or "look again" in refused.stderr
        assert await client.event(lambda e: e["kind"] == "message" and "It is done" in e["body"]["text"])
        assert desk.effects(customer) == [f"refund {customer} 1042 62.00"]


async def test_a_refund_waits_over_a_restart_and_is_then_done_once(desk):
    async with desk.visitor() as client:
        customer = await signed_in(client)
        call = (await asked(desk, client))["call"]
        desk.server.kill()
        desk.server.start()
        assert [one["call"] for one in await desk.pending(client)] == [call]
        async with desk.visitor() as again:
            await again.again(client)
            await desk.ran("approvals", "approve", call)
            assert await again.event(lambda e: e["kind"] == "message" and "It is done" in e["body"]["text"])
        assert desk.effects(customer) == [f"refund {customer} 1042 62.00"]


async def test_without_a_server_a_decision_is_taken_in_the_log_and_carried_out_by_the_next_one(desk):
    async with desk.visitor() as client:
        customer = await signed_in(client)
        call = (await asked(desk, client))["call"]
        assert desk.server.stop() == 0
        shops = [part for shop in desk.shops for part in ("--shop", shop)]
        told = desk.run("approvals", "list")
        assert told.returncode == 1
        assert "start it, or name its shops with --shop" in told.stderr
        assert call in await desk.ran("approvals", "list", *shops)
        await desk.ran("approvals", "approve", call, *shops)
        assert desk.effects(customer) == []
        desk.server.start()
        async with desk.visitor() as again:
            await again.again(client)
            assert await again.event(lambda e: e["kind"] == "message" and "It is done" in e["body"]["text"])
        assert desk.effects(customer) == [f"refund {customer} 1042 62.00"]


async def test_a_call_that_does_not_wait_is_named(desk):
    refused = await asyncio.to_thread(desk.run, "approvals", "approve", "call:none")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "call:none" in refused.stderr


async def test_each_shop_has_a_list_of_its_own(desk):
    for shop in (0, 1):
        async with desk.visitor(shop) as client:
            await signed_in(client)
            assert (await client.answered(await client.say("refund 62")))["body"]["reason"] == "waiting"
    assert {one["conversation"].partition("/")[0] for one in await desk.pending()} == {"pk_one", "pk_two"}
    listed = [
        json.loads(line) for line in (await desk.ran("approvals", "list", "--json", "--site", "pk_two")).splitlines()
    ]
    assert {one["conversation"].partition("/")[0] for one in listed} == {"pk_two"}
    wrong = await asyncio.to_thread(desk.run, "approvals", "list", "--site", "pk_three")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "pk_one, pk_two" in wrong.stderr
