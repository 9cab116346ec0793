"""HTTP tools: from the `http` section of tools.yaml to ToolSpecs whose function is one guarded request.

It decides no permission and follows no redirect itself; what a model wrote is only ever a value, never a place.
"""

import base64
import codecs
import datetime
import logging
import urllib.parse
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import httpx
import orjson
import pydantic
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import SchemaError, to_jsonable_python

from tools import words
from tools.connectors import pick as picks
from tools.connectors.after import NotFound, reconcile_of, undo_of
from tools.connectors.client import Answer, Client, Request
from tools.connectors.config import HttpTool
from tools.connectors.described import Auth, CallerField, Param
from tools.signature import BadTool
from tools.spec import ToolSpec
from tools.types import AnswerLost, Caller, Json, NotSent, ToolError

log = logging.getLogger("shopbell.tools")

SIGN_IN: Final = "This is only possible for customers who are signed in."
REFUSED: Final = "The shop's system did not accept this; nothing was done."
BUSY: Final = "The shop's system is too busy at the moment; nothing was done."
MAX_SAID_CHARS: Final = 300
"""Of a foreign system's own words about an error."""

BACKSTOP_S: Final = 1.0
"""The connector's own time limit ends a call first, since it knows whether anything was sent; this is behind it."""

_TYPES: Final[Mapping[str, Any]] = {
    "string": str,
    "integer": int,
    "number": float,
    "decimal": Decimal,
    "boolean": bool,
    "date": datetime.date,
    "array": list[Annotated[str, Field(max_length=1000)]],
}


def http_spec(name: str, tool: HttpTool, client: Client, environment: Mapping[str, str], *, where: str) -> ToolSpec:
    """The tool, ready for a registry.

    Raises:
        BadTool: its arguments have no schema (a pattern that is none, a default that does not fit).
    """
    secret = secret_header(tool.auth, environment, where=where) if tool.auth is not None else None

    async def call(caller: Caller, **values: Any) -> Json:  # noqa: ANN401 - the arguments of args_model
        return await _call(name, tool, client, secret, caller, values)

    async def ask(other: HttpTool, caller: Caller, args: Mapping[str, Any]) -> Json:
        return await _call(name, other, client, secret, caller, args)

    call.__doc__ = tool.description
    return ToolSpec(
        name=name,
        description=tool.description,
        scope=tool.scope,
        effect=tool.effect,
        fn=call,
        args_model=_arguments(name, tool, where),
        needs=tool.needed,
        idempotent=tool.idempotent,
        timeout_s=tool.timeout_s + BACKSTOP_S,
        retries=tool.retries,
        examples=tool.examples,
        reply=tool.reply,
        label=tool.label,
        aliases=tool.aliases,
        max_output_chars=tool.max_output_chars,
        amount=tool.amount,
        reconcile=reconcile_of(name, tool, ask),
        undo=undo_of(name, tool, ask, where),
        undo_s=tool.undo_s,
        fallback=tool.fallback,
        circuit=_system(tool.url),
        where=where,
    )


def _system(url: str) -> str:
    """The host that a URL leads to, as `host:port`; placeholders are behind it."""
    found = httpx.URL(url.partition("{")[0])
    return f"{found.host}:{found.port or (443 if found.scheme == 'https' else 80)}"


def secret_header(auth: Auth, environment: Mapping[str, str], *, where: str) -> Callable[[], tuple[str, str]]:
    """A function that gives the header with the secret; hidden in a function, so that no text of an object shows it.

    It raises NotSent when the variable is not set.

    Raises:
        BadTool: the variable holds something that cannot be a header; the message does not show it.
    """
    value = environment.get(auth.env, "").strip()
    if not (value.isascii() and value.isprintable()):
        raise BadTool(where, f"the environment variable {auth.env} holds characters that no header can have")
    if auth.type == "basic" and value and ":" not in value:
        raise BadTool(where, f"the environment variable {auth.env} must hold user:password")

    def header() -> tuple[str, str]:
        if not value:
            raise NotSent(f"the environment variable {auth.env} is not set")
        if auth.type == "bearer":
            return "Authorization", f"Bearer {value}"
        if auth.type == "basic":
            return "Authorization", f"Basic {base64.b64encode(value.encode()).decode()}"
        assert auth.header is not None  # noqa: S101 - the model has looked
        return auth.header, value

    return header


def _arguments(name: str, tool: HttpTool, where: str) -> type[BaseModel]:
    config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, str_strip_whitespace=True, protected_namespaces=())
    fields: dict[str, Any] = {}
    for key, param in tool.params.items():
        try:
            fields[key] = _field(param)
        except pydantic.ValidationError as error:
            said = error.errors()[0]["msg"]
            raise BadTool(where, f"params.{key}.default: {said}, got {param.default!r}") from error
        except (pydantic.errors.PydanticUserError, SchemaError, TypeError, ValueError) as error:
            raise BadTool(where, f"params.{key}: {str(error).splitlines()[0]}") from error
    model: type[BaseModel] = pydantic.create_model(f"{name}_args", __config__=config, **fields)
    return model


