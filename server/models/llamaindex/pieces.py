"""Pieces: what a LlamaIndex stream gives out, piece by piece, as our chunks.

Pure, and it imports no LlamaIndex: it looks at what each piece holds. Arguments are parsed when the answer is complete.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from server.models.llamaindex.flows import chunk_for
from server.models.llamaindex.render import HAND_OVER, MAX_CHOICE_CHARS, MAX_CHOICES, OFFER_CHOICES, PASS_ON, REASONS
from server.ports import Call, Choices, Chunk, HandOver, PassOn, Prompt, Text, Thinking, Usage

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"


@dataclass(slots=True)
class RawCall:
    """A call as it was written so far."""

    id: str = ""
    tool: str = ""
    args: str = ""


@dataclass(slots=True)
class Pieces:
    """One answer while it comes in. `finish` is the provider's reason, "" while it has given none."""

    finish: str = ""
    usage: Usage | None = None
    said: bool = False
    """Whether there was text, beside thinking."""
    _calls: dict[int, RawCall] = field(default_factory=dict)
    _blocks: Sequence[RawCall] = ()
    _think: "_ThinkTags" = field(default_factory=lambda: _ThinkTags())

    def add(self, piece: Any) -> list[Chunk]:  # noqa: ANN401 - a ChatResponse of whichever LlamaIndex is installed
        """The chunks of one ChatResponse."""
        chunks: list[Chunk] = []
        extra = dict(getattr(piece.message, "additional_kwargs", None) or {})
        more = dict(piece.additional_kwargs or {})
        # openai and openai-like: on the response; anthropic 0.12: on its message.
        thinking = more.get("thinking_delta") or extra.get("thinking_delta")
        if thinking:
            chunks.append(Thinking(thinking))
        if piece.delta:
            chunks += self._heard(self._think.split(piece.delta))
        choices = getattr(piece.raw, "choices", None)
        if choices is not None:
            self._openai(piece.raw, choices)
        else:
            self._by_blocks(piece.message, extra)
        return chunks

    def restart(self) -> None:
        """Forget an attempt of which nothing came out."""
        self.finish, self.usage, self.said = "", None, False
        self._calls, self._blocks, self._think = {}, (), _ThinkTags()

    def rest(self) -> list[Chunk]:
        """What was held back at the end of the text."""
        return self._heard(self._think.rest())

    def _heard(self, chunks: list[Chunk]) -> list[Chunk]:
        self.said = self.said or any(isinstance(chunk, Text) and chunk.text.strip() for chunk in chunks)
        return chunks

    @property
    def is_whole(self) -> bool:
        """Whether it can stand as an answer: there is text or a call, and no call is half written."""
        calls = self.calls()
        return (self.said or bool(calls)) and all(arguments(call.args) is not None for call in calls)

    def calls(self) -> list[RawCall]:
        """The calls of the answer, in the order in which they were begun."""
        return [call for call in (self._calls.values() if self._calls else self._blocks) if call.tool]

    def _openai(self, raw: Any, choices: Sequence[Any]) -> None:  # noqa: ANN401 - openai's chunk
        if getattr(raw, "usage", None) is not None:
            cost = getattr(raw.usage, "cost", None)
            self.usage = Usage(
                raw.usage.prompt_tokens or 0,
                raw.usage.completion_tokens or 0,
                str(cost) if isinstance(cost, int | float) else None,
            )
        for choice in choices:
            self.finish = choice.finish_reason or self.finish
            # From the raw chunk: LlamaIndex 0.8 reads only the first call of a chunk and mixes up interleaved ones.
            for delta in getattr(choice.delta, "tool_calls", None) or ():
                self._extend(delta)

    def _extend(self, delta: Any) -> None:  # noqa: ANN401 - openai's ChoiceDeltaToolCall
        index = delta.index if delta.index is not None else max(self._calls, default=0)
        call = self._calls.get(index)
        # Some servers give every call the index 0: a second id there begins another call.
        if call is not None and delta.id and call.id and delta.id != call.id:
            known = next((at for at, other in self._calls.items() if other.id == delta.id), None)
            index = known if known is not None else max(self._calls) + 1
            call = self._calls.get(index)
        if call is None:
            call = self._calls[index] = RawCall()
        call.id = call.id or delta.id or ""
        if delta.function is not None:
            call.tool = call.tool or delta.function.name or ""
            call.args += delta.function.arguments or ""

    def _by_blocks(self, message: Any, extra: Mapping[str, Any]) -> None:  # noqa: ANN401 - a ChatMessage
        """Every other provider: the blocks hold all calls so far; anthropic's end and usage are on the message."""
        blocks = [block for block in message.blocks if getattr(block, "block_type", "") == "tool_call"]
        if blocks:
            self._blocks = [
                RawCall(block.tool_call_id or "", block.tool_name, _text(block.tool_kwargs)) for block in blocks
            ]
        self.finish = extra.get("stop_reason") or self.finish
        usage = extra.get("usage")
        if isinstance(usage, Mapping):
            self.usage = Usage(usage.get("input_tokens") or 0, usage.get("output_tokens") or 0)


