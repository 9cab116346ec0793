"""R1 and R2: no acknowledged message is lost, doubled or reordered; one message is one event and is answered once.

A real server process, killed with SIGKILL; what is compared: what was acknowledged, the log, what each client shows.
"""

import asyncio
import json
import random

import pytest

from server.events import Viewer, visible
from tests.promises.visitor import Lost, Visitor, count, record, stored
from tests.serving import Server, write_shop

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]

SCRIPT = {"rules": [{"match": ".", "steps": [{"text": "About {asked}: "}, {"pause_ms": 3}, {"text": "noted."}]}]}


@pytest.fixture
def server(tmp_path):
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    shop = write_shop(tmp_path / "shop")
    with Server(shop, tmp_path / "data", SHOPBELL_MODEL=f"scripted:{script}") as running:
        yield running


def compare(visitors, logs, sent):
    """Every fault, as a sentence: what was acknowledged against the log, and what each client shows against the log."""
    faults = []
    viewer = Viewer("customer", "steps")
    for visitor, ids in zip(visitors, sent, strict=True):
        log = logs[visitor.conversation]
        said = [event.id for event in log if event.kind == "message" and event.role == "customer"]
        faults += [f"{visitor.conversation}: {fault}" for fault in visitor.faults]
        if [event.seq for event in log] != list(range(1, len(log) + 1)):
            faults.append(f"{visitor.conversation}: the log has gaps")
        if sorted(said) != sorted(ids):
            faults.append(
                f"{visitor.conversation}: {len(ids)} sent, {len(said)} in the log, {len(set(said))} different"
            )
        shown = {event.seq: seen.wire() for event in log if (seen := visible(event, viewer)) is not None}
        if json.loads(json.dumps(shown)) != {str(seq): event for seq, event in visitor.events.items()}:
            faults.append(f"{visitor.conversation}: what is shown differs from the log")
        answers = visitor.answers()
        if sorted(answers) != sorted(ids):
            faults.append(
                f"{visitor.conversation}: {len(ids)} messages, {len(answers)} answers, {len(set(answers))} different"
            )
    return faults


async def test_r1_no_acknowledged_message_is_lost_doubled_or_reordered_whatever_dies(server):
    clients, each, kills = count(5, 20), count(40, 500), count(3, 30)
    chance = random.Random(1)
    up = asyncio.Event()
    up.set()
    acknowledged = 0
    reached = asyncio.Event()
    visitors = [Visitor(server) for _ in range(clients)]
    sent = [[f"m{n}-{who}" for n in range(each)] for who in range(clients)]

    async def chat(visitor, ids):
        nonlocal acknowledged
        waiting, before = list(ids), 0
        while waiting or visitor.outbox or len(set(visitor.answers())) < each:
            await up.wait()
            try:
                if visitor.lost:
                    await visitor.open()
                # Up to eight on the way at once, as somebody who types fast in a tunnel.
                while waiting and len(visitor.outbox) < 8:
                    said = waiting.pop(0)
                    await visitor.say(said, f"message {said}")
                seen = visitor.upto
                await visitor.until(lambda seen=seen: visitor.upto > seen)
            except Lost:
                # Between the kill and the restart nobody listens; `up` says when to try again.
                await asyncio.sleep(0)
            now = each - len(waiting) - len(visitor.outbox)
            acknowledged, before = acknowledged + now - before, now
            reached.set()

    async def killer():
        for number in range(1, kills + 1):
            while acknowledged < clients * each * number / (kills + 1):
                reached.clear()
                await reached.wait()
            # Anywhere within the next few commits, not right behind an acknowledgement.
            await asyncio.sleep(chance.uniform(0, 0.03))
            up.clear()
            server.kill()
            await asyncio.to_thread(server.start)
            up.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(killer())
        for visitor, ids in zip(visitors, sent, strict=True):
            group.create_task(chat(visitor, ids))
    for visitor in visitors:
        await visitor.close()
    server.kill()
    logs = await stored(server.data, "pk_test", [visitor.conversation for visitor in visitors])
    faults = compare(visitors, logs, sent)
    for visitor, ids in zip(visitors, sent, strict=True):
        order = [
            event.id for event in logs[visitor.conversation] if event.kind == "message" and event.role == "customer"
        ]
        if order != ids:
            faults.append(f"{visitor.conversation}: reordered")
    assert faults == []
    record(
        "R1",
        f"{clients * each:,} sent under {kills} SIGKILLs, 0 lost, 0 doubled, 0 reordered, each answered by one turn",
    )


async def test_r2_one_message_is_one_event_and_is_answered_once_however_often_it_is_sent(server):
    conversations, each = count(4, 10), count(30, 500)
    chance = random.Random(2)
    total = 0
    shown, sent = [], []

    async def deliver(visitor, frames):
        nonlocal total
        for said in frames:
            total += 1
            try:
                if visitor.lost:
                    await visitor.open()
                await visitor.send({"t": "say", "id": said, "text": f"message {said}"})
            except Lost:
                await visitor.open()
                await visitor.send({"t": "say", "id": said, "text": f"message {said}"})
            if chance.random() < 0.02:
                await visitor.cut()

    async def conversation(who):
        ids = [f"m{n}-{who}" for n in range(each)]
        one = Visitor(server)
        await one.open()
        two = Visitor(server)
        two.token, two.conversation = one.token, one.conversation
        # The first message makes the conversation, so that the second tab may enter it.
        await one.say(ids[0], f"message {ids[0]}")
        await one.until(lambda: not one.outbox)
        await two.open()
        for start in range(0, each, 10):
            # Each once and up to three times more, in any order, on both lines at once.
            frames = [said for said in ids[start : start + 10] for _ in range(1 + chance.randrange(4))]
            chance.shuffle(frames)
            half = len(frames) // 2
            await asyncio.gather(deliver(one, frames[:half]), deliver(two, frames[half:] + ids[start : start + 10][:3]))
            wanted = set(ids[: start + 10])
            for visitor in (one, two):
                await settle(visitor, wanted)
        assert {s: e for s, e in two.events.items() if s in one.events} == one.events
        shown.extend([one, two])
        sent.extend([ids, ids])
        await one.close()
        await two.close()

    async def settle(visitor, wanted):
        """Whatever a cut line swallowed is sent again, as the outbox would."""
        for _ in range(50):
            have = {event["id"] for event in visitor.events.values()}
            try:
                if visitor.lost:
                    await visitor.open()
                await visitor.send(*({"t": "say", "id": said, "text": f"message {said}"} for said in wanted - have))
                await visitor.until(lambda: set(visitor.answers()) >= wanted)
            except Lost:
                continue
            return
        raise AssertionError("the line was lost 50 times")

    await asyncio.gather(*(conversation(who) for who in range(conversations)))
    server.kill()
    logs = await stored(server.data, "pk_test", {visitor.conversation for visitor in shown})
    assert compare(shown, logs, sent) == []
    messages = f"{conversations * each:,}"
    record("R2", f"{messages} messages sent {total:,} times: {messages} events, each answered by exactly one turn")
