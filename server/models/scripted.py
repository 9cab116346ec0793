"""Scripted: a model for tests that does what a script says: speaks, calls, pauses, hangs, fails, never ends.

Not for shops: it understands nothing. Deterministic; the only clock is the pauses that a script asks for.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from server.ports import (
    Call,
    Choices,
    Chunk,
    HandOver,
    Heard,
    ModelFailed,
    PassOn,
    Prompt,
    Start,
    Text,
    Thinking,
    Usage,
)


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many milliseconds; 0 only lets other tasks run."""

    ms: float = 0


@dataclass(frozen=True, slots=True)
class Hang:
    """Wait until the stream is closed or cancelled."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The steps again and again; `times` None means without end. Other tasks may run after each round."""

    steps: "Sequence[Step]"
    times: int | None = None


Step = Chunk | Pause | Hang | Repeat | asyncio.Event | Callable[[], Awaitable[object]] | Exception
"""A chunk is given out, an event or a function's awaitable is waited for, an exception is raised."""

Script = Sequence[Sequence[Step]] | Callable[[Prompt], Sequence[Step]]
"""What each call does, in order; or a function of the prompt."""


def words(tokens: int, interval_ms: float = 0) -> list[Step]:
    """So many numbered words, one chunk each: `word1 word2 …`; afterwards every lost or doubled one can be named."""
    steps: list[Step] = []
    for number in range(1, tokens + 1):
        steps.append(Text(f"word{number}" if number == 1 else f" word{number}"))
        steps.append(Pause(interval_ms))
    return steps


