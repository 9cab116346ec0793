"""Lookups: every question that is waited for is answered, and none is asked twice at once."""

import asyncio

import pytest

from server.desk.frames import Approval, Search, Suggest
from server.desk.lookups import Lookups

KEY = "pk_test/c1"


def approval(call):
    return Approval(t="approval", conversation="c1", call=call)


def search(query):
    return Search(t="search", query=query)


async def answered(*asked):
    """What was looked up, in order, when all of it is asked at the same moment; and how many at once at most."""
    found, running, most = [], 0, 0

    async def look(key, frame):
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        await asyncio.sleep(0)
        found.append(frame)
        running -= 1

    lookups = Lookups(look)
    async with asyncio.TaskGroup() as group:
        for frame in asked:
            lookups.begin(group, KEY, frame)
    return found, most


async def test_two_approvals_of_one_conversation_are_both_looked_up():
    asked = [approval("call:1"), approval("call:2")]
    assert (await answered(*asked))[0] == asked


async def test_of_words_typed_in_a_row_the_last_are_searched_for_too():
    found, most = await answered(search("bo"), search("boo"), search("boot"), search("boots"))
    assert [frame.query for frame in found] == ["bo", "boots"]
    assert most == 1


async def test_what_is_asked_again_later_is_looked_up_again():
    found = []

    async def look(key, frame):
        found.append(frame.id)

    lookups = Lookups(look)
    for number in ("s1", "s2"):
        async with asyncio.TaskGroup() as group:
            lookups.begin(group, KEY, Suggest(t="suggest", conversation="c1", id=number))
    assert found == ["s1", "s2"]


@pytest.mark.parametrize("frame", [approval("call:1"), search("boots")])
async def test_the_same_question_many_times_is_asked_twice_at_most(frame):
    assert len((await answered(*[frame] * 50))[0]) == 2
