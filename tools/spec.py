"""ToolSpec: what is known about a tool; `tool`: the decorator that makes one from a Python function.

Pure: it runs no tool and decides nothing.
"""

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, Final, TypeVar, get_args

import jinja2
from pydantic import BaseModel, ValidationError

from tools import words
from tools.signature import BadTool, Untitled, arguments, check_beside, place, result_schema
from tools.types import LEVELS, Ask, Effect, Level, ToolError

F = TypeVar("F", bound=Callable[..., Any])

MAX_NAME_CHARS: Final = 64
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")  # what OpenAI and Anthropic accept as a function's name
_SCOPE: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")

MAX_TIMEOUT_S: Final = 60.0
"""A turn's own default limit: a single tool cannot have longer than the whole turn."""
MAX_UNDO_S: Final = 30 * 86400.0
"""Taking back after that is a new matter, with rules of its own."""
MAX_RETRIES: Final = 5
"""With full jitter up to 5 s between them, more would outlast a customer's patience."""


@dataclass(frozen=True)
class ToolSpec:
    """A function that the agent may call, with its scope, effect and limits. Made by `@tool`."""

    name: str
    description: str
    """For the model: the function's docstring."""
    scope: str
    effect: Effect
    fn: Callable[..., Any]
    args_model: type[BaseModel]
    """The arguments without `caller`; constraints and descriptions as in the signature; unknown ones are refused."""
    result_schema: Mapping[str, Any] | None = None
    """JSON Schema of what it returns, where the signature says so."""
    ask: Ask | None = None
    needs: Level = "anonymous"
    idempotent: bool = False
    """Whether running it again with the same `caller.call` has no second effect."""
    timeout_s: float = 10.0
    """For one attempt."""
    retries: int = 0
    """Further attempts after a failure that is no ToolError, only where that is safe: see `tools.run`."""
    examples: tuple[str, ...] = ()
    """Customer messages that should start this tool."""
    reply: str = ""
    """Sandboxed jinja2 over `result`, `args`, `caller`: the offline engine's answer."""
    label: words.Text = ""
    """Sandboxed jinja2 over the arguments: what a customer reads while it runs. Per language possible."""
    aliases: tuple[str, ...] = ()
    """Names it had before: the registry, and rules in tools.yaml, still find it under them."""
    max_output_chars: int = 8000
    """Of the result as compact JSON; about 2,000 tokens. Longer results are cut, and say so."""
    amount: str = "amount"
    """The argument that holds the money it moves, for `auto_up_to` and the daily limits."""
    reconcile: Callable[..., Any] | None = None
    """`async def (caller, **args)`: what the call `caller.call` has returned, or None: it did not happen, and will not."""
    undo: Callable[..., Any] | None = None
    """`async def (caller, result, **args)`: takes back the call that had these arguments and this result."""
    undo_s: float = 3600.0
    """How long after its end a call can be taken back."""
    fallback: str | None = None
    """What to do when it fails: the name of another tool, or a sentence to say."""
    circuit: str = ""
    """The system that it talks to, which other tools may talk to as well: they are left alone together when it is silent.
    Empty: a system of its own."""
    undoes: str | None = None
    """The tool whose calls this one takes back; None for every tool that was not made from another's `undo`."""
    where: str = ""
    """`file:line` of the function."""

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments, as models get it: no `caller`, `"additionalProperties": false`."""
        return self.args_model.model_json_schema(schema_generator=Untitled)

    @property
    def has_amount(self) -> bool:
        """Whether the tool has an argument that holds money."""
        return self.amount in self.args_model.model_fields

    def validate(self, args: Mapping[str, Any]) -> BaseModel:
        """The arguments as an instance of `args_model`.

        Raises:
            ToolError: they are wrong; the message says which and why, so that a model can do better.

        """
        try:
            return self.args_model.model_validate(dict(args))
        except ValidationError as error:
            raise ToolError(self._explain(error)) from None

    def amount_of(self, args: BaseModel) -> Decimal | None:
        """The money that a call would move, or None when its arguments do not say."""
        value = getattr(args, self.amount, None)
        value = getattr(value, "amount", value)  # a Money record: {amount, currency}
        if value is None:
            return None
        try:
            return value if isinstance(value, Decimal) else Decimal(str(value))
        except InvalidOperation:
            return None

    def currency_of(self, args: BaseModel) -> str | None:
        """The currency that a call names for its amount, in upper case: in a Money record, or beside a plain number."""
        named = getattr(getattr(args, self.amount, None), "currency", None) or getattr(args, "currency", None)
        return str(getattr(named, "value", named)).upper() if named else None

    @property
    def names_currency(self) -> bool:
        """Whether a call can say of which currency its amount is."""
        fields = self.args_model.model_fields
        if "currency" in fields:
            return True
        inner = get_args(fields[self.amount].annotation) or (fields[self.amount].annotation,) if self.has_amount else ()
        return any("currency" in getattr(kind, "model_fields", ()) for kind in inner)

    def label_for(self, args: Mapping[str, Any], locale: str = "en") -> str:
        """A sentence that a customer may read, such as "Looking up order 1042", in this language if there is one; never raises."""
        label = words.text_in(self.label, locale) if self.label else ""
        return (words.line(label, {**args, "args": args}) if label else None) or words.sentence(self.name)

    def _explain(self, error: ValidationError) -> str:
        taken = ", ".join(self.json_schema.get("properties", {})) or "none"
        parts = []
        for item in error.errors(include_url=False, include_context=False)[:5]:
            path = ".".join(str(step) for step in item["loc"]) or "arguments"
            if item["type"] == "extra_forbidden":
                parts.append(f"{path}: not an argument of {self.name} (it takes: {taken})")
            elif item["type"] == "missing":
                parts.append(f"{path}: is required")
            else:
                got = repr(item["input"])
                parts.append(f"{path}: {item['msg']}, got {got if len(got) <= 80 else got[:79] + '…'}")
        return f"Wrong arguments for {self.name}. " + "; ".join(parts) + "."


def values_of(args: BaseModel) -> dict[str, Any]:
    """Checked arguments as a tool's function gets them."""
    return {name: getattr(args, name) for name in type(args).model_fields}