class Scripted:
    """A `server.ports.Model` that follows a script.

    `prompts` are those it was given, `streams` is how many are running now: a test sees whether an early end freed them.
    """

    quotes_only = True
    """A test wants to see what its script says, numbers and all."""

    def __init__(self, script: Script, *, name: str = "scripted") -> None:
        """Take a list of steps for each call, or a function from the prompt to the steps."""
        self.name = name
        self.prompts: list[Prompt] = []
        self.streams = 0
        self._script = script

    @classmethod
    def load(cls, path: Path) -> "Scripted":
        """The model of a JSON file (docs/models.md), for servers that run in a process of their own.

        Raises:
            ValueError: the file is missing or not such a script; says where.
        """
        try:
            rules = _File.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValidationError, ValueError) as error:
            raise ValueError(f"{path}: expected a script for the scripted model: {error}") from error
        return cls(rules.steps, name=f"scripted:{path.name}")

    async def stream(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        """Do the steps of this call.

        Raises:
            ModelFailed: a step says so, or the script has no steps left.
        """
        number = len(self.prompts)
        self.prompts.append(prompt)
        if callable(self._script):
            steps = self._script(prompt)
        elif number < len(self._script):
            steps = self._script[number]
        else:
            raise ModelFailed(f"the script has {len(self._script)} calls, got another", retryable=False)
        self.streams += 1
        try:
            async with aclosing(_perform(steps)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self.streams -= 1


async def _perform(steps: Sequence[Step]) -> AsyncGenerator[Chunk]:
    for step in steps:
        if isinstance(step, Text | Thinking | Call | Choices | HandOver | PassOn | Start | Heard | Usage):
            yield step
        elif isinstance(step, Repeat):
            rounds = 0
            while step.times is None or rounds < step.times:
                rounds += 1
                async with aclosing(_perform(step.steps)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                await asyncio.sleep(0)
        elif isinstance(step, Exception):
            raise step
        else:
            await _wait(step)


async def _wait(step: Pause | Hang | asyncio.Event | Callable[[], Awaitable[object]]) -> None:
    match step:
        case Pause(ms):
            await asyncio.sleep(ms / 1000)
        case Hang():
            await asyncio.Event().wait()
        case asyncio.Event():
            await step.wait()
        case _:
            await step()


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _CallStep(_Strict):
    tool: str
    args: Mapping[str, Any] = {}
    id: str | None = None


class _UsageStep(_Strict):
    input_tokens: int = 0
    output_tokens: int = 0
    cost: str | None = None


class _FailStep(_Strict):
    message: str
    retryable: bool = False


class _RepeatStep(_Strict):
    steps: "list[_Step]"
    times: int | None = None


class _WordsStep(_Strict):
    tokens: Annotated[int, Field(ge=0)]
    interval_ms: Annotated[float, Field(ge=0)] = 0


class _Step(_Strict):
    """One step: exactly one of these."""

    text: str | None = None
    thinking: str | None = None
    call: _CallStep | None = None
    choices: tuple[str, ...] | None = None
    hand_over: str | None = None
    pass_on: str | None = None
    usage: _UsageStep | None = None
    pause_ms: Annotated[float, Field(ge=0)] | None = None
    hang: Literal[True] | None = None
    fail: _FailStep | None = None
    words: _WordsStep | None = None
    repeat: _RepeatStep | None = None

    @model_validator(mode="after")
    def _one(self) -> "_Step":
        if len(self.model_fields_set) != 1:
            raise ValueError(f"expected exactly one of {', '.join(type(self).model_fields)} in a step")
        return self


class _Rule(_Strict):
    match: str
    """A regular expression, looked for in the newest customer message, upper and lower case alike."""
    knows: str = ""
    """One that must be found, too, in what anybody has said in the conversation, as far as the model is shown it."""
    steps: list[_Step] | None = None
    calls: list[list[_Step]] | None = None
    """The steps of the turn's first model call, its second …; the last entry counts for all that follow."""
    tokens: Annotated[int, Field(ge=0)] | None = None
    interval_ms: Annotated[float, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _one(self) -> "_Rule":
        if sum(part is not None for part in (self.steps, self.calls, self.tokens)) != 1 or self.calls == []:
            raise ValueError("expected exactly one of steps, calls, tokens in a rule")
        try:
            for pattern in (self.match, self.knows):
                re.compile(pattern)
        except re.error as error:
            raise ValueError(f"expected a regular expression, got {pattern!r}: {error}") from None
        return self

    def of_call(self, number: int) -> list[_Step]:
        if self.tokens is not None:
            return [_Step(words=_WordsStep(tokens=self.tokens, interval_ms=self.interval_ms))]
        if self.calls is not None:
            return self.calls[min(number, len(self.calls)) - 1]
        return self.steps or []


class _File(_Strict):
    rules: list[_Rule]
    """The first that matches is done; with none, the model fails."""

    def steps(self, prompt: Prompt) -> list[Step]:
        said = prompt.asked[-1] if prompt.asked else ""
        shown = "\n".join(line.text for line in prompt.history)
        for rule in self.rules:
            if re.search(rule.match, said, re.IGNORECASE) and re.search(rule.knows, shown, re.IGNORECASE):
                return _built(rule.of_call(prompt.call_no), prompt, said)
        return [ModelFailed("no rule of the script matches", retryable=False)]


def _built(given: Sequence[_Step], prompt: Prompt, said: str) -> list[Step]:
    steps: list[Step] = []
    for number, step in enumerate(given, 1):
        match step:
            case _Step(call=_CallStep() as call):
                steps.append(Call(call.id or f"{prompt.seed}-{prompt.call_no}-{number}", call.tool, call.args))
            case _Step(usage=_UsageStep() as usage):
                steps.append(Usage(usage.input_tokens, usage.output_tokens, usage.cost))
            case _Step(fail=_FailStep() as fail):
                steps.append(ModelFailed(fail.message, retryable=fail.retryable))
            case _Step(words=_WordsStep() as run):
                steps.extend(words(run.tokens, run.interval_ms))
            case _Step(repeat=_RepeatStep() as repeat):
                steps.append(Repeat(_built(repeat.steps, prompt, said), repeat.times))
            case _:
                steps.append(_plain(step, prompt, said))
    return steps


def _plain(step: _Step, prompt: Prompt, said: str) -> Step:
    if step.text is not None:
        # {asked} lets a test see which message was answered, {result} what the last call gave.
        result = json.dumps(prompt.results[-1].result, default=str) if prompt.results else ""
        return Text(step.text.replace("{asked}", said).replace("{result}", result))
    if step.thinking is not None:
        return Thinking(step.thinking)
    if step.choices is not None:
        return Choices(step.choices)
    if step.hand_over is not None:
        return HandOver(step.hand_over)
    if step.pass_on is not None:
        return PassOn(step.pass_on, "the script says so")
    return Hang() if step.hang else Pause(step.pause_ms or 0)
