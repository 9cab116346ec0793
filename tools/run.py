"""Run one tool: arguments checked, time limited, retried only where that is safe, result bounded.

It decides no permission: whoever calls it has a verdict. It never swallows a cancellation.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tools import output
from tools.spec import ToolSpec
from tools.types import Caller, Json, ToolError

log = logging.getLogger("shopbell.tools")

BACKOFF_S: Final = 0.2
"""Doubled for each further attempt; the wait is drawn evenly from 0 to that ("full jitter"), so that callers spread."""
MAX_BACKOFF_S: Final = 5.0
"""A customer is waiting."""
GRACE_S: Final = 1.0
"""How long a cancelled tool may take to tidy up before it is left behind."""
MAX_ERROR_CHARS: Final = 500

FAILED: Final = "This did not work because of a technical problem."
TIMED_OUT: Final = "This took too long and was stopped."


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended."""

    ok: bool
    result: Json = None
    """A JSON value; null unless `ok`."""
    error: str | None = None
    """What the model, and a customer, may read."""
    ms: int = 0
    attempts: int = 0
    """How often the function was called; 0 when the arguments were wrong."""
    unknown: bool = False
    """It failed in a way that leaves open whether its effect has happened. Never for a tool that only reads."""
    cut: str = ""
    """What was cut from the result, in words."""


class _TimedOut(Exception):
    """The attempt passed its time limit and was cancelled."""


class _Broken(Exception):
    """The function cancelled itself or tried to end the process."""


async def run(
    spec: ToolSpec,
    caller: Caller,
    args: Mapping[str, Any],
    *,
    jitter: Callable[[float, float], float] = random.uniform,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Outcome:
    """Call the tool and say how it ended; raises nothing but the caller's own cancellation.

    A failure is tried again, `spec.retries` times, if the tool reads or is idempotent and did not raise ToolError.
    What a tool's bug was goes into the log and not into the outcome.
    """
    started = time.monotonic()
    attempts = 0
    safe = spec.effect == "read" or spec.idempotent
    open_effect = spec.effect != "read"

    def ended(error: str, *, unknown: bool) -> Outcome:
        return Outcome(False, error=error, ms=_ms(started), attempts=attempts, unknown=unknown)

    try:
        known = spec.validate(args)
    except ToolError as error:
        return ended(str(error), unknown=False)
    values = {name: getattr(known, name) for name in type(known).model_fields}
    while True:
        attempts += 1
        try:
            result = await _attempt(spec, caller, values)
            break
        except ToolError as error:
            return ended(str(error)[:MAX_ERROR_CHARS] or FAILED, unknown=False)
        except Exception as error:  # noqa: BLE001 - the border to a merchant's code: any bug in it ends this call only
            text = TIMED_OUT if isinstance(error, _TimedOut) else FAILED
            _report(spec, caller, attempts, error)
        if not safe or attempts > spec.retries:
            return ended(text, unknown=open_effect)
        await sleep(jitter(0.0, min(MAX_BACKOFF_S, BACKOFF_S * 2 ** (attempts - 1))))
    try:
        value, cut = output.cap(output.plain(result), spec.max_output_chars)
    except (ValueError, TypeError, RecursionError) as error:
        _report(spec, caller, attempts, error)
        return ended(FAILED, unknown=open_effect)  # it ran, but nobody can say what it did
    return Outcome(True, value, ms=_ms(started), attempts=attempts, cut=cut)


async def _attempt(spec: ToolSpec, caller: Caller, values: Mapping[str, Any]) -> object:
    """One call of the function within its time limit.

    It runs as a task of its own: so a tool that ignores its cancellation cannot hold the turn, and one that raises
    CancelledError for reasons of its own does not cancel the turn.
    """
    task = asyncio.ensure_future(_guarded(spec, caller, values))
    try:
        await asyncio.wait({task}, timeout=spec.timeout_s)
    except asyncio.CancelledError:
        await _stop(task, spec, caller)
        raise
    if not task.done():
        await _stop(task, spec, caller)
        raise _TimedOut(f"no answer within {spec.timeout_s:g} s")
    if task.cancelled():
        raise _Broken("the function was cancelled from inside")
    return task.result()


async def _guarded(spec: ToolSpec, caller: Caller, values: Mapping[str, Any]) -> object:
    """The function's result; `sys.exit()` in it must not end the server, as it would from within a task."""
    try:
        return await spec.fn(caller, **values)
    except SystemExit as error:
        raise _Broken(f"the function called sys.exit({error.code!r})") from error


async def _stop(task: "asyncio.Future[Any]", spec: ToolSpec, caller: Caller) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=GRACE_S)
    if not task.done():
        log.error(
            "tool %s ignores its cancellation and was left behind (conversation %s)", spec.name, caller.conversation
        )
    elif not task.cancelled():
        task.exception()  # looked at, so that asyncio does not report it as never retrieved


def _report(spec: ToolSpec, caller: Caller, attempt: int, error: BaseException) -> None:
    """Log a tool's bug, without its arguments: they may hold a customer's data."""
    log.error(
        "tool %s failed (attempt %d of %d, site %s, conversation %s, call %s)",
        spec.name,
        attempt,
        spec.retries + 1,
        caller.site,
        caller.conversation,
        caller.call,
        exc_info=error,
    )


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
