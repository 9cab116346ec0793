"""Beat: what is due together is called together, never early, and each on its own."""

import asyncio

from server.beat import GRAIN_S, Beat, beat


async def test_never_early_and_all_of_it() -> None:
    loop, one, at = asyncio.get_running_loop(), Beat(), []
    done = asyncio.Event()
    since = loop.time()
    for n in range(50):
        due = since + n * GRAIN_S / 7
        one.at(due, lambda due=due: at.append((due, loop.time())))  # type: ignore[misc]  # the lambda's own due
    one.at(since + 9 * GRAIN_S, done.set)
    await done.wait()
    assert len(at) == 50
    assert all(called >= due - 1e-9 for due, called in at)


async def test_what_was_cancelled_is_not_called() -> None:
    loop, one, called = asyncio.get_running_loop(), Beat(), []
    done = asyncio.Event()
    due = loop.time() + GRAIN_S
    ticket = one.at(due, lambda: called.append("cancelled"))
    one.at(due, done.set)
    one.cancel(ticket)
    await done.wait()
    one.cancel(ticket)  # long over: nothing happens
    assert called == []


async def test_one_that_fails_or_cancels_does_not_stop_the_others(caplog) -> None:
    one, called, done = Beat(), [], asyncio.Event()
    due = asyncio.get_running_loop().time() + GRAIN_S
    tickets = []

    def fails() -> None:
        one.cancel(tickets[0])
        raise ValueError("broken")

    one.at(due, fails)
    tickets.append(one.at(due, lambda: called.append("cancelled in the same beat")))
    one.at(due, lambda: called.append("other"))
    one.at(due, done.set)
    await done.wait()
    assert called == ["other"]
    assert "broken" in caplog.text


async def test_each_loop_has_its_own() -> None:
    assert beat() is beat()
    other = await asyncio.to_thread(lambda: asyncio.run(_own()))
    assert other is not beat()


async def _own() -> Beat:
    return beat()
