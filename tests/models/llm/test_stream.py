"""LlamaIndexModel against an OpenAI-compatible server of our own, as openai and as openai-like."""

from contextlib import asynccontextmanager

import pytest

from server.models.llamaindex import Limits, LlamaIndexModel
from server.models.llamaindex.build import Llm
from server.models.llamaindex.model import Outside
from server.ports import Call, Choices, Colleague, HandOver, Line, ModelFailed, PassOn, Prompt, Text, Thinking, Usage
from tests.models.llm.provider import (
    DONE,
    FIRST,
    USAGE,
    Cut,
    answered,
    call_delta,
    calls,
    chunk,
    failed,
    serving,
    streamed,
)
from tools import Caller, tool

KEY = "sk-secret-0123456789"
PROVIDERS = [("openai-like", "local"), ("openai", "gpt-4o-mini"), ("openai", "gpt-not-known-yet")]


@tool(scope="orders.read", effect="read")
async def find_order(caller: Caller, order_id: str) -> dict:
    """Find an order."""
    return {}


def prompt(text="Where is it?", **more):
    history = (Line("customer", text, message="m1"),)
    fields = {"site": "pk_a", "site_name": "Shop", "rules": "Rules.", "tools": (find_order.spec,), "seed": "t:1"}
    return Prompt(**{**fields, "history": history, "asked": (text,), **more})


@asynccontextmanager
async def talking(provider, kind=PROVIDERS[0], limits=None, pauses=None):
    """A model on the provider whose waits between attempts take no time and are noted."""

    async def sleep(seconds):
        (pauses if pauses is not None else []).append(seconds)

    limits = limits or Limits()
    outside = Outside(sleep=sleep, uniform=lambda low, high: high, now_s=lambda: 0.0)
    name = "/".join(kind)
    model = LlamaIndexModel(
        name, lambda: Llm(*kind, provider.url, KEY, limits), key=KEY, limits=limits, outside=outside
    )
    try:
        yield model
    finally:
        await model.close()


async def said(provider, kind=PROVIDERS[0], asked=None, **more):
    async with talking(provider, kind, **more) as model:
        return [one async for one in model.stream(asked or prompt())]


def text_of(chunks):
    return "".join(one.text for one in chunks if isinstance(one, Text))


@pytest.mark.parametrize("kind", PROVIDERS)
async def test_reasoning_text_calls_and_usage_arrive_in_order(kind):
    pieces = [
        FIRST,
        chunk({"reasoning_content": "An order "}),
        chunk({"reasoning_content": "question."}),
        chunk({"content": "Let me "}),
        chunk({"content": "look."}),
        calls(call_delta(0, id="a", name="find_order", args="")),
        calls(call_delta(0, args='{"order')),
        calls(call_delta(0, args='_id": "1042"}')),
        chunk(finish="tool_calls"),
        chunk(choices=[], usage=USAGE),
        DONE,
    ]
    async with serving(streamed(*pieces)) as provider:
        chunks = await said(provider, kind)
    assert chunks == [
        Thinking("An order "),
        Thinking("question."),
        Text("Let me "),
        Text("look."),
        Call("a", "find_order", {"order_id": "1042"}),
        Usage(11, 7),
    ]
    [request] = provider.requests
    assert request["stream"] is True
    assert request["model"] == kind[1]
    offered = {one["function"]["name"]: one["function"]["parameters"] for one in request["tools"]}
    assert set(offered) == {"find_order", "hand_over", "offer_choices"}
    assert offered["find_order"]["required"] == ["order_id"]
    assert offered["find_order"]["additionalProperties"] is False
    assert "x-shopbell-call" not in provider.heads[0].lower()
    assert f"authorization: bearer {KEY}" in provider.heads[0].lower()


