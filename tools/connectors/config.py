"""Config: the `http` and `egress` sections of a tools.yaml as pydantic models, and what `mcp` shares with them.

Pure: it checks what is written and opens nothing. Environment variables are named here, and read elsewhere.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import httpx
import jinja2
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tools import words
from tools.connectors import egress
from tools.connectors import pick as picks
from tools.signature import _NOT_AN_ARGUMENT
from tools.spec import MAX_UNDO_S
from tools.types import Effect, Level

Spot = Literal["path", "query", "header", "body"]
CallerField = Literal["customer", "email", "name", "call", "conversation", "site", "locale"]

PERSONAL: Final = frozenset({"customer", "email", "name"})
"""What is only there for callers that the shop has vouched for."""
MAX_TIMEOUT_S: Final = 10.0
"""For the whole of one call, redirects included: a customer is waiting, and a turn has 60 s in all."""

_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_OURS: Final = frozenset(
    {
        "host", "content-length", "transfer-encoding", "connection", "cookie", "authorization", "proxy-authorization",
        "content-type", "accept", "accept-encoding", "te", "upgrade", "trailer",
    }
)  # fmt: skip
"""Headers that the connector writes itself, or that would change what a request is."""
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_CALLER_SPOT: Final = re.compile(r"(path|query|header|body)\.(.+)")


def is_customer(name: str) -> bool:
    """Whether an argument of this name would let a model choose who the customer is."""
    return re.sub(r"[_\-]", "", name).lower() in _NOT_AN_ARGUMENT


def _template(value: str) -> str:
    try:
        words.template(value)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"expected a template, line {error.lineno}: {error.message}, got {value!r}") from error
    return value


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value) or value.lower() in _OURS:
        raise ValueError(f"expected the name of a header of your own, such as X-Customer, got {value!r}")
    return value


def _pick(value: object) -> object:
    if value is not None:
        picks.check(value)
    return value


def _path(value: str) -> str:
    picks.steps(value)
    return value


def _plain(value: object) -> object:
    """YAML's decimals as plain JSON numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


Template = Annotated[str, AfterValidator(_template)]
HeaderName = Annotated[str, AfterValidator(_header)]
Path = Annotated[str, AfterValidator(_path)]
AnyPick = Annotated[Any, BeforeValidator(_pick)]
JsonValue = Annotated[Any, BeforeValidator(_plain)]
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
Scope = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]
Host = Annotated[str, AfterValidator(egress.normal_host)]


