"""Undo: from a tool that can be taken back, the tool that does it; a tool like any other, with a rule of its own.

Pure: it runs nothing and decides no permission. Which call is meant, and what it had returned, is the runtime's to know.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from tools import words
from tools.signature import fitting
from tools.spec import ToolSpec, values_of
from tools.types import Caller, Json, ToolError

PREFIX: Final = "undo_"


def undo_spec(spec: ToolSpec) -> ToolSpec:
    """The tool `undo_NAME`, made from a tool with `undo`. It takes the id of the call to take back.

    It writes, so without a rule of its own staff must approve it; it needs callers to be known as well as the tool
    itself does. It is run by way of `undoing`.
    """
    what = words.sentence(spec.name)

    async def not_bound(caller: Caller, call: str) -> Json:  # noqa: ARG001 - the signature is that of a tool
        raise ToolError(f"There is no call of {spec.name} to take back.")

    return ToolSpec(
        name=PREFIX + spec.name,
        description=f"Take back a call of {spec.name}, until {_span(spec.undo_s)} after it. Only if the customer asks for it.",
        scope=spec.scope,
        effect="write",
        fn=not_bound,
        args_model=_arguments(spec.name),
        needs=spec.needs,
        timeout_s=spec.timeout_s,
        retries=spec.retries,
        label={"en": f"Taking back: {what}", "de": f"Rückgängig machen: {what}"},
        aliases=tuple(PREFIX + alias for alias in spec.aliases),
        max_output_chars=spec.max_output_chars,
        circuit=spec.circuit or f"tool {spec.name}",
        undo_s=spec.undo_s,
        undoes=spec.name,
        where=spec.where,
    )


def undoing(undo: ToolSpec, original: ToolSpec, args: Mapping[str, Any], result: Json) -> ToolSpec:
    """The undo tool bound to one call of the original tool, with its arguments and its result as stored: ready for `run`.

    Raises:
        ToolError: the arguments no longer fit the tool, so that it cannot be taken back automatically.
        ValueError: `undo` is not the undo tool of `original`.
    """
    takes_back = original.undo
    if undo.undoes != original.name or takes_back is None:
        raise ValueError(f"expected the undo tool of {original.name}, got {undo.name}")
    values = fitting(takes_back, values_of(original.validate(args)))

    async def bound(caller: Caller, call: str) -> Json:  # noqa: ARG001 - the runtime has found the call that is meant
        return await takes_back(caller, result, **values)

    return replace(undo, fn=bound)


def undo_refused(undo: ToolSpec, *, tool: str, ok: bool, ended_ms: int | None, undone: bool, now_ms: int) -> str | None:
    """Why this call (of `tool`, ended at `ended_ms`) cannot be taken back, as a sentence for the model; None: it can.

    `undone`: an undo of it has succeeded, or is under way, or ended nobody knows how.
    """
    if tool != undo.undoes:
        return f"That was not a call of {undo.undoes}."
    if not ok or ended_ms is None:
        return "That call did not succeed, so there is nothing to take back."
    if undone:
        return "That call has been taken back already, or somebody is doing so."
    if now_ms - ended_ms > undo.undo_s * 1000:
        return f"That call can no longer be taken back: it was possible for {_span(undo.undo_s)}."
    return None


def _arguments(name: str) -> type[BaseModel]:
    described = Field(min_length=1, max_length=200, description=f"the id of the call of {name} to take back")
    config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    made: type[BaseModel] = pydantic.create_model(
        f"{PREFIX}{name}_args", __config__=config, call=(Annotated[str, described], ...)
    )
    return made


def _span(seconds: float) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{round(seconds)} seconds"