async def test_the_same_bytes_cut_anywhere_say_the_same():
    whole = b": keep-alive\r\n\r\n".join(
        one.replace(b"\n", b"\r\n")
        for one in [
            FIRST,
            chunk({"reasoning": "Größe? 🏔"}),
            chunk({"content": "Zelt für 2 – 🏕️ "}),
            calls(call_delta(0, id="a", name="find_order", args='{"order_id": "ä🏕')),
            calls(call_delta(0, args='"}')),
            chunk(finish="tool_calls"),
            chunk(choices=[], usage=USAGE),
            DONE,
        ]
    )
    expected = [
        Thinking("Größe? 🏔"),
        Text("Zelt für 2 – 🏕️ "),
        Call("a", "find_order", {"order_id": "ä🏕"}),
        Usage(11, 7),
    ]
    sizes = [1, 2, 3, 5, 7, 64, len(whole)]
    answers = [streamed(*(whole[at : at + size] for at in range(0, len(whole), size))) for size in sizes]
    async with serving(*answers) as provider, talking(provider) as model:
        for _ in sizes:
            assert [one async for one in model.stream(prompt())] == expected


@pytest.mark.parametrize("kind", PROVIDERS)
async def test_interleaved_calls_with_ids_only_at_first_are_put_together(kind):
    pieces = [
        FIRST,
        calls(call_delta(0, id="a", name="find_order"), call_delta(1, id="b", name="find_order")),
        calls(call_delta(1, args='{"order_id"'), call_delta(0, args='{"order')),
        calls(call_delta(0, args='_id": "1"}')),
        chunk(choices=[]),
        calls(call_delta(1, args=': "2"}')),
        chunk(finish="tool_calls"),
        DONE,
    ]
    async with serving(streamed(*pieces)) as provider:
        chunks = await said(provider, kind)
    assert chunks == [Call("a", "find_order", {"order_id": "1"}), Call("b", "find_order", {"order_id": "2"}), Usage()]


async def test_calls_that_all_have_index_zero_are_told_apart_by_their_ids():
    one = calls(call_delta(0, id="a", name="find_order", args='{"order_id": "1"}'))
    two = calls(call_delta(0, id="b", name="find_order", args='{"order_id": "2"}'))
    async with serving(streamed(FIRST, one, two, chunk(finish="stop"), DONE)) as provider:
        chunks = await said(provider)
    assert [one.args["order_id"] for one in chunks if isinstance(one, Call)] == ["1", "2"]


async def test_a_call_of_an_unknown_tool_passes_through():
    call = calls(call_delta(0, id="a", name="delete_everything", args=""))
    async with serving(streamed(FIRST, call, chunk(finish="tool_calls"), DONE)) as provider:
        assert await said(provider) == [Call("a", "delete_everything", {}), Usage()]


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("hand_over", '{"reason": "legal"}', HandOver("legal")),
        ("hand_over", '{"reason": "because"}', HandOver("unknown")),
        ("hand_over", "", HandOver("unknown")),
        ("offer_choices", '{"texts": ["Tent", " Boots ", "Tent", "", 5]}', Choices(("Tent", "Boots"))),
    ],
)
async def test_our_own_functions_become_hand_over_and_choices(name, args, expected):
    call = calls(call_delta(0, id="a", name=name, args=args))
    async with serving(streamed(FIRST, call, chunk(finish="tool_calls"), DONE)) as provider:
        assert await said(provider) == [expected, Usage()]


async def test_while_a_person_is_awaited_the_model_cannot_ask_for_one_again():
    async with serving(answered("ok")) as provider:
        await said(provider, asked=prompt(mode="waiting", tools=()))
    assert [one["function"]["name"] for one in provider.requests[0]["tools"]] == ["offer_choices"]


async def test_a_model_among_several_agents_can_pass_on_to_the_others_and_to_nobody_else():
    others = (Colleague("service", "Workshop."), Colleague("default", "The rest."))
    call = calls(call_delta(0, id="a", name="pass_on", args='{"agent": "service", "why": "an appointment"}'))
    async with serving(streamed(FIRST, call, chunk(finish="tool_calls"), DONE)) as provider:
        assert await said(provider, asked=prompt(colleagues=others)) == [PassOn("service", "an appointment"), Usage()]
    [request] = provider.requests
    [offered] = [one["function"] for one in request["tools"] if one["function"]["name"] == "pass_on"]
    assert offered["parameters"]["properties"]["agent"]["enum"] == ["service", "default"]
    assert "service: Workshop." in offered["description"]


