"""Frames: what is accepted, and what is refused with which words."""

import orjson
import pytest

from server import wire


def say(**fields):
    return orjson.dumps({"t": "say", "id": "a", "text": "hi"} | fields)


@pytest.mark.parametrize("size", [1, 4_000])
def test_a_message_of_1_to_4000_code_points_is_accepted(size):
    [frame] = wire.parse(say(text="🔔" * size))
    assert isinstance(frame, wire.Say)
    assert len(frame.text) == size


def test_a_message_of_4001_code_points_is_too_long_and_says_so():
    with pytest.raises(wire.BadFrame) as caught:
        wire.parse(say(text="x" * 4_001))
    assert caught.value.too_long
    assert caught.value.frame_id == "a"


@pytest.mark.parametrize("frame_id", ["a" * 64, "A-z_09"])
def test_a_client_id_of_up_to_64_safe_characters_is_accepted(frame_id):
    assert wire.parse(say(id=frame_id))[0].id == frame_id


@pytest.mark.parametrize("frame_id", ["", "a" * 65, "a b", "t:1", "ä", "a\n", 7, None])
def test_any_other_client_id_is_refused(frame_id):
    with pytest.raises(wire.BadFrame):
        wire.parse(say(id=frame_id))


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
        wire.parse(text)


def test_an_array_holds_up_to_64_frames_in_order():
    frames = [{"t": "say", "id": f"m{n}", "text": str(n)} for n in range(64)]
    assert [frame.id for frame in wire.parse(orjson.dumps(frames))] == [f"m{n}" for n in range(64)]
    with pytest.raises(wire.BadFrame):
        wire.parse(orjson.dumps([*frames, {"t": "pong"}]))


def test_unknown_fields_are_ignored_so_that_a_newer_widget_can_speak():
    assert wire.parse(say(mood="sunny"))[0].text == "hi"


def test_one_frame_goes_out_as_an_object_and_several_as_an_array():
    assert orjson.loads(wire.dump([{"t": "ping"}])) == {"t": "ping"}
    assert orjson.loads(wire.dump([{"t": "ping"}, {"t": "token"}])) == [{"t": "ping"}, {"t": "token"}]
