"""Links: a viewer's picture equals the truth, however it was cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.events import Event, Viewer
from server.limits import Bucket, Buckets
from server.link import FRAME_EVENTS, Link, Live


class Viewing:
    """What a client makes of the frames."""

    def __init__(self):
        self.parts = {}
        self.steps = {}
        self.seqs = []
        self.upto = None

    def take(self, frames):
        for frame in frames:
            if frame["t"] == "draft":
                text = self.parts.get(frame["part"], "")
                assert frame["at"] <= len(text)
                self.parts[frame["part"]] = text[: frame["at"]] + frame["text"] if frame["at"] else frame["text"]
            elif frame["t"] == "step":
                self.steps[frame["id"]] = (frame["label"], frame["state"])
            else:
                self.seqs += [event["seq"] for event in frame["events"]]
                self.upto = frame["upto"]


def events(count, first=1):
    return [Event("pk_x/c", n, n, f"e:{n}", "message", "customer", {"text": "x"}) for n in range(first, first + count)]


@given(st.lists(st.tuples(st.sampled_from(["add", "pull", "restart"]), st.text(max_size=5)), max_size=60))
def test_a_viewer_who_looks_now_and_then_ends_with_the_text_that_was_written(moves):
    live, link, viewing = Live("t:1", 3), Link(Viewer("customer", "full"), 0), Viewing()
    for move, text in moves:
        if move == "add":
            live.parts["reply"] = live.parts.get("reply", "") + text
        elif move == "restart":
            live.parts = {"reply": text} if text else {}
            live.rev += 1
        else:
            viewing.take(link.drafts(live))
    viewing.take(link.drafts(live))
    assert viewing.parts.get("reply", "") == live.parts.get("reply", "")


@pytest.mark.parametrize(("reasoning", "steps", "thinking"), [("off", 0, 0), ("steps", 1, 0), ("full", 1, 1)])
def test_steps_and_thinking_reach_only_those_who_may_see_them(reasoning, steps, thinking):
    live = Live("t:1", 3, parts={"reply": "a", "thinking": "b"}, steps={"call:1": ("Look", "running")})
    frames = Link(Viewer("customer", reasoning), 0).drafts(live)
    assert sum(frame["t"] == "step" for frame in frames) == steps
    assert sum(frame.get("part") == "thinking" for frame in frames) == thinking
    assert sum(frame.get("part") == "reply" for frame in frames) == 1


def test_a_viewer_with_nothing_to_catch_up_gets_one_empty_frame_up_to_the_head():
    link = Link(Viewer("customer"), 7)
    assert link.events([], 7) == [{"t": "events", "events": [], "upto": 7}]
    assert link.events([], 7) == []


@pytest.mark.parametrize("count", [1, FRAME_EVENTS, FRAME_EVENTS + 1, 3 * FRAME_EVENTS])
def test_a_long_history_comes_whole_and_in_order(count):
    link, viewing = Link(Viewer("customer"), 0), Viewing()
    frames = link.events(events(count), count)
    viewing.take(frames)
    assert viewing.seqs == list(range(1, count + 1))
    assert viewing.upto == link.cursor == count
    assert all(len(frame["events"]) <= FRAME_EVENTS for frame in frames)


def test_what_a_viewer_may_not_see_moves_the_cursor_all_the_same():
    link = Link(Viewer("customer"), 0)
    hidden = [Event("pk_x/c", 1, 1, "e:1", "note", "staff", {"text": "rude"})]
    assert link.events(hidden, 1) == [{"t": "events", "events": [], "upto": 1}]
    assert link.cursor == 1


def test_a_bucket_owes_nothing_within_its_rate_and_says_how_much_beyond_it():
    bucket = Bucket.full(rate=0.5, burst=2, now_s=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [0.0, 0.0, 1.0, 2.0]
    assert bucket.wait_s() == 4.0
    assert bucket.take(6.0) == 0.0


def test_coming_back_on_another_line_finds_the_same_bucket_until_it_is_forgotten():
    buckets = Buckets(kept=2)
    buckets.get("a", 1, 2, 0.0).take(0.0, 2)
    assert buckets.get("a", 1, 2, 0.0).take(0.0) == 1.0
    buckets.get("b", 1, 2, 0.0)
    buckets.get("c", 1, 2, 0.0)
    assert buckets.get("a", 1, 2, 0.0).take(0.0) == 0.0