async def test_think_tags_of_a_server_without_a_reasoning_parser_are_thinking():
    whole = "<think>He wants </b> the price.</think>\n\nIt costs <b>5</b>."
    for size in (1, 2, 3, 9, len(whole)):
        parts = [chunk({"content": whole[at : at + size]}) for at in range(0, len(whole), size)]
        async with serving(streamed(FIRST, *parts, chunk(finish="stop"), DONE)) as provider:
            chunks = await said(provider)
        assert text_of(chunks) == "It costs <b>5</b>."
        assert "".join(one.text for one in chunks if isinstance(one, Thinking)) == "He wants </b> the price."


async def test_broken_arguments_are_asked_for_again_once():
    broken = calls(call_delta(0, id="a", name="find_order", args='{"order_id": 10'))
    fixed = calls(call_delta(0, id="b", name="find_order", args='{"order_id": "10"}'))
    async with serving(
        streamed(FIRST, chunk({"content": "Looking."}), broken, chunk(finish="tool_calls", usage=USAGE), DONE),
        streamed(FIRST, chunk({"content": "Sorry!"}), fixed, chunk(finish="tool_calls", usage=USAGE), DONE),
    ) as provider:
        chunks = await said(provider)
    assert chunks == [Text("Looking."), Call("b", "find_order", {"order_id": "10"}), Usage(22, 14)]
    asked, told = provider.requests[1]["messages"][-2:]
    assert asked["tool_calls"][0]["function"] == {"name": "find_order", "arguments": "{}"}
    assert told["role"] == "tool"
    assert told["tool_call_id"] == asked["tool_calls"][0]["id"]
    assert "valid JSON" in told["content"]


async def test_arguments_broken_twice_fail():
    broken = calls(call_delta(0, id="a", name="find_order", args="[1"))
    async with serving(streamed(FIRST, broken, chunk(finish="tool_calls"), DONE)) as provider:
        with pytest.raises(ModelFailed, match="twice"):
            await said(provider)
    assert len(provider.requests) == 2


@pytest.mark.parametrize(
    "first",
    [
        failed(429),
        failed(500),
        failed(503),
        streamed(Cut()),
        streamed(FIRST, Cut()),
        streamed(FIRST, DONE),
        streamed(FIRST, b'data: {"error": {"message": "overloaded"}}\n\n'),
        streamed(FIRST, b"data: {not json\n\n"),
    ],
)
@pytest.mark.parametrize("kind", PROVIDERS[:2])
async def test_what_fails_before_the_first_word_is_tried_again(first, kind):
    pauses = []
    async with serving(first, first, first, answered("Hello")) as provider:
        chunks = await said(provider, kind, pauses=pauses)
    assert chunks == [Text("Hello"), Usage(11, 7)]
    assert pauses == [0.5, 1.0, 2.0]


async def test_after_three_retries_it_fails_and_says_that_trying_later_may_help():
    async with serving(failed(503)) as provider:
        with pytest.raises(ModelFailed) as caught:
            await said(provider)
    assert caught.value.retryable
    assert len(provider.requests) == 4


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry-After": "7"}, 8.0),
        ({"retry-after-ms": "1500"}, 2.5),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:09 GMT"}, 10.0),
    ],
)
async def test_a_server_that_says_when_is_asked_then(headers, pause):
    pauses = []
    async with serving(failed(429, headers=headers), answered("Hi")) as provider:
        assert text_of(await said(provider, pauses=pauses)) == "Hi"
    assert pauses == [pause]


