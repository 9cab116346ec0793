"""The engine among several agents: it passes on what it has nothing for, keeps what it has, and makes no rounds."""

from dataclasses import replace

import pytest

from server.models.offline import Offline
from server.ports import CallResult, Colleague, Line, PassOn, Person, Prompt
from tests.models.offline.garage import TOOLS, Library

REST = Colleague("default", "The rest.")


def prompt_of(text: str, library: Library, *others: Colleague, tools: tuple[str, ...] = (), **more: object) -> Prompt:
    own = tuple(spec for spec in TOOLS if spec.name in tools)
    prompt = Prompt(
        "pk_g", "Garage", "", own, (Line("customer", text),), (text,), person=Person("c1", "Rui", True),
        agent="parts", agent_score=0.3, colleagues=others, seed="t1",
    )  # fmt: skip
    return replace(prompt, **more)


async def passed(engine: Offline, prompt: Prompt) -> list[str]:
    return [chunk.agent for chunk in [one async for one in engine.stream(prompt)] if isinstance(chunk, PassOn)]


async def test_what_it_has_nothing_for_goes_to_the_agent_that_is_near(engine: Offline, library: Library) -> None:
    others = (Colleague("bookings", "Bookings.", 0.6), Colleague("bikes", "Bikes.", 0.2), REST)
    prompt = prompt_of("cancel booking B-20417", library, *others)
    assert await passed(engine, prompt) == ["bookings"]


async def test_what_is_near_to_nobody_goes_to_the_agent_that_has_everything(engine: Offline, library: Library) -> None:
    prompt = prompt_of("do you sponsor marathons?", library, Colleague("bookings", "Bookings.", 0.2), REST)
    assert await passed(engine, prompt) == ["default"]


async def test_a_second_pass_goes_to_the_agent_that_has_everything(engine: Offline, library: Library) -> None:
    others = (Colleague("bookings", "Bookings.", 0.6), REST)
    assert await passed(engine, prompt_of("cancel booking B-20417", library, *others, call_no=2)) == ["default"]


@pytest.mark.parametrize(
    "text", ["cancel booking B-20417", "hello", "I want to talk to a human", "my booking please", "you useless idiots"]
)
async def test_what_it_can_do_or_say_something_to_stays(engine: Offline, library: Library, text: str) -> None:
    others = (Colleague("other", "Others.", 0.99), REST)
    tools = ("cancel_booking", "find_booking", "list_bookings")
    assert await passed(engine, prompt_of(text, library, *others, tools=tools)) == []


async def test_an_order_is_not_answered_by_an_article_where_another_may_carry_it_out(
    engine: Offline, library: Library
) -> None:
    text = "please cancel my booking"
    passages = tuple(library.search(text))
    near = Colleague("bookings", "Bookings.", 0.4)
    assert await passed(engine, prompt_of(text, library, near, REST, passages=passages)) == ["bookings"]
    asked = "Can I move a booking?"
    told = tuple(library.search(asked))
    assert await passed(engine, prompt_of(asked, library, near, REST, passages=told)) == []


async def test_a_message_of_which_it_can_do_a_part_goes_to_the_agent_that_has_everything(
    engine: Offline, library: Library
) -> None:
    text = "where is booking B-20417? And what does a full service cost?"
    passages = tuple(library.search("What does a full service cost?"))
    prompt = prompt_of(text, library, Colleague("bikes", "Bikes.", 0.3), REST, passages=passages)
    assert await passed(engine, prompt) == ["default"]


async def test_what_its_articles_answer_stays(engine: Offline, library: Library) -> None:
    text = "What does a full service cost?"
    prompt = prompt_of(text, library, Colleague("other", "Others.", 0.4), passages=tuple(library.search(text)))
    assert await passed(engine, prompt) == []


@pytest.mark.parametrize(("score", "to"), [(0.9, ["bookings"]), (0.4, [])])
async def test_what_is_clearly_the_job_of_another_is_not_answered_by_an_article_that_mentions_it(
    engine: Offline, library: Library, score: float, to: list[str]
) -> None:
    text = "What does a full service cost?"
    prompt = prompt_of(text, library, Colleague("bookings", "B.", score), passages=tuple(library.search(text)))
    assert await passed(engine, prompt) == to


async def test_nobody_else_means_nobody_to_pass_on_to(engine: Offline, library: Library) -> None:
    assert await passed(engine, prompt_of("cancel booking B-20417", library)) == []


async def test_after_a_call_the_turn_stays(engine: Offline, library: Library) -> None:
    done = CallResult("call:1", "find_part", {"query": "bell"}, True, {"name": "Bell"})
    prompt = prompt_of("cancel booking B-20417", library, Colleague("bookings", "B.", 0.9), REST, results=(done,))
    assert await passed(engine, prompt) == []