class Strict(BaseModel):
    """Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class EgressRules(Strict):
    """The `egress` section: where connectors may go beyond public addresses over https."""

    allow_private: tuple[Host, ...] = Field(
        default=(), description="Hosts, or `host:port`, that may have private or loopback addresses."
    )
    allow_http: tuple[Host, ...] = Field(
        default=(), description="Hosts, or `host:port`, that may be spoken to without encryption."
    )


class Auth(Strict):
    """How a connector says who it is. The secret stays in the environment."""

    type: Literal["bearer", "basic", "header"] = Field(
        description="`bearer`, `basic` (the variable holds `user:password`) or `header`."
    )
    env: EnvName = Field(description="The environment variable that holds the secret.")
    header: Annotated[str, Field(pattern=_HEADER.pattern)] | None = Field(
        default=None, description="The header's name, for `type: header`."
    )

    @model_validator(mode="after")
    def _whole(self) -> "Auth":
        if (self.type == "header") != (self.header is not None):
            raise ValueError("expected `header: NAME` with type: header, and only with it")
        if self.header is not None and self.header.lower() in _OURS - {"authorization"}:
            raise ValueError(f"expected a header for a secret, such as X-Api-Key, got {self.header!r}")
        return self


class Param(Strict):
    """One argument of an HTTP tool, as a model and the offline engine see it."""

    type: Literal["string", "integer", "number", "decimal", "boolean", "date", "array"] = Field(
        default="string",
        description="`string`, `integer`, `number`, `decimal` (sent as text: for money), `boolean`, `date`, `array` (of texts).",
    )
    description: str = Field(default="", max_length=500, description="What it is, for models and the offline engine.")
    pattern: str | None = Field(default=None, description="Regular expression for the whole text: `^…$`.")
    enum: tuple[JsonValue, ...] | None = Field(default=None, description="The only values that are allowed.")
    examples: tuple[JsonValue, ...] = Field(default=(), description="Values as customers write them.")
    required: bool = Field(default=True, description="`false`: may be left out. So may whatever has a `default`.")
    default: JsonValue = Field(default=None, description="The value when it is left out.")
    minimum: Decimal | None = Field(default=None, description="The smallest number allowed.")
    maximum: Decimal | None = Field(default=None, description="The largest number allowed.")
    max_length: int = Field(default=1000, ge=1, le=20_000, description="Of a text, in characters; entries of an array.")
    spot: Spot | None = Field(
        default=None,
        alias="in",
        description="`path`, `query`, `header` or `body`. Absent: `path` if the URL names it, else `query` for GET and "
        "DELETE, else `body`.",
    )
    send_as: str | None = Field(
        default=None,
        max_length=200,
        description="Its name in the request; in the body a dotted path such as `refund.amount`.",
    )


class Described(Strict):
    """What HTTP and MCP tools have in common with `@tool`."""

    effect: Effect = Field(description="`read` changes nothing; `write` does; `money` moves money.")
    scope: Scope = Field(description="What it touches, such as `orders.read`.")
    needs: Level | None = Field(
        default=None,
        description="How well the caller must be known. Absent: `identified` where customer, email or name are sent, "
        "else `anonymous`.",
    )
    caller: dict[str, CallerField] = Field(
        default_factory=dict,
        description="What the server itself puts in, from the session: customer, email, name, call, conversation, site or locale.",
    )
    examples: tuple[str, ...] = Field(default=(), description="Messages that should start this tool.")
    reply: Template = Field(
        default="", description="The offline engine's answer: a template over `result`, `args`, `caller`."
    )
    label: Template = Field(
        default="", description="What the customer reads while it runs: a template over the arguments."
    )
    timeout_s: float = Field(default=10.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds for one attempt, at most 10.")
    retries: int = Field(
        default=0,
        ge=0,
        le=5,
        description="Further attempts after a failure, only where that is safe: it reads, it is idempotent, or nothing was sent.",
    )
    fallback: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="What to do when it fails for technical reasons: another tool's name, or a sentence to say.",
    )
    amount: str = Field(
        default="amount", description="The argument that holds the money, for `auto_up_to` and the limits."
    )
    max_output_chars: int = Field(default=8000, ge=200, description="Longer results are cut and say so.")

    @property
    def needed(self) -> Level:
        """How well the caller must be known."""
        if self.needs is not None:
            return self.needs
        return "identified" if PERSONAL.intersection(self.caller.values()) else "anonymous"

    @model_validator(mode="after")
    def _known_enough(self) -> "Described":
        if self.needs == "anonymous" and PERSONAL.intersection(self.caller.values()):
            raise ValueError("expected needs: identified, since guests have no customer, email or name to send")
        return self


class HttpUndo(Strict):
    """The request that takes back a call of an HTTP tool; secret, fixed headers and idempotency header are the tool's."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = Field(default="POST", description="The HTTP method.")
    url: str = Field(max_length=2000, description="https://…, with {placeholders} for the names under `args`.")
    args: dict[str, str] = Field(
        default_factory=dict,
        description="What it sends: names, each with a path into the call, such as `result.id` or `args.order_id`.",
    )
    caller: dict[str, CallerField] = Field(
        default_factory=dict, description="What the server itself puts in, as for the tool."
    )

    @model_validator(mode="after")
    def _paths(self) -> "HttpUndo":
        for name, path in self.args.items():
            if picks.steps(path)[0] not in ("result", "args"):
                raise ValueError(f"args.{name}: expected a path that begins with result or args, got {path!r}")
        return self


