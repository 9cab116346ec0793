"""Frames: what is accepted, and what is refused with which words."""

import orjson
import pytest

from server import wire


def say(**fields):
    return orjson.dumps({"t": "say", "id": "a", "text": "hi"} | fields)


def parse(text):
    return [wire.frame(item) for item in wire.items(text)]


@pytest.mark.parametrize("size", [1, 4_000])
def test_a_message_of_1_to_4000_code_points_is_accepted(size):
    [frame] = parse(say(text="🔔" * size))
    assert isinstance(frame, wire.Say)
    assert len(frame.text) == size


def test_a_message_of_4001_code_points_is_too_long_and_says_so():
    with pytest.raises(wire.BadFrame) as caught:
        parse(say(text="x" * 4_001))
    assert caught.value.too_long
    assert caught.value.frame_id == "a"


@pytest.mark.parametrize("frame_id", ["a" * 64, "A-z_09"])
def test_a_client_id_of_up_to_64_safe_characters_is_accepted(frame_id):
    assert parse(say(id=frame_id))[0].id == frame_id


@pytest.mark.parametrize("frame_id", ["", "a" * 65, "a b", "t:1", "ä", "a\n", 7, None])
def test_any_other_client_id_is_refused(frame_id):
    with pytest.raises(wire.BadFrame):
        parse(say(id=frame_id))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "NaN",
        "3",
        "null",
        '"say"',
        "{}",
        '{"t": "unknown"}',
        '{"t": "say", "id": "a"}',
        '{"t": "say", "id": "a", "text": ""}',
        '{"t": "say", "id": "a", "text": 5}',
        '{"t": "say", "id": "a", "text": "\\ud800"}',
        '{"t": "hello", "v": "1", "site": "pk_x"}',
        '{"t": "hello", "v": 1, "site": "pk_x", "after": -1}',
        '{"t": "hello", "v": 1, "site": "pk_x", "after": 1.5}',
        '{"t": "decide", "call": "call:1", "approve": "yes"}',
        '{"t": "rate", "id": "r", "score": -1}',
        '{"t": "rate", "id": "r", "score": 6}',
        '{"t": "rate", "id": "r", "of": "e:1", "score": 3}',
        '[{"t": "pong"}, {"t": "nope"}]',
        "[" * 60_000,
    ],
)
def test_what_is_no_frame_of_the_contract_is_refused(text):
    with pytest.raises(wire.BadFrame):
        parse(text)


def test_an_array_holds_frames_in_order_and_each_stands_for_itself():
    frames = [{"t": "say", "id": f"m{n}", "text": str(n)} for n in range(100)]
    assert [frame.id for frame in parse(orjson.dumps(frames))] == [f"m{n}" for n in range(100)]
    good, bad = wire.items(orjson.dumps([{"t": "pong"}, {"t": "nope"}]))
    assert isinstance(wire.frame(good), wire.Pong)
    with pytest.raises(wire.BadFrame):
        wire.frame(bad)


def test_what_is_said_of_the_page_is_cut_and_never_refused():
    [hello] = parse(orjson.dumps({"t": "hello", "v": 1, "site": "pk_x", "page": {"url": "u" * 9_000, "title": "t"}}))
    assert (len(hello.page.url), hello.page.title) == (2_048, "t")


@pytest.mark.parametrize("conversation", ["x" * 65, "a b", "", ":a", "c:" + "x" * 65])
def test_a_conversation_is_named_by_an_id_of_the_contract(conversation):
    with pytest.raises(wire.BadFrame):
        parse(orjson.dumps({"t": "hello", "v": 1, "site": "pk_x", "conversation": conversation}))


def test_unknown_fields_are_ignored_so_that_a_newer_widget_can_speak():
    assert parse(say(mood="sunny"))[0].text == "hi"


def test_one_frame_goes_out_as_an_object_and_several_as_an_array():
    assert orjson.loads(wire.dump([{"t": "ping"}])) == {"t": "ping"}
    assert orjson.loads(wire.dump([{"t": "ping"}, {"t": "token"}])) == [{"t": "ping"}, {"t": "token"}]
