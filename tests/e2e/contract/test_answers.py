"""CONTRACT §3 and §4 on another merchant's shop, with the offline engine: every citation of every answer is checked on disk."""

import json
import re

import pytest

from tests.e2e.contract.talk import identity
from tests.serving import Client, Server, write_shop

ORIGIN = "https://lantern.example"
PLUGIN = '''
"""Two tools of a cinema; one is not for the agent alone."""
from typing import Annotated

from pydantic import BaseModel, Field

from tools import Caller, ToolError, tool

SEATS = {"V-2201": ("guest-1", "row F, seats 7 and 8"), "V-2202": ("guest-2", "row A, seat 1")}


class Seats(BaseModel):
    voucher: str
    seats: str
    whose: str | None


@tool(
    scope="seats.read",
    effect="read",
    needs="identified",
    examples=["where are my seats V-2201", "which seats did I book", "my seats for voucher V-2202"],
    reply="Voucher {{ result.voucher }}: {{ result.seats }}.",
    label="Looking up voucher {{ voucher }}",
)
async def find_seats(
    caller: Caller,
    voucher: Annotated[str, Field(pattern=r"^V-\\d{4}$", description="voucher number", examples=["V-2201"])],
) -> Seats:
    """Say which seats a customer's voucher is for."""
    owner, seats = SEATS.get(voucher, (None, ""))
    if owner is None or owner != caller.customer:
        raise ToolError(f"I can't find a voucher {voucher} in your name.")
    assert caller.site == "pk_lantern" and caller.verified and caller.conversation
    return Seats(voucher=voucher, seats=seats, whose=caller.email)


@tool(
    scope="seats.write",
    effect="write",
    needs="identified",
    examples=["cancel my voucher V-2201", "cancel seats"],
    reply="Cancelled.",
)
async def cancel_seats(
    caller: Caller,
    voucher: Annotated[str, Field(pattern=r"^V-\\d{4}$", description="voucher number", examples=["V-2201"])],
) -> str:
    """Cancel a voucher."""
    raise RuntimeError("this must never run without a person")


def setup(kit):
    kit.tools.add(find_seats)
    kit.tools.add(cancel_seats)
'''
ARTICLES = {
    "seats/late.md": "---\ntitle: Arriving late\nurl: https://lantern.example/late\nlocale: en\n---\n\n# Arriving late\n\n"
    "Doors close 12 minutes after the film begins. Latecomers wait in the foyer until the interval.\n\n"
    "## With children\n\nChildren under 6 need no ticket on Sundays — they sit on your lap.\n",
    "popcorn.html": "<!doctype html>\n<html><head><title>Popcorn &amp; drinks</title></head><body>\n"
    "<h1>Popcorn &amp; drinks</h1>\n<p>A large popcorn costs €6.40. Refills are <b>free</b> on Tuesdays.</p>\n"
    "<h2 id='own'>Bringing your own</h2><p>Please leave glass bottles at home.</p></body></html>\n",
    "crlf.md": "# Lost property\r\n\r\nWe keep umbrellas for 21 days at the box office.\r\n",
    "bom.md": "\ufeff---\ntitle: Subtitles\n---\n🎬 Films in Korean have English subtitles on Mondays.\n",
    "bare.md": "Dogs are welcome at the matinee on Wednesdays.\n",
    "staff/safe.md": "---\ntitle: The safe\naudience: staff\n---\nThe code of the safe is 4711 and dogs must not know it.\n",
}
QUESTIONS = {
    "When do the doors close?": "12 minutes",
    "What happens when I come late?": "Latecomers",
    "How much is a large popcorn?": "6.40",
    "Are refills free?": "Tuesdays",
    "How long do you keep umbrellas?": "21 days",
    "Do Korean films have subtitles?": "Mondays",
    "Are dogs welcome?": "Wednesdays",
    "Do children need a ticket on Sundays?": "under 6",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("answers")
    shop = write_shop(
        root / "lantern", key="pk_lantern", name="Lantern Cinema", origins=[ORIGIN], articles={}, plugin=PLUGIN
    )
    (root / "lantern" / "help" / "returns.md").unlink(missing_ok=True)
    for path, text in ARTICLES.items():
        file = shop / "help" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    other = write_shop(root / "other")
    with Server([shop, other], root / "data") as running:
        yield running


def visitor(server):
    return Client(server, site="pk_lantern", origin=ORIGIN)


def check_citations(server, message):
    """Every citation's quote is in the file on disk where it says; every [n] of the text has one, and the reverse."""
    body = message["body"]
    citations = body.get("citations", [])
    for citation in citations:
        assert set(citation) >= {"n", "document", "title", "url", "start", "end", "quote"}
        text = (server.shops[0] / "help" / citation["document"]).read_bytes().decode()
        assert text[citation["start"] : citation["end"]] == citation["quote"] != ""
        assert citation["title"]
    marks = {int(n) for group in re.findall(r"\[(\d+(?:, ?\d+)*)\]", body["text"]) for n in group.split(",")}
    assert marks == {c["n"] for c in citations}
    assert [c["n"] for c in citations] == list(range(1, len(citations) + 1))


async def ask(client, text):
    """Say this; the agent's answer and the end of its turn."""
    ended = await client.answered(await client.say(text))
    answers = [e for e in client.events.values() if e["turn" if "turn" in e else "id"] == ended["turn"]]
    return [e for e in answers if e["kind"] == "message"][-1], ended


async def test_questions_are_answered_from_articles_of_every_form_with_citations_that_hold(server):
    async with visitor(server) as client:
        await client.hello()
        wrong = {}
        for question, wanted in QUESTIONS.items():
            message, ended = await ask(client, question)
            if wanted not in message["body"]["text"] or not message["body"].get("citations"):
                wrong[question] = message["body"]["text"]
            assert ended["body"]["reason"] == "answered"
        assert wrong == {}
        for event in client.events.values():
            if event["kind"] == "message" and event["role"] == "agent":
                check_citations(server, event)
        [late] = [c for e in client.events.values() for c in e["body"].get("citations", ()) if "12 min" in c["quote"]]
        assert late["title"] == "Arriving late"
        assert late["url"].startswith("https://lantern.example/late")


async def test_what_is_for_staff_is_not_told_to_customers(server):
    async with visitor(server) as client:
        await client.hello()
        await ask(client, "What is the code of the safe?")
        assert "4711" not in json.dumps(client.frames)


async def test_what_the_help_center_does_not_say_is_not_answered(server):
    async with visitor(server) as client:
        await client.hello()
        message, ended = await ask(client, "Do you sell season passes for opera broadcasts?")
        check_citations(server, message)
        assert not message["body"].get("citations")
        assert ended["body"]["reason"] in ("answered", "handed_over")


async def test_an_answer_from_the_other_shop_is_not_known_here(server):
    async with visitor(server) as client:
        await client.hello()
        message, _ = await ask(client, "Can I return an unworn item within 30 days of delivery?")
        assert "unworn item within 30 days of delivery." not in message["body"]["text"]
        assert not message["body"].get("citations")


async def test_a_tool_finds_what_is_the_customers_own_and_nothing_of_anybody_elses(server):
    async with visitor(server) as client:
        await client.hello(identity=identity("guest-1", site="pk_lantern", email="g1@example.com"))
        message, _ = await ask(client, "Which seats is voucher V-2201 for?")
        assert "row F, seats 7 and 8" in message["body"]["text"]
        calls = [e for e in client.events.values() if e["kind"].startswith("call.")]
        assert [e["kind"] for e in calls] == ["call.planned", "call.started", "call.ended"]
        for call in calls:
            assert set(call["body"]) <= {"call", "label", "ok"}
        assert calls[0]["body"]["label"] == "Looking up voucher V-2201"
        assert calls[2]["body"]["ok"] is True
        answers = [
            (await ask(client, f"Which seats is voucher {v} for?"))[0]["body"]["text"] for v in ("V-2202", "V-9999")
        ]
        assert answers[0].replace("V-2202", "V-9999") == answers[1]
        assert "row A" not in json.dumps(client.frames)


async def test_a_guest_is_told_to_sign_in_whether_the_thing_exists_or_not(server):
    answers = []
    for voucher in ("V-2201", "V-9999"):
        async with visitor(server) as client:
            await client.hello()
            message, _ = await ask(client, f"Which seats is voucher {voucher} for?")
            assert "sign" in message["body"]["text"].lower()
            assert [e for e in client.events.values() if e["kind"] == "call.started"] == []
            answers.append(message["body"]["text"].replace(voucher, "V"))
    assert answers[0] == answers[1]


async def test_a_tool_that_writes_waits_for_a_person_without_a_rule(server):
    async with visitor(server) as client:
        await client.hello(identity=identity("guest-1", site="pk_lantern"))
        message, ended = await ask(client, "Please cancel my voucher V-2201")
        assert [e for e in client.events.values() if e["kind"] == "call.started"] == []
        assert "ancelled." not in message["body"]["text"]
        assert ended["body"]["reason"] == "waiting"
        [asked] = [e for e in client.events.values() if e["kind"] == "call.asked"]
        assert asked["body"].keys() == {"call", "label"}, "of a question to staff a customer sees no arguments"


async def test_steps_are_safe_sentences_and_thinking_is_not_sent_under_steps(server):
    async with visitor(server) as client:
        await client.hello()
        await ask(client, "How much is a large popcorn?")
        steps = [f for f in client.frames if f["t"] == "step"]
        assert all(set(s) == {"t", "turn", "id", "label", "state"} for s in steps)
        assert {s["state"] for s in steps} <= {"running", "done", "failed"}
        assert not [f for f in client.frames if f["t"] == "draft" and f["part"] == "thinking"]
        assert {e["kind"] for e in client.events.values()} <= {"message", "turn.started", "turn.ended"}
