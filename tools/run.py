"""Run one tool: arguments checked, time limited, retried only where that is safe, result bounded.

It decides no permission: whoever calls it has a verdict. It never swallows a cancellation.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from tools import output
from tools.breaker import Breakers
from tools.signature import fitting
from tools.spec import ToolSpec, values_of
from tools.types import AnswerLost, Caller, Json, NotSent, ToolError

log = logging.getLogger("shopbell.tools")

BACKOFF_S: Final = 0.2
"""Doubled for each further attempt; the wait is drawn evenly from 0 to that ("full jitter"), so that callers spread."""
MAX_BACKOFF_S: Final = 5.0
"""A customer is waiting."""
GRACE_S: Final = 1.0
"""How long a cancelled tool may take to tidy up before it is left behind."""
MAX_ERROR_CHARS: Final = 500
LOOKS: Final = 2
"""How often `reconcile` is asked before nobody knows: with a tool's 10 s each it still fits into a turn's 60 s."""

FAILED: Final = "This did not work because of a technical problem."
TIMED_OUT: Final = "This took too long and was stopped."
NOTHING_DONE: Final = "The shop's system cannot be reached at the moment; nothing was done."

Code = Literal["", "bad_args", "refused", "not_sent", "timed_out", "failed"]


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
    """How often the function was called; 0 when the arguments were wrong, or its system is left alone for a while."""
    unknown: bool = False
    """It failed in a way that leaves open whether its effect has happened. Never for a tool that only reads."""
    cut: str = ""
    """What was cut from the result, in words."""
    code: Code = ""
    """Why it failed, for programs. `refused`: the tool itself said no (a ToolError)."""
    reconciled: bool = False
    """Whether it had its effect, and its result, were looked up afterwards."""

    @property
    def wants_fallback(self) -> bool:
        """It failed for technical reasons, and surely has done nothing: another way may be tried (see `fallback_of`)."""
        return self.code in ("not_sent", "timed_out", "failed") and not self.unknown


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What is known about a call whose end was lost."""

    happened: bool | None = None
    """Whether it had its effect; None: nobody can tell."""
    result: Json = None
    """What it would have returned; null unless it happened."""
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run waits and tells the time; tests have their own."""

    jitter: Callable[[float, float], float] = random.uniform
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock_s: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class _Failure:
    """How one attempt failed."""

    code: Code
    error: str
    open: bool = False
    """It may have had its effect."""
    again: bool = False
    """Another attempt is safe."""
    ran: bool = False
    """The function came to its end unreadably, or runs on in spite of its cancellation: nobody can deny its effect."""


class _TimedOut(Exception):
    """The attempt passed its time limit and was cancelled; `runs_on`: in vain."""

    def __init__(self, message: str, *, runs_on: bool) -> None:
        super().__init__(message)
        self.runs_on = runs_on


class _Broken(Exception):
    """The function cancelled itself or tried to end the process."""


async def run(
    spec: ToolSpec,
    caller: Caller,
    args: Mapping[str, Any],
    *,
    earlier: bool = False,
    breakers: Breakers | None = None,
    pace: Pace | None = None,
) -> Outcome:
    """Call the tool and say how it ended; raises nothing but the caller's own cancellation.

    A failure is tried again, up to `spec.retries` times: if nothing was sent; if the tool reads or is idempotent and did
    not raise ToolError; or if `spec.reconcile` has found that nothing happened. An end that would be unknown is looked
    up by `spec.reconcile`. A ToolError says that nothing happened *in its attempt*: after an attempt that may have
    had its effect, the end is unknown all the same. `earlier`: there was such an attempt before, in another process.
    What a tool's bug was goes into the log and not into the outcome.
    """
    pace = pace or Pace()
    started_s = pace.clock_s()
    attempts = 0
    maybe, ran = earlier and spec.effect != "read", False

    def ended(failure: _Failure, *, unknown: bool) -> Outcome:
        hides = unknown and failure.code in ("refused", "not_sent", "bad_args")  # it may say that nothing was done
        error = FAILED if hides else failure.error
        code: Code = "failed" if hides else failure.code
        ms = _ms(pace.clock_s() - started_s)
        return Outcome(False, error=error, ms=ms, attempts=attempts, unknown=unknown, code=code)

    try:
        known = spec.validate(args)
    except ToolError as error:
        return ended(_Failure("bad_args", str(error)), unknown=maybe)
    values = values_of(known)
    circuit = _Circuit(spec, breakers, pace)
    while True:
        found: Outcome | _Failure | None = circuit.refusal(caller)
        if found is None:
            attempts += 1
            found = await _try(spec, caller, values, attempts, circuit)
        if isinstance(found, Outcome):
            return replace(found, ms=_ms(pace.clock_s() - started_s), attempts=attempts)
        maybe, ran = maybe or found.open, ran or found.ran
        again = found.again and attempts <= spec.retries
        if maybe and not again:
            seen = await _look(spec, caller, values) if spec.reconcile is not None else Reconciled()
            if seen.happened:
                ms = _ms(pace.clock_s() - started_s)
                return Outcome(True, seen.result, ms=ms, attempts=attempts, cut=seen.cut, reconciled=True)
            if seen.happened is None or ran:
                return ended(found, unknown=True)
            maybe = False
            again = found.open and attempts <= spec.retries
        if not again:
            return ended(found, unknown=False)
        await pace.sleep(pace.jitter(0.0, min(MAX_BACKOFF_S, BACKOFF_S * 2 ** (attempts - 1))))


async def reconcile(spec: ToolSpec, caller: Caller, args: Mapping[str, Any]) -> Reconciled:
    """Look up, by the tool's `reconcile`, what became of the call `caller.call`; raises nothing but a cancellation.

    Nobody can tell when the tool has no `reconcile`, or it fails, or takes longer than `spec.timeout_s`, twice.
    """
    if spec.reconcile is None:
        return Reconciled()
    try:
        known = spec.validate(args)
    except ToolError as error:
        log.warning("tool %s: the arguments of call %s no longer fit: %s", spec.name, caller.call, error)
        return Reconciled()
    return await _look(spec, caller, values_of(known))


async def _look(spec: ToolSpec, caller: Caller, values: Mapping[str, Any]) -> Reconciled:
    """What the tool's `reconcile` says."""
    assert spec.reconcile is not None  # noqa: S101 - the callers have looked
    for look in range(1, LOOKS + 1):
        try:
            result = await _attempt(spec, spec.reconcile, caller, fitting(spec.reconcile, values))
            value, cut = output.cap(output.plain(result), spec.max_output_chars)
        except Exception as error:  # noqa: BLE001 - the border to a merchant's code: then nobody can tell
            _report(spec, caller, f"reconcile, {look} of {LOOKS}", error)
            continue
        return Reconciled(result is not None, value, cut)
    return Reconciled()