def tool(  # noqa: PLR0913 - keyword-only: this is the form in which a merchant's developer describes a tool
    *,
    scope: str,
    effect: Effect,
    ask: Ask | None = None,
    needs: Level = "anonymous",
    idempotent: bool = False,
    timeout_s: float = 10.0,
    retries: int = 0,
    examples: Sequence[str] = (),
    reply: str = "",
    label: words.Text = "",
    name: str | None = None,
    aliases: Sequence[str] = (),
    max_output_chars: int = 8000,
    amount: str = "amount",
    reconcile: Callable[..., Any] | None = None,
    undo: Callable[..., Any] | None = None,
    undo_s: float = 3600.0,
    fallback: str | None = None,
) -> Callable[[F], F]:
    """Make an async function a tool. The function stays callable as it was; its `spec` is the ToolSpec.

    The fields are described at ToolSpec. `caller: Caller` is the first parameter; every other one needs an annotation,
    and `Annotated[…, Field(…)]` says more about it.

    Raises:
        BadTool: from the decorator, with `file:line`, when the function or a field cannot be a tool's.

    """
    frame = sys._getframe(1)  # annotations that are text may name what is only known where the tool is written
    local = dict(frame.f_locals)

    def decorate(fn: F) -> F:
        if not inspect.isfunction(fn):
            raise BadTool(f"{frame.f_code.co_filename}:{frame.f_lineno}", f"@tool expects a function, got {fn!r}")
        called = name or fn.__name__
        spec = ToolSpec(
            name=called,
            description=inspect.cleandoc(fn.__doc__ or "") or words.sentence(called) + ".",
            scope=scope,
            effect=effect,
            fn=fn,
            args_model=arguments(fn, called, local),
            result_schema=result_schema(fn, local),
            ask=ask,
            needs=needs,
            idempotent=idempotent,
            timeout_s=timeout_s,
            retries=retries,
            examples=_texts("examples", examples, fn),
            reply=reply,
            label=label,
            aliases=_texts("aliases", aliases, fn),
            max_output_chars=max_output_chars,
            amount=amount,
            reconcile=reconcile,
            undo=undo,
            undo_s=undo_s,
            fallback=fallback,
            where=place(fn),
        )
        _check(spec)
        fn.spec = spec  # type: ignore[attr-defined]
        return fn

    return decorate


def _texts(what: str, values: Sequence[str], fn: Callable[..., Any]) -> tuple[str, ...]:
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise BadTool(place(fn), f"{what} must be a list of texts, got {values!r}")
    return tuple(values)


def _check(spec: ToolSpec) -> None:
    """Raise BadTool at the first field that cannot be."""
    fields = spec.args_model.model_fields.keys()
    expectations = (
        (
            all(_NAME.fullmatch(name) for name in (spec.name, *spec.aliases)),
            "name",
            "letters, digits, _ and -",
            spec.name,
        ),
        (_SCOPE.fullmatch(spec.scope), "scope", "words with dots, such as orders.read", spec.scope),
        (spec.effect in get_args(Effect), "effect", "read, write or money", spec.effect),
        (spec.needs in LEVELS, "needs", "anonymous, identified or step_up", spec.needs),
        (0 < spec.timeout_s <= MAX_TIMEOUT_S, "timeout_s", f"more than 0, at most {MAX_TIMEOUT_S:g}", spec.timeout_s),
        (0 <= spec.retries <= MAX_RETRIES, "retries", f"0 to {MAX_RETRIES}", spec.retries),
        (spec.max_output_chars >= 200, "max_output_chars", "at least 200", spec.max_output_chars),
        (spec.ask is None or isinstance(spec.ask, Ask), "ask", "Ask(…) or None", spec.ask),
        (0 < spec.undo_s <= MAX_UNDO_S, "undo_s", f"more than 0, at most {MAX_UNDO_S:.0f} (30 days)", spec.undo_s),
        (spec.fallback is None or spec.fallback.strip(), "fallback", "a tool's name or a sentence", spec.fallback),
    )
    for holds, field, expected, got in expectations:
        if not holds:
            raise BadTool(spec.where, f"{spec.name}: {field} must be {expected}, got {got!r}")
    if spec.reconcile is not None:
        check_beside(spec.reconcile, "reconcile", spec.name, ("caller",), fields)
    if spec.undo is not None:
        check_beside(spec.undo, "undo", spec.name, ("caller", "result"), fields)
        if spec.effect == "read":
            raise BadTool(spec.where, f"{spec.name}: undo has nothing to take back, since the effect is read")
        if any(not _NAME.fullmatch(f"undo_{name}") for name in (spec.name, *spec.aliases)):
            raise BadTool(spec.where, f"{spec.name}: with undo, a name has at most 59 characters")
    if not (isinstance(spec.label, str) or (spec.label and all(isinstance(one, str) for one in spec.label.values()))):
        raise BadTool(spec.where, f"{spec.name}: label must be a text, or texts by language, got {spec.label!r}")
    labels = [("label", source, words.template) for source in words.texts_of(spec.label)]
    for field, source, check in (("reply", spec.reply, words.check), *labels):
        try:
            check(source)
        except jinja2.TemplateSyntaxError as error:
            raise BadTool(spec.where, f"{spec.name}: {field}, line {error.lineno}: {error.message}") from error