@pytest.mark.parametrize(
    "answer",
    [
        failed(429, headers={"Retry-After": "3600"}),
        failed(429, code="insufficient_quota"),
        failed(400),
        failed(401),
        failed(404),
    ],
)
async def test_what_no_retry_can_help_fails_at_once(answer):
    async with serving(answer) as provider:
        with pytest.raises(ModelFailed) as caught:
            await said(provider)
    assert not caught.value.retryable
    assert len(provider.requests) == 1


NO_REASON = [
    ([chunk({"content": "Your order "}), chunk({"content": "is here."})], [Text("Your order "), Text("is here.")]),
    (
        [calls(call_delta(0, id="a", name="find_order", args='{"order')), calls(call_delta(0, args='_id": "1"}'))],
        [Call("a", "find_order", {"order_id": "1"})],
    ),
    (
        [chunk({"content": "So."}), calls(call_delta(0, id="a", name="find_order", args='{"order_id": "1"}'))],
        [Text("So."), Call("a", "find_order", {"order_id": "1"})],
    ),
    ([chunk({"content": "<think>Hm.</think>Yes"})], [Thinking("Hm."), Text("Yes")]),
]


@pytest.mark.parametrize(("pieces", "expected"), NO_REASON)
@pytest.mark.parametrize("kind", PROVIDERS[:2])
async def test_a_server_that_gives_no_reason_but_says_that_it_is_done_has_answered(kind, pieces, expected):
    async with serving(streamed(FIRST, *pieces, DONE)) as provider:
        assert await said(provider, kind) == [*expected, Usage()]
    assert len(provider.requests) == 1


async def test_the_end_is_seen_wherever_the_bytes_are_cut_and_however_it_is_written():
    for done in (DONE, b"data:[DONE]\n\n", b"data: [DONE]\r\n\r\n"):
        whole = FIRST + chunk({"content": "Here."}) + done
        for size in (1, 2, 3, 5, 7, len(whole)):
            pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
            async with serving(streamed(*pieces)) as provider:
                assert await said(provider) == [Text("Here."), Usage()]


@pytest.mark.parametrize(("pieces", "expected"), NO_REASON)
async def test_without_a_reason_a_stream_that_is_cut_fails_at_every_point(pieces, expected):
    for upto in range(1, len(pieces) + 1):
        for end in ([Cut()], []):
            async with serving(streamed(FIRST, *pieces[:upto], *end)) as provider:
                with pytest.raises(ModelFailed):
                    await said(provider)


@pytest.mark.parametrize(
    "half",
    [
        [calls(call_delta(0, id="a", name="find_order", args='{"order_id": "1'))],
        [chunk({"content": "So."}), calls(call_delta(0, id="a", name="find_order", args='{"order_id": "1'))],
        [chunk({"reasoning_content": "Hm."})],
        [chunk({"content": " \n"})],
        [chunk({"content": "a line says data: [DONE] and\ndata: [DONE]"}), Cut()],
    ],
)
async def test_without_a_reason_half_a_call_or_no_word_is_no_answer(half):
    async with serving(streamed(FIRST, *half, DONE)) as provider:
        with pytest.raises(ModelFailed):
            await said(provider)


@pytest.mark.parametrize("end", [[Cut()], [], [b'data: {"error": {"message": "boom"}}\n\n']])
async def test_an_answer_that_breaks_off_is_not_tried_again(end):
    async with serving(streamed(FIRST, chunk({"content": "Your order"}), *end)) as provider, talking(provider) as model:
        heard = []
        with pytest.raises(ModelFailed) as caught:
            async for one in model.stream(prompt()):
                heard.append(one)
    assert heard == [Text("Your order")]
    assert not caught.value.retryable
    assert len(provider.requests) == 1


@pytest.mark.parametrize("finish", ["length", "content_filter"])
async def test_an_answer_that_was_cut_by_its_provider_fails(finish):
    async with serving(answered("Your refund of", finish=finish)) as provider:
        with pytest.raises(ModelFailed):
            await said(provider)
    assert len(provider.requests) == 1