class HttpTool(Described):
    """A tool that is one request to a shop's own system."""

    description: str = Field(min_length=1, max_length=2000, description="What it does and when to use it, for models.")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(default="GET", description="The HTTP method.")
    url: str = Field(max_length=2000, description="https://…, with {placeholders} for arguments in path or query.")
    params: dict[str, Param] = Field(default_factory=dict, description="The arguments by name.")
    auth: Auth | None = Field(default=None, description="How the request is signed.")
    query: dict[str, str | int | bool] = Field(default_factory=dict, description="Fixed query parameters.")
    headers: dict[HeaderName, str] = Field(
        default_factory=dict, description="Fixed headers; no secrets, they belong into `auth`."
    )
    body: dict[str, JsonValue] = Field(default_factory=dict, description="Fixed fields of the body.")
    send: Literal["json", "form"] = Field(default="json", description="How the body is written.")
    answer: Literal["json", "none"] = Field(default="json", description="`none`: whatever a success says is not read.")
    result: AnyPick = Field(
        default=None,
        description="The part of the answer to give on: a dotted path, names with paths, or `{list: path, each: …}`. "
        "Absent: all of it.",
    )
    owner: dict[Path, Literal["customer", "email"]] = Field(
        default_factory=dict,
        description="Paths in the answer that must hold the caller's own customer id or e-mail; else nothing was found.",
    )
    not_found: Template = Field(
        default="Nothing was found.", description="What is said for 404, 410, and what is not the caller's own."
    )
    errors: dict[int, Template] = Field(
        default_factory=dict, description="What is said for other statuses from 400 to 499."
    )
    error_path: Path | None = Field(
        default=None,
        description="Where an answer from 400 to 499 says in words what is wrong; shown to model and customer.",
    )
    idempotency_header: HeaderName | None = Field(
        default=None, description="Header for the call's id. Only if the system then does a repeated call once."
    )
    aliases: tuple[ToolName, ...] = Field(default=(), description="Names it had before.")
    undo: HttpUndo | None = Field(
        default=None, description="How a call is taken back; it makes a tool `undo_NAME` with a rule of its own."
    )
    undo_s: float = Field(
        default=3600.0, gt=0, le=MAX_UNDO_S, description="Seconds for which a call can be taken back."
    )

    @property
    def taking_back(self) -> "HttpTool | None":
        """The request of `undo` as a tool of its own."""
        if self.undo is None:
            return None
        return HttpTool(
            description=f"Takes back: {self.description}"[:2000],
            effect="write",
            scope=self.scope,
            method=self.undo.method,
            url=self.undo.url,
            params={name: Param() for name in self.undo.args},
            caller=self.undo.caller,
            auth=self.auth,
            headers=self.headers,
            send=self.send,
            idempotency_header=self.idempotency_header,
            error_path=self.error_path,
            not_found="There is nothing to take back any more.",
            timeout_s=self.timeout_s,
        )

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names in braces in the URL."""
        return tuple(_PLACEHOLDER.findall(self.url))

    @property
    def idempotent(self) -> bool:
        """Whether a repeated call has no second effect."""
        return self.effect != "read" and self.idempotency_header is not None

    def spot_of(self, name: str) -> Spot:
        """Where an argument goes."""
        param = self.params[name]
        if param.spot is not None:
            return param.spot
        if name in self.placeholders:
            return "path"
        return "query" if self.method in ("GET", "DELETE") else "body"

    def caller_spots(self) -> Iterator[tuple[Spot, str, CallerField]]:
        """What comes from the session: where it goes, under which name, and what it is."""
        for key, field in self.caller.items():
            match = _CALLER_SPOT.fullmatch(key)
            if match is not None:
                yield match[1], match[2], field  # type: ignore[misc]

    @model_validator(mode="after")
    def _sound(self) -> "HttpTool":
        _check_url(self)
        _check_params(self)
        _check_spots(self)
        if self.owner and self.effect != "read":
            raise ValueError("owner: expected effect: read; after a write it is too late to look whose it was")
        if self.undo is not None and self.effect == "read":
            raise ValueError("undo: expected effect: write or money; a look leaves nothing to take back")
        try:
            _ = self.taking_back
        except ValidationError as error:
            raise ValueError(f"undo: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error
        if any(not 400 <= status <= 499 for status in self.errors):
            raise ValueError("errors: expected statuses from 400 to 499")
        if self.method == "GET" and (self.body or any(spot == "body" for spot, *_ in self.caller_spots())):
            raise ValueError("body: a GET has none; use query")
        return self


def _check_url(tool: HttpTool) -> None:
    head, _, _ = tool.url.partition("{")
    try:
        url = httpx.URL(_PLACEHOLDER.sub("x", tool.url))
        start = httpx.URL(head if "://" in head else "")
    except httpx.InvalidURL as error:
        raise ValueError(f"url: expected https://host/path, got {tool.url!r}: {error}") from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.fragment:
        raise ValueError(f"url: expected https://host/path without user, password and #, got {tool.url!r}")
    rest = head.partition("://")[2]
    if tool.placeholders and "/" not in rest and "?" not in rest:
        raise ValueError(f"url: expected placeholders in path or query only, got {tool.url!r}")
    if tool.placeholders and (start.scheme, start.host, start.port) != (url.scheme, url.host, url.port):
        raise ValueError(f"url: expected placeholders in path or query only, got {tool.url!r}")
    if "{" in _PLACEHOLDER.sub("", tool.url) or "}" in _PLACEHOLDER.sub("", tool.url):
        raise ValueError(f"url: a brace is not closed, got {tool.url!r}")


def _check_params(tool: HttpTool) -> None:
    for name, param in tool.params.items():
        if not name.isidentifier() or name.startswith("_") or hasattr(BaseModel, name):
            raise ValueError(f"params: expected a plain name such as order_id, got {name!r}")
        if is_customer(name):
            raise ValueError(
                f"params: `{name}` cannot be an argument, a model would choose it; put it under `caller`, "
                f"for example `caller: {{query.{name}: customer}}`"
            )
        spot = tool.spot_of(name)
        if spot == "path" and (not param.required or param.default is not None or param.type == "array"):
            raise ValueError(f"params: {name} is part of the path, so it is required and no array")
        if spot == "body" and tool.method == "GET":
            raise ValueError(f"params: {name} is in the body, but a GET has none; use in: query")
        if spot == "header" and param.type == "array":
            raise ValueError(f"params: {name} is a header, so it is no array")
        if spot != "header" and param.send_as is None:
            continue
        if spot == "header":
            _header(param.send_as or name)
        elif spot == "body":
            _body_path(param.send_as or name)


def _check_spots(tool: HttpTool) -> None:
    """No place is filled twice, and every placeholder once."""
    taken: list[tuple[Spot, str]] = []
    for name, param in tool.params.items():
        spot = tool.spot_of(name)
        taken.append((spot, name if spot == "path" else param.send_as or name))
    for key in tool.caller:
        match = _CALLER_SPOT.fullmatch(key)
        if match is None:
            raise ValueError(f"caller: expected a place such as query.customer or header.X-Customer, got {key!r}")
        if match[1] == "header":
            _header(match[2])
        elif match[1] == "body":
            _body_path(match[2])
    taken += [(spot, name) for spot, name, _ in tool.caller_spots()]
    taken += [("query", name) for name in tool.query] + [("header", name) for name in tool.headers]
    taken += [("body", name) for name in tool.body]
    if tool.idempotency_header is not None:
        taken.append(("header", tool.idempotency_header))
    if tool.auth is not None and tool.auth.header is not None:
        taken.append(("header", tool.auth.header))
    seen: list[tuple[Spot, str]] = []
    for spot, written in taken:
        name = written.lower() if spot == "header" else written
        for other_spot, other in seen:
            inside = spot == "body" and (name.startswith(f"{other}.") or other.startswith(f"{name}."))
            if spot == other_spot and (name == other or inside):
                raise ValueError(f"{spot}.{written} is filled twice")
        seen.append((spot, name))
    filled = {name for spot, name in taken if spot == "path"}
    missing = [name for name in tool.placeholders if name not in filled]
    if missing:
        raise ValueError(f"url: {{{missing[0]}}} is no argument; list it under params (or caller: path.{missing[0]})")
    unused = filled.difference(tool.placeholders)
    if unused:
        raise ValueError(f"params: {min(unused)} is part of the path, but the url has no {{{min(unused)}}}")


def _body_path(text: str) -> None:
    if not all(part and part.isprintable() for part in text.split(".")):
        raise ValueError(f"expected names with dots, such as refund.amount, got {text!r}")