def _field(param: Param) -> tuple[Any, Any]:
    """A parameter as pydantic's (annotation, default)."""
    kind: Any = Literal[param.enum] if param.enum else _TYPES[param.type]
    limits: dict[str, Any] = {}
    if not param.enum:
        if param.type in ("integer", "number", "decimal"):
            limits = {"ge": param.minimum, "le": param.maximum}
            if param.type != "decimal":
                limits = {key: None if value is None else float(value) for key, value in limits.items()}
            if param.type == "number":
                limits["allow_inf_nan"] = False
        elif param.type in ("string", "array"):
            limits = {"max_length": param.max_length, "pattern": param.pattern if param.type == "string" else None}
    extra = {"description": param.description or None, "examples": list(param.examples) or None}
    given = {key: value for key, value in {**limits, **extra}.items() if value is not None}
    annotation = Annotated[kind, Field(**given)]
    checked = pydantic.TypeAdapter(annotation)
    if param.default is not None:
        return annotation, checked.validate_python(param.default)
    return (annotation, ...) if param.required else (annotation | None, None)


async def _call(
    name: str,
    tool: HttpTool,
    client: Client,
    secret: Callable[[], tuple[str, str]] | None,
    caller: Caller,
    args: Mapping[str, Any],
) -> Json:
    """Send it and say what came back. ToolError and NotSent: nothing has happened. Anything else raised: that is open."""
    one_shot = tool.effect != "read" and not tool.idempotent
    request = build(tool, caller, args)
    if secret is not None:
        key, value = secret()
        request = Request(
            request.method, request.url, {**request.headers, key: value}, request.body, request.content_type
        )
    answer = await client.send(request, timeout_s=tool.timeout_s, once=one_shot)
    return judge(name, tool, answer, caller, args)


def build(tool: HttpTool, caller: Caller, args: Mapping[str, Any]) -> Request:
    """The request for a call, without its secret.

    Raises:
        ToolError: a value cannot stand where it belongs, or the caller is not signed in.
        ValueError: the call has no id to be its idempotency key.
    """
    path: dict[str, str] = {}
    query: list[tuple[str, str]] = [(key, _text(value)) for key, value in tool.query.items()]
    headers = dict(tool.headers)
    body: dict[str, Any] = to_jsonable_python(dict(tool.body))
    for name, value in args.items():
        if value is None:
            continue
        param = tool.params[name]
        target = param.send_as or name
        match tool.spot_of(name):
            case "path":
                path[name] = _segment(name, _text(value))
            case "query":
                query += [(target, _text(item)) for item in (value if isinstance(value, list) else [value])]
            case "header":
                headers[target] = _header_value(name, _text(value))
            case "body":
                _put(body, target, to_jsonable_python(value))
    for spot, name, field in tool.caller_spots():
        text = of_caller(caller, field)
        match spot:
            case "path":
                path[name] = _segment(field, text)
            case "query":
                query.append((name, text))
            case "header":
                headers[name] = _header_value(field, text)
            case "body":
                _put(body, name, text)
    if tool.idempotency_header is not None:
        if not caller.call:
            raise ValueError("this call has no id, which its system needs to do it only once")
        headers[tool.idempotency_header] = _header_value("call", caller.call)
    return _request(tool, path, query, headers, body)


def _request(
    tool: HttpTool, path: Mapping[str, str], query: list[tuple[str, str]], headers: dict[str, str], body: dict[str, Any]
) -> Request:
    text = tool.url
    for name, value in path.items():
        text = text.replace(f"{{{name}}}", value)
    if query:
        pairs = urllib.parse.urlencode(query, quote_via=urllib.parse.quote, safe="")
        text += ("&" if "?" in text else "?") + pairs
    url = httpx.URL(text)
    if tool.send == "form" and body:
        flat = [(key, _text(value)) for key, value in body.items()]
        data = urllib.parse.urlencode(flat).encode("ascii")
        return Request(tool.method, url, headers, data, "application/x-www-form-urlencoded")
    wants_body = bool(body) or (tool.method in ("POST", "PUT", "PATCH") and tool.send == "json")
    return Request(tool.method, url, headers, orjson.dumps(body) if wants_body else None)