def _text(args: object) -> str:
    return args if isinstance(args, str) else orjson.dumps(args).decode()


def arguments(text: str) -> dict[str, Any] | None:
    """The arguments as an object; None when they are none. Nothing at all, and `null`, is an empty object."""
    value: Any = text.strip() or "{}"
    for _ in range(2):  # some models write the object as a JSON text inside JSON
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(value, str):
            break
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def chunk_of(call: RawCall, args: Mapping[str, Any], number: int, prompt: Prompt) -> Chunk:
    """The chunk that a complete call is: of our own functions something else than a Call. A nameless id gets a number."""
    if call.tool == HAND_OVER:
        reason = args.get("reason")
        return HandOver(reason if reason in REASONS else "unknown")
    if call.tool == PASS_ON:
        return PassOn(str(args.get("agent") or ""), str(args.get("why") or ""))
    if call.tool == OFFER_CHOICES:
        texts = args.get("texts")
        said = [text.strip()[:MAX_CHOICE_CHARS] for text in texts or () if isinstance(text, str)]
        return Choices(tuple(dict.fromkeys(text for text in said if text))[:MAX_CHOICES])
    return chunk_for(call.tool, args, prompt) or Call(call.id or f"call-{number}", call.tool, args)


class _ThinkTags:
    """Splits `<think>…</think>` off the beginning of a text: local servers without a reasoning parser leave it there."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"

    def split(self, delta: str) -> list[Chunk]:
        if self._state == "text":
            return [Text(delta)]
        self._held += delta
        if self._state == "after":
            return self._become_text()
        if self._state == "start":
            begin = self._held.lstrip()
            if len(begin) < len(_OPEN) and _OPEN.startswith(begin):
                return []
            if not begin.startswith(_OPEN):
                return self._become_text()
            self._state, self._held = "thinking", begin[len(_OPEN) :]
        thought, found, after = self._held.partition(_CLOSE)
        if found:
            self._held = after
            self._state = "after"
            return [*_thoughts(thought), *self._become_text()]
        # The end of what is held may be the beginning of the closing tag.
        keep = next((n for n in range(len(_CLOSE) - 1, 0, -1) if self._held.endswith(_CLOSE[:n])), 0)
        ready = self._held[: len(self._held) - keep]
        self._held = self._held[len(ready) :]
        return _thoughts(ready)

    def rest(self) -> list[Chunk]:
        held, self._held = self._held, ""
        return _thoughts(held) if self._state == "thinking" else ([Text(held)] if held else [])

    def _become_text(self) -> list[Chunk]:
        # White space between the thinking and the answer belongs to neither.
        text = self._held if self._state == "start" else self._held.lstrip()
        if self._state == "after" and not text:
            self._held = ""
            return []
        self._held, self._state = "", "text"
        return [Text(text)] if text else []


def _thoughts(text: str) -> list[Chunk]:
    return [Thinking(text)] if text else []
