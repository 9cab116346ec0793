"""A log of a few conversations, written down event by event with their times, to be counted by hand. Nothing here counts."""

from server.events import Event, NewEvent

MINUTE = 60_000
DAY = 86_400_000


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ms):
        self.now_ms = now_ms

    def __call__(self):
        return self.now_ms


def said(said_id, text="Hello?", **body):
    return NewEvent(said_id, "message", "customer", {"text": text, **body})


def reply(said_id, turn="t1", text="Here you are.", **body):
    return NewEvent(said_id, "message", "agent", {"text": text, **body}, turn)


def ended(turn, *answers, reason="answered"):
    return NewEvent(f"{turn}:end", "turn.ended", "system", {"reason": reason, "answers": list(answers)}, turn)


def mode(event_id, to, **body):
    return NewEvent(event_id, "mode", "staff" if to == "staff" else "system", {"mode": to, **body})


def event(event_id, kind, body, turn=None, role="system"):
    return NewEvent(event_id, kind, role, body, turn)


def stored(*steps):
    """Events from `(at_ms, new)`."""
    return [
        Event("pk_a/c1", seq, at_ms, new.id, new.kind, new.role, new.body, new.turn)
        for seq, (at_ms, new) in enumerate(steps, 1)
    ]


def answered_chat(question="What about returns?", *, cited=True):
    """A question, and the agent's answer 2 s later."""
    citations = {"citations": [{"n": 1, "title": "Returns"}]} if cited else {}
    return [
        (1_000, said("m1", question)),
        (3_000, reply("r1", **citations)),
        (3_000, ended("t1", "m1")),
    ]
