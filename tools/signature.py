"""From the signature of a Python tool to the pydantic model of its arguments.

Pure: it looks at functions and never calls them.
"""

import inspect
import re
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import pydantic
from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import GenerateJsonSchema

from tools.types import Caller, Json

_NOT_AN_ARGUMENT: Final = frozenset(
    {"customer", "customers", "customerid", "customerids", "customerno", "customernumber", "customerref", "userid"}
)
"""Compared without case, `_` and `-`. Who the customer is comes from `Caller`; a model must never choose it."""


class BadTool(TypeError):
    """A function that cannot be a tool. The message begins with `where`, which is `file:line`.

    `key`: of an entry in a file, the key in it that is wrong; empty for the whole entry.
    """

    def __init__(self, where: str, message: str, key: str = "") -> None:
        super().__init__(f"{where}: {message}")
        self.where = where
        self.message = message
        self.key = key


def place(fn: Callable[..., Any]) -> str:
    """Where the function is written, as `file:line`."""
    code = inspect.unwrap(fn).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def arguments(fn: Callable[..., Any], name: str, local: Mapping[str, Any]) -> type[BaseModel]:
    """The model of a tool's arguments: every parameter but the first, which is `caller: Caller`.

    `local` is the name space in which the function was written, for annotations that are text.

    Raises:
        BadTool: the signature is none that a tool can have.

    """
    where = place(fn)
    if not inspect.iscoroutinefunction(fn):
        raise BadTool(where, f"{name} must be an async function: write `async def {name}(caller: Caller, …)`")
    parameters = list(inspect.signature(fn).parameters.values())
    hints = _hints(fn, name, local)
    first = parameters[0] if parameters else None
    if first is None or first.name != "caller" or hints.get("caller") is not Caller:
        got = f"got `{first}`" if first else "it has none"
        raise BadTool(where, f"the first parameter of {name} must be `caller: Caller`, {got}")
    fields: dict[str, Any] = {}
    for parameter in parameters[1:]:
        _check(parameter, hints, where, name)
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    # Models write 1042 where "1042" is meant, and pad with blanks: both are harmless to accept.
    config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, str_strip_whitespace=True, protected_namespaces=())
    try:
        model: type[BaseModel] = pydantic.create_model(f"{name}_args", __config__=config, **fields)
        schema = model.model_json_schema()
    except (pydantic.errors.PydanticUserError, TypeError, ValueError, NameError) as error:
        reason = str(error).splitlines()[0]
        raise BadTool(where, f"the parameters of {name} have no JSON schema: {reason}") from error
    for key in _property_names(schema):
        if re.sub(r"[_\-]", "", key).lower() in _NOT_AN_ARGUMENT:
            raise BadTool(
                where,
                f"{name} takes `{key}`; no tool takes a customer id. Who is asking is in `caller.customer`, "
                "which a model cannot forge",
            )
    return model


def result_schema(fn: Callable[..., Any], local: Mapping[str, Any]) -> dict[str, Any] | None:
    """JSON Schema of what the tool returns, or None where it does not say so."""
    returns = _hints(fn, fn.__name__, local).get("return", Any)
    if returns is Any or returns is type(None):
        return None
    try:
        return pydantic.TypeAdapter(returns).json_schema(mode="serialization", schema_generator=Untitled)
    except pydantic.errors.PydanticUserError:
        return None


def fitting(fn: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that the function names among its parameters; all of them if it takes `**`."""
    parameters = inspect.signature(fn).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(values)
    return {parameter.name: values[parameter.name] for parameter in parameters if parameter.name in values}


def check_beside(fn: Callable[..., Any], what: str, name: str, given: Sequence[str], fields: Collection[str]) -> None:
    """Whether a function can stand beside the tool `name`, as its `reconcile` or `undo` (`what`).

    It is async, takes the parameters `given` first, and after them only arguments of the tool's (`fields`).

    Raises:
        BadTool: it does not.
    """
    if not inspect.iscoroutinefunction(fn):
        raise BadTool(_somewhere(fn), f"{name}: {what} must be an async function, got {fn!r}")
    parameters = list(inspect.signature(fn).parameters.values())
    if [parameter.name for parameter in parameters[: len(given)]] != list(given):
        raise BadTool(place(fn), f"{name}: the parameters of {what} must begin with {', '.join(given)}")
    for parameter in parameters[len(given) :]:
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        if parameter.name not in fields or parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise BadTool(
                place(fn),
                f"{name}: {what} has `{parameter}`; it may take the tool's own arguments: {', '.join(fields) or 'none'}",
            )


def _somewhere(fn: object) -> str:
    return place(fn) if inspect.isfunction(fn) else "?:1"


class Untitled(GenerateJsonSchema):
    """JSON Schema without the titles that pydantic derives from names: they say nothing new and cost tokens."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - the signature is pydantic's
        """Never."""
        return False

    def _update_class_schema(self, json_schema: dict[str, Any], cls: type[Any], config: ConfigDict) -> None:
        super()._update_class_schema(json_schema, cls, config)
        if json_schema.get("title") == cls.__name__:
            del json_schema["title"]


def _hints(fn: Callable[..., Any], name: str, local: Mapping[str, Any]) -> dict[str, Any]:
    closure = inspect.getclosurevars(inspect.unwrap(fn)).nonlocals
    try:
        return typing.get_type_hints(fn, localns={**local, **closure}, include_extras=True)
    except (NameError, TypeError, SyntaxError, AttributeError) as error:
        raise BadTool(place(fn), f"an annotation of {name} cannot be read: {error}") from error


def _check(parameter: inspect.Parameter, hints: Mapping[str, Any], where: str, tool: str) -> None:
    name = parameter.name
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
        raise BadTool(where, f"{tool} has `{parameter}`; a model needs every argument by its own name")
    if name not in hints:
        raise BadTool(where, f"{tool}: parameter `{name}` has no annotation; write for example `{name}: str`")
    if hints[name] is Caller:
        raise BadTool(where, f"{tool}: parameter `{name}` is a second Caller; there is only one, and it comes first")
    if name.startswith("_") or hasattr(BaseModel, name):
        raise BadTool(where, f"{tool}: a parameter cannot be called `{name}` (pydantic uses the name); choose another")


def _property_names(schema: Json) -> set[str]:
    """All names of properties in a JSON schema, at every depth."""
    names: set[str] = set()
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            names.update(properties)
        for value in schema.values():
            names |= _property_names(value)
    elif isinstance(schema, list):
        for value in schema:
            names |= _property_names(value)
    return names