async def _try(
    spec: ToolSpec, caller: Caller, values: Mapping[str, Any], attempt: int, circuit: "_Circuit"
) -> Outcome | _Failure:
    """One attempt."""
    writes = spec.effect != "read"
    safe = not writes or spec.idempotent
    counted = f"attempt {attempt} of {spec.retries + 1}"
    try:
        result = await _attempt(spec, spec.fn, caller, values)
    except ToolError as error:
        circuit.answered()
        return _Failure("refused", str(error)[:MAX_ERROR_CHARS] or FAILED)
    except NotSent as error:
        circuit.failed(error)
        log.warning("tool %s: %s (%s, site %s, call %s)", spec.name, error, counted, caller.site, caller.call)
        return _Failure("not_sent", NOTHING_DONE, again=True)
    except Exception as error:  # noqa: BLE001 - the border to a merchant's code: any bug in it ends this call only
        circuit.failed(error)
        _report(spec, caller, counted, error)
        if isinstance(error, _TimedOut):
            return _Failure("timed_out", TIMED_OUT, open=writes, again=safe, ran=error.runs_on)
        return _Failure("failed", FAILED, open=writes, again=safe)
    except asyncio.CancelledError:
        circuit.unclear()
        raise
    circuit.answered()
    try:
        value, cut = output.cap(output.plain(result), spec.max_output_chars)
    except (ValueError, TypeError, RecursionError) as error:
        _report(spec, caller, counted, error)
        return _Failure("failed", FAILED, open=writes, ran=True)  # it ran, but nobody can say what it did
    return Outcome(True, value, cut=cut)