def judge(name: str, tool: HttpTool, answer: Answer, caller: Caller, args: Mapping[str, Any]) -> Json:
    """What an answer means.

    Raises:
        ToolError: the system refused, so nothing has happened, or there is nothing.
        AnswerLost: it may have happened.
    """
    status = answer.status
    if 200 <= status <= 299:
        return _result(tool, answer, caller, args)
    if status in (404, 410) and status not in tool.errors:
        raise NotFound(_not_found(tool, args))
    if status == 429:
        if tool.effect == "read" or tool.idempotent:
            raise AnswerLost(f"{name}: the system is busy (429)")
        raise ToolError(BUSY)
    if status == 409 and tool.idempotent and status not in tool.errors:
        raise AnswerLost(
            f"{name}: the system answered 409", answered=True
        )  # many say so while the first attempt is still under way
    if 400 <= status <= 499 and status not in (408, 425):
        if status in (401, 403, 407):
            log.error("tool %s: the shop's system answers %d; is its secret right?", name, status)
        said = words.line(tool.errors[status], {**args, "args": args}) if status in tool.errors else None
        raise ToolError(said or _their_words(tool, answer) or REFUSED)
    # 502, 503 and 504 are what stands before a system that is down; other errors may be about this one request.
    raise AnswerLost(f"{name}: the system answered {status}", answered=status not in (408, 502, 503, 504))


def _result(tool: HttpTool, answer: Answer, caller: Caller, args: Mapping[str, Any]) -> Json:
    if tool.answer == "none" or answer.status == 204 or not (answer.body or answer.too_large):
        return None
    if answer.too_large:
        raise AnswerLost("the answer is larger than 5 MB", answered=True)
    if answer.content_type != "application/json" and not answer.content_type.endswith("+json"):
        raise AnswerLost(f"expected JSON, got the content type {answer.content_type[:60]!r}", answered=True)
    try:
        value = orjson.loads(answer.body.removeprefix(codecs.BOM_UTF8))  # which .NET writes before it
    except orjson.JSONDecodeError:
        raise AnswerLost("expected JSON, got something that cannot be read as such", answered=True) from None
    if tool.owner:
        value = _own(tool, value, caller)
        if value is None:
            raise NotFound(_not_found(tool, args))
    found = picks.pick(value, tool.result)
    if found is None and isinstance(tool.result, str) and tool.effect == "read":
        raise NotFound(_not_found(tool, args))
    return found


def _own(tool: HttpTool, value: Json, caller: Caller) -> Json:
    """The answer if all of it is the caller's; of a list, given by `result: {list: …}`, the caller's own entries."""
    if isinstance(tool.result, Mapping) and set(tool.result) == {"list", "each"}:
        entries = picks.get(value, tool.result["list"])
        own = [entry for entry in entries if _is_own(tool, entry, caller)] if isinstance(entries, list) else []
        return _replace(tool.result["list"], own)
    return value if _is_own(tool, value, caller) else None


def _is_own(tool: HttpTool, value: Json, caller: Caller) -> bool:
    for path, field in tool.owner.items():
        found, mine = picks.get(value, path), getattr(caller, field)
        if not caller.verified or mine is None or not isinstance(found, str | int) or isinstance(found, bool):
            return False
        theirs = str(found)
        if field == "email" and _lower(theirs) != _lower(mine):
            return False
        if field == "customer" and theirs != mine:
            return False
    return True


def _lower(address: str) -> str:
    """An address without its case; beyond ASCII, different letters can have one lower case, so they stay as they are."""
    bare = address.strip()
    return bare.lower() if bare.isascii() else bare


def _replace(path: str, entries: list[Json]) -> Json:
    """A new object in which the path leads to these entries."""
    value: Json = entries
    for step in reversed(picks.steps(path)):
        if isinstance(step, str):
            value = {step: value}
        elif step is not None:
            value = [None] * step + [value]
    return value


def _not_found(tool: HttpTool, args: Mapping[str, Any]) -> str:
    return words.line(tool.not_found, {**args, "args": args}) or "Nothing was found."


def _their_words(tool: HttpTool, answer: Answer) -> str | None:
    if tool.error_path is None or answer.too_large or "json" not in answer.content_type:
        return None
    try:
        said = picks.get(orjson.loads(answer.body), tool.error_path)
    except orjson.JSONDecodeError:
        return None
    text = " ".join(said.split()) if isinstance(said, str) else ""
    return text[:MAX_SAID_CHARS] or None


def of_caller(caller: Caller, field: CallerField) -> str:
    """What the session says about the caller.

    Raises:
        ToolError: it does not say: they are not signed in.
    """
    value: str | None = getattr(caller, field)
    if not value or (field in ("customer", "email", "name") and not caller.verified):
        raise ToolError(SIGN_IN)
    return value


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    plain = to_jsonable_python(value)
    return plain if isinstance(plain, str) else orjson.dumps(plain).decode()


def _segment(name: str, value: str) -> str:
    """A value as one step of a path: it can neither climb nor add steps, however the other side decodes it."""
    if not value or value in (".", "..") or any(char in "/\\%?#" or not char.isprintable() for char in value):
        raise ToolError(f"{name}: {value[:60]!r} cannot be looked up; it has characters that are not expected there.")
    return urllib.parse.quote(value, safe="")


def _header_value(name: str, value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ToolError(f"{name}: {value[:60]!r} has characters that cannot be sent.")
    return value


def _put(body: dict[str, Any], path: str, value: object) -> None:
    *above, last = path.split(".")
    for step in above:
        body = body.setdefault(step, {})
    body[last] = value
