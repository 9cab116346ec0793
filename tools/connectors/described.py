"""Described: what all connectors of a tools.yaml share: egress, secrets, and what HTTP and MCP tools say of themselves.

Pure: it checks what is written and opens nothing. Environment variables are named here, and read elsewhere.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import jinja2
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tools import words
from tools.connectors import egress
from tools.connectors import pick as picks
from tools.signature import _NOT_AN_ARGUMENT
from tools.types import Effect, Level

Spot = Literal["path", "query", "header", "body"]
CallerField = Literal["customer", "email", "name", "call", "conversation", "site", "locale"]

PERSONAL: Final = frozenset({"customer", "email", "name"})
"""What is only there for callers that the shop has vouched for."""
MAX_TIMEOUT_S: Final = 10.0
"""For the whole of one call, redirects included: a customer is waiting, and a turn has 60 s in all."""

HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_OURS: Final = frozenset(
    {
        "host", "content-length", "transfer-encoding", "connection", "cookie", "authorization", "proxy-authorization",
        "content-type", "accept", "accept-encoding", "te", "upgrade", "trailer",
    }
)  # fmt: skip
"""Headers that the connector writes itself, or that would change what a request is."""


def is_customer(name: str) -> bool:
    """Whether an argument of this name would let a model choose who the customer is."""
    return re.sub(r"[_\-]", "", name).lower() in _NOT_AN_ARGUMENT


def _template(value: str) -> str:
    try:
        words.template(value)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"expected a template, line {error.lineno}: {error.message}, got {value!r}") from error
    return value


def header_name(value: str) -> str:
    """The name of a header of the merchant's own.

    Raises:
        ValueError: it is none, or one that the connector writes itself.
    """
    if not HEADER.fullmatch(value) or value.lower() in _OURS:
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
HeaderName = Annotated[str, AfterValidator(header_name)]
Path = Annotated[str, AfterValidator(_path)]
AnyPick = Annotated[Any, BeforeValidator(_pick)]
JsonValue = Annotated[Any, BeforeValidator(_plain)]
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
Scope = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]
Host = Annotated[str, AfterValidator(egress.normal_host)]


class Strict(BaseModel):
    """Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), defer_build=True)


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
    header: Annotated[str, Field(pattern=HEADER.pattern)] | None = Field(
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
    label: Template | Annotated[dict[str, Template], Field(min_length=1)] = Field(
        default="",
        description="What the customer reads while it runs: a template over the arguments. Per language possible.",
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