class _Circuit:
    """One call's view of its circuit: it counts as silent once, however often it is tried."""

    def __init__(self, spec: ToolSpec, breakers: Breakers | None, pace: Pace) -> None:
        self._target = spec.circuit or f"tool {spec.name}"
        self._name = spec.name
        self._breakers = breakers
        self._pace = pace
        self._counted = False

    def refusal(self, caller: Caller) -> _Failure | None:
        """Why nothing is sent now."""
        wait_s = self._breakers.wait_s(self._target, self._pace.clock_s()) if self._breakers is not None else 0.0
        if wait_s <= 0:
            return None
        log.warning(
            "tool %s: not called, %s does not answer and is left alone for %.0f s more (site %s, call %s)",
            self._name, self._target, wait_s, caller.site, caller.call,
        )  # fmt: skip
        return _Failure("not_sent", NOTHING_DONE)

    def answered(self) -> None:
        if self._breakers is not None:
            self._breakers.answered(self._target)

    def unclear(self) -> None:
        if self._breakers is not None:
            self._breakers.unclear(self._target)

    def failed(self, error: BaseException) -> None:
        if self._breakers is None:
            return
        if not _is_silence(error):
            self._breakers.unclear(self._target)
        elif not self._counted:
            self._counted = True
            if self._breakers.silent(self._target, self._pace.clock_s()):
                log.error("%s does not answer: it is left alone for a while", self._target)


def _is_silence(error: BaseException) -> bool:
    """Whether it means that the other system does not answer, and not just that this one request went wrong.

    Else a customer who finds a request that breaks something could take the tool away from everybody.
    """
    seen: BaseException | None = error
    for _ in range(8):  # libraries wrap the system's own error: httpx twice, SQLAlchemy three times
        if seen is None:
            return False
        if isinstance(seen, AnswerLost):
            return not seen.answered
        if isinstance(seen, NotSent | _TimedOut | OSError):  # TimeoutError is an OSError, too
            return True
        seen = seen.__cause__
    return False


async def _attempt(spec: ToolSpec, fn: Callable[..., Any], caller: Caller, values: Mapping[str, Any]) -> object:
    """One call of the function within the tool's time limit.

    It runs as a task of its own: so a tool that ignores its cancellation cannot hold the turn, and one that raises
    CancelledError for reasons of its own does not cancel the turn.
    """
    task = asyncio.ensure_future(_guarded(fn, caller, values))
    try:
        await asyncio.wait({task}, timeout=spec.timeout_s)
    except asyncio.CancelledError:
        await _stop(task, spec, caller)
        raise
    if not task.done():
        stopped = await _stop(task, spec, caller)
        raise _TimedOut(f"no answer within {spec.timeout_s:g} s", runs_on=not stopped)
    if task.cancelled():
        raise _Broken("the function was cancelled from inside")
    return task.result()


async def _guarded(fn: Callable[..., Any], caller: Caller, values: Mapping[str, Any]) -> object:
    """The function's result; `sys.exit()` in it must not end the server, as it would from within a task."""
    try:
        return await fn(caller, **values)
    except SystemExit as error:
        raise _Broken(f"the function called sys.exit({error.code!r})") from error


async def _stop(task: "asyncio.Future[Any]", spec: ToolSpec, caller: Caller) -> bool:
    """Cancel the task; False if it does not care."""
    task.cancel()
    await asyncio.wait({task}, timeout=GRACE_S)
    if not task.done():
        log.error(
            "tool %s ignores its cancellation and was left behind (conversation %s)", spec.name, caller.conversation
        )
    elif not task.cancelled():
        task.exception()  # looked at, so that asyncio does not report it as never retrieved
    return task.done()


def _report(spec: ToolSpec, caller: Caller, counted: str, error: BaseException) -> None:
    """Log a tool's bug, without its arguments: they may hold a customer's data."""
    log.error(
        "tool %s failed (%s, site %s, conversation %s, call %s)",
        spec.name,
        counted,
        caller.site,
        caller.conversation,
        caller.call,
        exc_info=error,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
