"""The scripted model: a test must be able to trust it."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace

import pytest

from server.models.scripted import Hang, Pause, Repeat, Scripted, words
from server.ports import Call, Choices, HandOver, Line, ModelFailed, Prompt, Text, Thinking, Usage


def prompt(text="hi", **more):
    return Prompt("pk_a", "Shop", "", (), (), (text,), seed="t:1", **more)


async def said(model, *args, **more):
    return [one async for one in model.stream(prompt(*args, **more))]


async def test_each_call_follows_its_own_steps_and_the_next_fails():
    model = Scripted([[Text("a"), Pause(), Usage(1, 2)], [HandOver("asked")]])
    assert await said(model) == [Text("a"), Usage(1, 2)]
    assert await said(model) == [HandOver("asked")]
    with pytest.raises(ModelFailed):
        await said(model)
    assert len(model.prompts) == 3


async def test_a_script_can_wait_for_the_test():
    go, waited = asyncio.Event(), []

    async def wait():
        waited.append(True)
        go.set()

    assert await said(Scripted([[wait, go, Text("a")]])) == [Text("a")]
    assert waited == [True]


async def test_an_endless_answer_and_a_hanging_one_are_freed_by_closing():
    for steps in ([Repeat([Text("a")])], [Text("a"), Hang()]):
        model = Scripted([steps])
        async with aclosing(model.stream(prompt())) as chunks:
            assert await anext(chunks) == Text("a")
            assert model.streams == 1
        assert model.streams == 0


def test_words_are_numbered():
    assert "".join(one.text for one in words(3) if isinstance(one, Text)) == "word1 word2 word3"


async def test_a_file_of_rules_answers_by_the_newest_message(tmp_path):
    rules = [
        {"match": "long", "tokens": 3},
        {
            "match": "order",
            "calls": [
                [{"thinking": "Hm."}, {"call": {"tool": "find_order", "args": {"id": 1}}}],
                [{"text": "You asked: {asked}"}, {"choices": ["a", "b"]}, {"usage": {"input_tokens": 5}}],
            ],
        },
        {"match": "twice", "steps": [{"repeat": {"steps": [{"text": "x"}, {"pause_ms": 0}], "times": 2}}]},
        {"match": "break", "steps": [{"text": "a"}, {"fail": {"message": "boom", "retryable": True}}]},
        {"match": "person", "steps": [{"hand_over": "asked"}]},
        {"match": "^nothing$", "steps": []},
    ]
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"rules": rules}))
    model = Scripted.load(path)
    assert len(await said(model, "a LONG one")) == 3
    assert await said(model, "order") == [Thinking("Hm."), Call("t:1-1-2", "find_order", {"id": 1})]
    for number in (2, 3):
        assert await said(model, "order", call_no=number) == [
            Text("You asked: order"), Choices(("a", "b")), Usage(5, 0)
        ]  # fmt: skip
    assert await said(model, "twice") == [Text("x"), Text("x")]
    assert await said(model, "person") == [HandOver("asked")]
    assert await said(model, "nothing") == []
    with pytest.raises(ModelFailed, match="boom"):
        await said(model, "break")
    with pytest.raises(ModelFailed, match="no rule"):
        await said(model, "something else")


async def test_a_rule_can_depend_on_what_the_model_is_shown_of_the_conversation(tmp_path):
    file = tmp_path / "script.json"
    rules = [
        {"match": "boots", "knows": "size 42", "steps": [{"text": "Yours are 42."}]},
        {"match": "boots", "steps": [{"text": "Which size?"}]},
    ]
    file.write_text(json.dumps({"rules": rules}))
    model = Scripted.load(file)
    assert await said(model, "the boots") == [Text("Which size?")]
    shown = replace(prompt("the boots"), history=(Line("staff", "You have size 42."), Line("customer", "the boots")))
    assert [one async for one in model.stream(shown)] == [Text("Yours are 42.")]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"rules": [{"match": "a"}]}',
        '{"rules": [{"match": "(", "steps": []}]}',
        '{"rules": [{"match": "a", "steps": [{"text": "a", "hang": true}]}]}',
        '{"rules": [{"match": "a", "steps": [{"say": "a"}]}]}',
        '{"rules": [{"match": "a", "calls": []}]}',
    ],
)
def test_a_wrong_script_is_refused_and_the_file_named(tmp_path, content):
    path = tmp_path / "script.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"script\.json"):
        Scripted.load(path)
