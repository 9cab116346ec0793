"""R3: resume is exact, also in mid-word and after a restart.

The line is cut at every frame of a 400-token answer; what is compared is the SHA-256 of the transcript.
"""

import asyncio
import json
import time

import pytest

from tests.promises.visitor import PROVE, Lost, Visitor, count, record
from tests.serving import Server, write_shop

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]

TOKENS = 400
FINAL = " ".join(f"word{n}" for n in range(1, TOKENS + 1))


@pytest.fixture
def server(tmp_path):
    # 5 ms a token merges them into about 55 frames; 45 ms gives each its own.
    interval_ms = count(5, 45)
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"rules": [{"match": "long", "tokens": TOKENS, "interval_ms": interval_ms}]}))
    shop = write_shop(tmp_path / "shop")
    with Server(shop, tmp_path / "data", SHOPBELL_MODEL=f"scripted:{script}") as running:
        yield running


def ended(visitor):
    return "m1" in visitor.answers()


async def answer(server, cut_at=None):
    """One conversation with one long answer, its line cut after so many frames; the visitor, at the end."""
    visitor = Visitor(server)
    visitor.cut_at = cut_at
    visitor.outbox["m1"] = "a long answer please"
    while not ended(visitor):
        try:
            if visitor.lost:
                await visitor.open()
            await visitor.until(lambda: ended(visitor))
        except Lost:
            continue
    await visitor.close()
    return visitor


async def fresh_view(server, visitor):
    """What somebody sees who comes for the first time with this token."""
    again = Visitor(server)
    again.token, again.conversation = visitor.token, visitor.conversation
    await again.open()
    await again.until(lambda: again.upto >= visitor.upto)
    await again.close()
    return again


async def test_r3_the_line_may_be_cut_at_every_frame_and_the_transcript_is_the_same(server):
    whole = await answer(server)
    frames = whole.frames
    visitors = []
    # All cut points, 100 conversations at a time.
    for start in range(2, frames + 1, 100):
        cuts = range(start, min(start + 100, frames + 1))
        visitors += await asyncio.gather(*(answer(server, cut_at) for cut_at in cuts))
    for visitor in [whole, *visitors]:
        assert visitor.faults == []
        [(turn, text)] = visitor.drafts.items()
        message = next(
            e["body"]["text"] for e in visitor.events.values() if e.get("turn") == turn and e["kind"] == "message"
        )
        # Cut behind the answer's last piece, a line has nothing more to preview: the event replaces it.
        assert message == FINAL
        assert FINAL.startswith(text)
        assert (await fresh_view(server, visitor)).events == visitor.events
    hashes = {visitor.transcript() for visitor in [whole, *visitors]}
    assert len(hashes) == 1
    record(
        "R3",
        f"all {len(visitors)} cut points of a {TOKENS}-token answer identical (SHA-256 of the transcript {hashes.pop()[:12]}…)",
    )


async def test_r3_a_server_that_dies_in_mid_answer_goes_on_or_ends_the_turn_visibly(server):
    kills = count(2, 20)
    slowest_s = 0.0
    outcomes = []
    for number in range(kills):
        visitor = Visitor(server)
        await visitor.open()
        await visitor.say("m1", "a long answer please")
        wanted = int(len(FINAL) * number / kills)
        await visitor.until(
            lambda wanted=wanted, visitor=visitor: any(len(text) > wanted for text in visitor.drafts.values())
        )
        server.kill()
        await asyncio.wait({visitor._reader})
        before = dict(visitor.events)
        await asyncio.to_thread(server.start)
        restarted_s = time.monotonic()
        attempts = len([e for e in before.values() if e["kind"] == "turn.started"])
        await visitor.open()
        await visitor.until(
            lambda visitor=visitor, attempts=attempts: (
                ended(visitor) or len([e for e in visitor.events.values() if e["kind"] == "turn.started"]) > attempts
            ),
            timeout_s=10 if PROVE else 60,
        )
        slowest_s = max(slowest_s, time.monotonic() - restarted_s)
        await visitor.until(lambda visitor=visitor: ended(visitor))
        await visitor.close()
        assert visitor.faults == []
        assert before.items() <= visitor.events.items()
        outcomes.append(next(e["body"]["reason"] for e in visitor.events.values() if e["kind"] == "turn.ended"))
        answers = [
            e["body"]["text"] for e in visitor.events.values() if e["kind"] == "message" and e["role"] == "agent"
        ]
        assert answers == [FINAL]
        assert (await fresh_view(server, visitor)).events == visitor.events
    assert set(outcomes) == {"answered"}
    record(
        "R3 restart",
        f"{kills} servers killed in mid-answer: the turn went on at most {slowest_s:.1f} s after the restart",
    )
