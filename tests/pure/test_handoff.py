"""What a person is told who takes over: everything in the conversation's own words, and nothing that is settled."""

from server.conversation import fold
from server.events import Event
from server.handoff import escalates_ms, packet
from server.site import Site

KEY = "pk_a/c1"


class Story:
    """Events in order, and the packet after them."""

    def __init__(self):
        self.events = []

    def add(self, kind, role, turn=None, said=None, **body):
        seq = len(self.events) + 1
        self.events.append(Event(KEY, seq, seq, said or f"e:{seq}", kind, role, body, turn))
        return self

    def says(self, text, said):
        return self.add("message", "customer", said=said, text=text)

    def call(self, call, label, *, run=None, **ended):
        planned = {"call": call, "tool": "refund", "args": {}, "label": label} | ({"run": run} if run else {})
        self.add("call.planned", "agent", "t:1", **planned)
        return self.add("call.ended", "system", "t:1", call=call, label=label, **ended) if ended else self

    def told(self, reason="asked", **more):
        return packet(fold(KEY, self.events), reason, **more)


def test_it_says_who_it_is_what_was_asked_first_and_last_and_what_the_agent_said():
    story = Story().add("opened", "customer", page={"url": "https://a.example/boots", "title": "Boots"})
    story.add("identified", "system", customer="cus_1", verified="identified", name="Mara")
    story.says("Where is order 1042?", "m1").add("turn.started", "system", "t:1", attempt=1)
    story.add("message", "agent", "t:1", text="It is on its way. It left on Monday. More follows.")
    story.add("turn.ended", "system", "t:1", reason="answered", answers=["m1"])
    story.says("It has not come! Get me a person", "m2")
    told = story.told()
    assert told["packet"]["summary"] == [
        "Mara, signed in, on “Boots”.",
        "First: “Where is order 1042?”",
        "Last: “It has not come! Get me a person”",
        "The agent said: “It is on its way. It left on Monday.”",
    ]
    assert told["packet"]["question"] == "It has not come! Get me a person"
    assert told["text"].splitlines()[0] == "Handed over: the customer asked for a person."
    assert told["text"].splitlines()[-1] == "Next: Say hello and answer the open question."


def test_a_guest_who_has_said_nothing_has_a_packet_too():
    told = Story().told()
    assert told["packet"] == {
        "reason": "asked",
        "summary": ["A guest."],
        "next": "Say hello and answer the open question.",
    }


def test_every_call_is_there_with_what_became_of_it():
    story = Story().says("refund", "m1").add("turn.started", "system", "t:1", attempt=1)
    story.call("a", "Refunding 5", ok=True, result=1).call("b", "Refunding 6", ok=False, error="The bank said no.")
    story.call("c", "Refunding 7", ok=False, code="denied").call("d", "Refunding 8", ok=False, code="handed_over")
    story.call("e", "Refunding 9").add("call.started", "system", "t:1", call="e", attempt=1)
    story.call("f", "Refunding 10").add("call.asked", "system", "t:1", call="f", of="customer", label="x", expires_ms=1)
    outcomes = [one["outcome"] for one in story.told()["packet"]["tried"]]
    assert outcomes == ["done", "failed", "refused", "not_done", "in_flight", "waits"]
    assert "- Refunding 6: failed (The bank said no.)" in story.told()["text"].splitlines()


def test_what_must_be_found_out_comes_before_everything_else():
    story = Story().says("refund", "m1").add("turn.started", "system", "t:1", attempt=1)
    story.call("a", "Refunding 5", ok=False, unknown=True)
    next_step = story.told("unknown_outcome")["packet"]["next"]
    assert next_step == "Find out whether this happened, and tell the customer: Refunding 5. Do not do it again before."


def test_what_waits_for_staff_is_to_be_decided_first():
    story = Story().says("refund", "m1").add("turn.started", "system", "t:1", attempt=1).call("a", "Refunding 5")
    story.add("call.asked", "system", "t:1", call="a", of="staff", label="Refunding 5", expires_ms=1)
    assert story.told()["packet"]["next"] == "Decide first: Refunding 5."


def test_an_open_workflow_is_named_with_what_it_has_done():
    story = Story().says("return", "m1").add("turn.started", "system", "t:1", attempt=1)
    story.add("workflow.started", "system", "t:1", said="w:1", run="w:1", workflow="return_item", digest="d", event={})
    story.call("a", "Making a return", run="w:1", ok=True).call("b", "Sending a mail", run="w:1", ok=False)
    told = story.told("failed")
    assert told["packet"]["runs"] == [{"run": "w:1", "workflow": "return_item", "done": ["Making a return"]}]
    assert told["packet"]["next"] == "Finish what was begun, or hand it back: return_item."
    story.add("workflow.ended", "system", "t:1", run="w:1", outcome="done", done=[])
    assert "runs" not in story.told("failed")["packet"]


def test_mood_language_and_skill_are_those_of_the_newest_words():
    story = Story().says("Wo bleibt es?!", "m1")
    story.add("routed", "system", "t:1", agent="orders", why="x", score=0.5, language="de", mood="upset", upto=1)
    told = story.told()["packet"]
    assert (told["mood"], told["language"], told["skill"]) == ("upset", "de", "orders")
    assert story.told("topic", detail="wholesale")["packet"]["skill"] == "wholesale"


def test_what_was_settled_before_a_hand_back_is_counted_and_not_told():
    story = Story().says("I am furious", "m1").add("turn.started", "system", "t:1", attempt=1)
    story.call("a", "Refunding 5", ok=False, unknown=True)
    story.add("turn.ended", "system", "t:1", reason="handed_over", answers=["m1"])
    story.add("mode", "system", mode="waiting").add("mode", "staff", mode="staff", by="s:1", name="Ada")
    story.add("mode", "staff", mode="agent", reason="released").says("And my invoice?", "m2")
    told = story.told()
    assert told["packet"]["question"] == "And my invoice?"
    assert told["packet"]["earlier"] == 1
    assert "tried" not in told["packet"]
    assert "furious" not in told["text"]


def test_long_words_are_cut():
    told = Story().says("x" * 4_000, "m1").told()
    assert len(told["text"]) < 1_500


def test_the_packet_is_the_same_for_the_same_conversation():
    story = Story().says("hello", "m1")
    assert story.told() == story.told()


def test_a_shop_without_hours_escalates_by_the_clock():
    site = Site.model_validate({"key": "pk_a", "name": "A", "hand_over": {"escalate_after_min": 5}})
    assert escalates_ms(site, 1_000_000) == 1_000_000 + 300_000
