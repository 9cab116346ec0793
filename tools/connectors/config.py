"""Config: the `http` section of a tools.yaml as pydantic models.

Pure: it checks what is written and opens nothing. Environment variables are named here, and read elsewhere.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal

import httpx
from pydantic import BaseModel, Field, ValidationError, model_validator

from tools.connectors import pick as picks
from tools.connectors.described import (
    AnyPick,
    Auth,
    CallerField,
    Described,
    HeaderName,
    JsonValue,
    Param,
    Path,
    Spot,
    Strict,
    Template,
    ToolName,
    header_name,
    is_customer,
)
from tools.spec import MAX_UNDO_S

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_CALLER_SPOT: Final = re.compile(r"(path|query|header|body)\.(.+)")


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
    def _sound(self) -> "HttpUndo":
        begin(self.args, ("result", "args"))
        return self


class HttpReconcile(Strict):
    """The GET that finds out what became of a call whose end was lost; secret and fixed headers are the tool's."""

    url: str = Field(max_length=2000, description="https://…, with {placeholders} for names under `args` and `caller`.")
    args: dict[str, str] = Field(
        default_factory=dict,
        description="What it sends: names, each with a path into the call, such as `args.order_id`.",
    )
    caller: dict[str, CallerField] = Field(
        description="What the server itself puts in; `call` must be among it, since that is what to look for."
    )
    result: AnyPick = Field(
        default=None,
        description="The part of the answer that is the call's result. Absent: as for the tool. Nothing there, or 404: "
        "it has not happened, and will not.",
    )

    @model_validator(mode="after")
    def _sound(self) -> "HttpReconcile":
        begin(self.args, ("args",))
        if "call" not in self.caller.values():
            raise ValueError("caller: expected the call's id, for example `query.reference: call`")
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
    reconcile: HttpReconcile | None = Field(
        default=None, description="How to find out what became of a call whose end was lost."
    )
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
    def looking_up(self) -> "HttpTool | None":
        """The request of `reconcile` as a tool of its own."""
        if self.reconcile is None:
            return None
        return HttpTool(
            description=f"Finds out what became of: {self.description}"[:2000],
            effect="read",
            scope=self.scope,
            url=self.reconcile.url,
            params={name: Param() for name in self.reconcile.args},
            caller=self.reconcile.caller,
            auth=self.auth,
            headers=self.headers,
            result=self.result if self.reconcile.result is None else self.reconcile.result,
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
        _check_after(self)
        if any(not 400 <= status <= 499 for status in self.errors):
            raise ValueError("errors: expected statuses from 400 to 499")
        if self.method == "GET" and (self.body or any(spot == "body" for spot, *_ in self.caller_spots())):
            raise ValueError("body: a GET has none; use query")
        return self


def begin(args: Mapping[str, str], roots: tuple[str, ...]) -> None:
    """Whether each of these is a path into a call, from one of these roots.

    Raises:
        ValueError: it is none.
    """
    for name, path in args.items():
        if picks.steps(path)[0] not in roots:
            raise ValueError(f"args.{name}: expected a path that begins with {' or '.join(roots)}, got {path!r}")


def _check_after(tool: HttpTool) -> None:
    """What follows a call: `undo` and `reconcile`."""
    for name, written in (("undo", tool.undo), ("reconcile", tool.reconcile)):
        if written is not None and tool.effect == "read":
            raise ValueError(f"{name}: expected effect: write or money; a look changes nothing")
    if tool.reconcile is not None and tool.idempotency_header is None and "call" not in tool.caller.values():
        raise ValueError(
            "reconcile: the tool never sends the call's id; use idempotency_header, or `caller: {body.ref: call}`"
        )
    name = "undo"
    try:
        _ = tool.taking_back
        name = "reconcile"
        _ = tool.looking_up
    except ValidationError as error:
        raise ValueError(f"{name}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error


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
            header_name(param.send_as or name)
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
            header_name(match[2])
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
