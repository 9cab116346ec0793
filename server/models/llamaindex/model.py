"""LlamaIndexModel: streams one answer of a LlamaIndex LLM as chunks, with retries and time limits.

It runs no tool and keeps nothing of a conversation. What a provider says about an error goes to the log, redacted.
"""

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from server.models.llamaindex.failures import Failure, failure_of, redacted
from server.models.llamaindex.pieces import Pieces, RawCall, arguments, chunk_of
from server.models.llamaindex.render import Asked, Message, call_id, messages
from server.ports import Chunk, ModelFailed, Prompt, Usage

logger = logging.getLogger(__name__)

MAX_RETRIES: Final = 3
FIRST_PAUSE_S: Final = 0.5
MAX_PAUSE_S: Final = 8.0
"""Full jitter between 0 and 0.5, 1, 2 … s: three retries cost 1.75 s on average; a turn has 60 s."""

_COMPLETE: Final = frozenset({"stop", "tool_calls", "function_call", "end_turn", "tool_use", "stop_sequence"})
_CUT: Final = frozenset({"length", "max_tokens", "model_context_window_exceeded"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits of one call, in seconds."""

    connect_s: float = 5.0
    first_s: float = 30.0
    """To the first piece, each attempt: a reasoning model that streams no reasoning is silent for 10 to 20 s."""
    between_s: float = 20.0
    """Between two pieces; keep-alive comments do not count."""
    total_s: float = 120.0
    """All attempts together. A site's `turn_s` is usually shorter and ends the call by closing it."""


class Backend(Protocol):
    """A ready LLM: LlamaIndex is imported and the HTTP client is open."""

    async def open(
        self, call: str, rendered: Sequence[Message], prompt: Prompt, *, with_tools: bool
    ) -> AsyncIterator[Any]:
        """Start a call; the pieces are LlamaIndex's ChatResponses."""

    def is_over(self, call: str) -> bool:
        """Whether the server itself has said that the answer is over, beside any reason."""

    async def hang_up(self, call: str) -> None:
        """Close whatever the call still holds; harmless when it holds nothing."""

    async def close(self) -> None:
        """Let go of all connections."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What a test may replace: waiting, chance, time."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Callable[[float, float], float] = random.uniform
    now_s: Callable[[], float] = time.time


@dataclass(slots=True)
class _Run:
    """One call to `stream`: what all its attempts share."""

    prompt: Prompt
    with_tools: bool
    deadline: float
    usage: Usage = field(default_factory=Usage)
    given: bool = False

    def spend(self, usage: Usage | None) -> None:
        if usage is not None:
            costs = [float(cost) for cost in (self.usage.cost, usage.cost) if cost is not None]
            self.usage = Usage(
                self.usage.input_tokens + usage.input_tokens,
                self.usage.output_tokens + usage.output_tokens,
                f"{sum(costs):.10f}".rstrip("0") if costs else None,
            )


class LlamaIndexModel:
    """A `server.ports.Model` over a LlamaIndex function-calling LLM."""

    quotes_only = False

    def __init__(
        self,
        name: str,
        make: Callable[[], Backend],
        *,
        key: str | None = None,
        limits: Limits | None = None,
        outside: Outside | None = None,
    ) -> None:
        """`make` builds the backend; it may take seconds, and is called once, in a thread. `key` is kept out of logs."""
        self.name = name
        self._make = make
        self._key = key
        self._limits = limits or Limits()
        self._outside = outside or Outside()
        self._backend: Backend | None = None
        self._lock = asyncio.Lock()
        self._mark_key = secrets.token_bytes(32)  # per process: nobody outside can know the marks in a prompt
        self._tools_work = True

    async def warm(self) -> None:
        """Import LlamaIndex and build the LLM, in a thread, before the first customer needs it.

        Raises:
            ModelFailed: the provider's package is missing, or does not take these settings.
        """
        async with self._lock:
            if self._backend is None:
                try:
                    self._backend = await asyncio.to_thread(self._make)
                except (ImportError, ValueError) as error:
                    logger.error("model %s cannot be used: %s", self.name, redacted(error, self._key))  # noqa: TRY400
                    raise ModelFailed(f"the model {self.name} cannot be used here", retryable=False) from None

    async def close(self) -> None:
        """Let go of all connections."""
        if self._backend is not None:
            await self._backend.close()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk]:
        """One model call, piece by piece; calls, choices and usage come at the end.

        Raises:
            ModelFailed: after at most three retries, none of them once a chunk was given out.
        """
        await self.warm()
        loop = asyncio.get_running_loop()
        run = _Run(prompt, self._tools_work, loop.time() + self._limits.total_s)
        pieces = Pieces()
        async with contextlib.aclosing(self._answer(run, pieces)) as chunks:
            async for chunk in chunks:
                yield chunk
        good, broken = _sorted(pieces.calls())
        if broken:
            good += await self._repaired(run, broken)
        for number, (call, args) in enumerate(good, 1):
            yield chunk_of(call, args, number, prompt)
        yield run.usage

    async def _answer(self, run: _Run, pieces: Pieces) -> AsyncGenerator[Chunk]:
        """The answer's text and thinking; `pieces` holds its calls afterwards. Tries again while nothing was given."""
        attempt = 0
        while True:
            rendered = messages(run.prompt, self._mark_key, with_tools=run.with_tools)
            try:
                async with contextlib.aclosing(self._attempt(run, rendered, pieces)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except ModelFailed:
                raise
            except Exception as error:  # noqa: BLE001 - a provider's SDK may raise anything; it is judged, logged, re-raised
                failure = failure_of(error, self._outside.now_s())
                logger.warning("model %s: %s (%s)", self.name, failure.said, redacted(error, self._key))
                if failure.no_tools and run.with_tools:
                    logger.warning("model %s cannot do tools: it goes on with the help center alone", self.name)
                    run.with_tools = self._tools_work = False
                else:
                    await self._pause(run, failure, attempt)
                    attempt += 1
                pieces.restart()
            else:
                return

    async def _pause(self, run: _Run, failure: Failure, attempt: int) -> None:
        """Wait before the next attempt, or give up."""
        if run.given:
            raise ModelFailed(f"{failure.said}, in the middle of the answer", retryable=False) from None
        ceiling = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2**attempt)
        # Up to a second on top of what the server asks for: not all of its clients should come back at once.
        pause_s = self._outside.uniform(0, ceiling)
        if failure.after_s is not None:
            pause_s = failure.after_s + self._outside.uniform(0, 1)
        late = asyncio.get_running_loop().time() + pause_s >= run.deadline
        if not failure.retryable or attempt >= MAX_RETRIES or late:
            raise ModelFailed(failure.said, retryable=failure.retryable) from None
        await self._outside.sleep(pause_s)

    async def _attempt(self, run: _Run, rendered: Sequence[Message], pieces: Pieces) -> AsyncGenerator[Chunk]:
        backend = self._backend
        assert backend is not None  # noqa: S101 - `stream` warmed it
        call = secrets.token_hex(8)
        stream: AsyncIterator[Any] | None = None
        try:
            async with asyncio.timeout_at(self._by(run, self._limits.first_s)):
                stream = await backend.open(call, rendered, run.prompt, with_tools=run.with_tools)
            limit_s = self._limits.first_s
            while True:
                try:
                    async with asyncio.timeout_at(self._by(run, limit_s)):
                        piece = await anext(stream)
                except StopAsyncIteration:
                    break
                limit_s = self._limits.between_s
                for chunk in pieces.add(piece):
                    run.given = True
                    yield chunk
            for chunk in pieces.rest():
                run.given = True
                yield chunk
            self._judge_end(pieces, run, over=backend.is_over(call))
        finally:
            # First the connection, then its readers: closing a reader that waits would wait with it.
            await backend.hang_up(call)
            if isinstance(stream, AsyncGenerator):
                with contextlib.suppress(RuntimeError):
                    await stream.aclose()
            run.spend(pieces.usage)

    def _by(self, run: _Run, limit_s: float) -> float:
        return min(run.deadline, asyncio.get_running_loop().time() + limit_s)

    def _judge_end(self, pieces: Pieces, run: _Run, *, over: bool) -> None:
        if pieces.finish in _COMPLETE:
            return
        # Several servers give no reason. A body that merely ends says nothing: without chunks, a cut looks the same.
        if pieces.finish == "" and over and pieces.is_whole:
            return
        if pieces.finish in _CUT:
            raise ModelFailed("the model's answer was longer than it may be", retryable=False)
        if pieces.finish == "content_filter":
            raise ModelFailed("the model's provider filtered the answer", retryable=False)
        if pieces.finish == "" and (run.given or not pieces.calls()):
            raise ConnectionError("the stream ended before the answer did")
        if pieces.finish == "":
            raise ConnectionError("the stream ended within a call")

    async def _repaired(self, run: _Run, broken: Sequence[RawCall]) -> list[tuple[RawCall, dict[str, Any]]]:
        """Tell the model once that arguments were no JSON. Its words are not shown; only those calls count.

        Raises:
            ModelFailed: they are none again.
        """
        tools = {call.tool for call in broken}
        logger.warning("model %s: arguments of %s are not JSON; asking once more", self.name, ", ".join(sorted(tools)))
        rendered = [*messages(run.prompt, self._mark_key), *_complaint(broken)]
        pieces = Pieces()
        try:
            async with contextlib.aclosing(self._attempt(run, rendered, pieces)) as chunks:
                async for _ in chunks:
                    pass
        except ModelFailed:
            raise
        except Exception as error:  # noqa: BLE001 - as in _answer
            failure = failure_of(error, self._outside.now_s())
            logger.warning("model %s: %s (%s)", self.name, failure.said, redacted(error, self._key))
            raise ModelFailed(failure.said, retryable=failure.retryable and not run.given) from None
        good, still = _sorted([call for call in pieces.calls() if call.tool in tools])
        if still or not good:
            raise ModelFailed("the model wrote a call that cannot be read, twice", retryable=not run.given)
        return good


def _sorted(calls: Sequence[RawCall]) -> tuple[list[tuple[RawCall, dict[str, Any]]], list[RawCall]]:
    """The calls whose arguments are an object, with them; and the others."""
    parsed = [(call, arguments(call.args)) for call in calls]
    return [(call, args) for call, args in parsed if args is not None], [call for call, args in parsed if args is None]


def _complaint(broken: Sequence[RawCall]) -> list[Message]:
    # The broken text stands in the tool's answer: servers that parse old calls for their template refuse it as arguments.
    ids = [call_id(f"{number}{call.id}") for number, call in enumerate(broken)]
    asked = tuple(Asked(known, call.tool, "{}") for known, call in zip(ids, broken, strict=True))
    return [
        Message("assistant", "", asked),
        *(
            Message(
                "tool",
                "Not run: the arguments are not one valid JSON object. Make this call again with valid JSON and write "
                f"nothing else. You wrote: {call.args[:500]}",
                call=known,
            )
            for known, call in zip(ids, broken, strict=True)
        ),
    ]
