"""Settings of one server process: the environment variables SHOPBELL_…, and the options that stand above them.

It opens no connection; the one file it writes is the signing secret.
"""

import contextlib
import importlib
import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as PydanticSettingsError

PREFIX: Final = "SHOPBELL_"
MIN_SECRET_CHARS: Final = 32
"""HS256 wants a key of at least 256 bits (RFC 7518 §3.2)."""

_MODEL: Final = re.compile(r"offline|scripted:\S+|(openai|anthropic|openai-like)/\S+")
_EMBEDDING: Final = re.compile(r"minilm|[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class SettingsError(Exception):
    """A setting is wrong; the message names each variable, what was expected and what it held (secrets excepted)."""


class Settings(BaseSettings):
    """All settings of a server process. Read them with `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    model: str = Field(
        default="offline",
        description="Who writes the answers: `offline`, `openai/NAME`, `anthropic/NAME` or `openai-like/NAME`.",
    )
    model_url: str | None = Field(
        default=None, description="Base URL of an `openai-like` model, ending in `/v1`.", pattern=r"^https?://\S+$"
    )
    model_key: SecretStr | None = Field(
        default=None, description="Key for the model; `OPENAI_API_KEY` and `ANTHROPIC_API_KEY` work too."
    )
    model_fallback: str | None = Field(
        default=None,
        description="Another model, named in the same way, that answers when the first one fails without a word.",
    )
    embedding: str = Field(
        default="minilm",
        description="`minilm` (inside the package, no network), or a LlamaIndex embedding as `module:Class`.",
    )
    embedding_options: dict[str, Any] = Field(
        default_factory=dict, description="Options for that class, as a JSON object."
    )
    store: str = Field(
        default="sqlite",
        description="`sqlite` (in the data directory) or `memory`; `postgresql://…` is not supported yet.",
    )
    broker: str = Field(default="memory", description="`memory`; `redis://…` (Valkey or Redis) is not supported yet.")
    qdrant: str | None = Field(
        default=None,
        description="URL of a Qdrant server; without it, an embedded Qdrant shard in the data directory.",
        pattern=r"^https?://\S+$",
    )
    qdrant_key: SecretStr | None = Field(default=None, description="Key for the Qdrant server.")
    secret: SecretStr | None = Field(
        default=None,
        description="Signs visitor tokens, 32 characters or more (fewer give a warning); several nodes share one. "
        "Made and kept in the data "
        "directory when not set.",
    )
    smtp: SecretStr | None = Field(
        default=None,
        description="The mail server: `smtp://user@host:587` (STARTTLS) or `smtps://user@host:465`. Without one, mails are "
        "written into a directory, for development.",
    )
    smtp_password: SecretStr | None = Field(default=None, description="The password of that user.")
    mail_from: str | None = Field(
        default=None, description="The sender of mails, `Name <address>`, for shops whose site.yaml has no `mail.from`."
    )
    mail_dir: Path | None = Field(
        default=None,
        description="Where mails are written without a mail server; `mail` in the data directory if absent.",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(
        default=None,
        description="Where browsers reach this server, when a proxy stands before it: `https://chat.example.com`.",
        pattern=r"^https?://[^/\s]+$",
    )
    data: Path = Field(default=Path("data"), description="Directory for everything that is kept.")
    shops: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description="Shop directories, separated as in `PATH`."
    )
    metrics_token: SecretStr | None = Field(
        default=None, description="Bearer token for `/metrics`; without it only this machine may read them."
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses of proxies, with commas, whose `X-Forwarded-…` headers are believed; `*` is all.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much is said on stderr: `debug`, `info`, `warning` or `error`."
    )

    @field_validator("shops", mode="before")
    @classmethod
    def _split_path(cls, value: object) -> object:
        return tuple(Path(part) for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("model", "model_fallback")
    @classmethod
    def _known_model(cls, value: str | None) -> str | None:
        return value and _expect(_MODEL, value, "offline, openai/NAME, anthropic/NAME or openai-like/NAME")

    @field_validator("embedding")
    @classmethod
    def _known_embedding(cls, value: str) -> str:
        return _expect(_EMBEDDING, value, "minilm, or module:Class of a LlamaIndex embedding")

    @field_validator("store")
    @classmethod
    def _known_store(cls, value: str) -> str:
        return _expect(re.compile(r"sqlite|memory|postgres(ql)?://\S+"), value, "sqlite, memory or postgresql://…")

    @field_validator("broker")
    @classmethod
    def _known_broker(cls, value: str) -> str:
        return _expect(re.compile(r"memory|(rediss?|valkeys?|unix)://\S+"), value, "memory or redis://…")

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _url_for_openai_like(self) -> "Settings":
        if self.model.startswith("openai-like/") and self.model_url is None:
            raise ValueError(f"{self.model} needs SHOPBELL_MODEL_URL, the base URL of the server, ending in /v1")
        return self


def load_settings(**options: Any) -> Settings:  # noqa: ANN401 - the options of the command line, by field name
    """The settings from the environment; an option that is not None stands above it.

    Raises:
        SettingsError: anything is wrong; all of it is in the message.

    """
    given = {name: value for name, value in options.items() if value is not None}
    unknown = given.keys() - Settings.model_fields.keys()
    if unknown:
        raise TypeError(f"no such settings: {', '.join(sorted(unknown))}")
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [_line(item, given) for item in error.errors(include_url=False, include_context=False)]
        raise SettingsError("\n".join(lines)) from None
    except PydanticSettingsError:
        raise SettingsError(f"{PREFIX}EMBEDDING_OPTIONS: expected a JSON object") from None


def signing_secret(settings: Settings) -> SecretStr:
    """The secret that signs visitor tokens: the configured one, or the one kept in the data directory, made once.

    The file `secret` is readable by its owner only (mode 0600). Two processes that start together agree on one.

    Raises:
        SettingsError: the file cannot be read or written, is too short, or is open to others.

    """
    if settings.secret is not None:
        return settings.secret
    path = settings.data / "secret"
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_secret(path)
        mode = path.stat().st_mode & 0o777
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: the signing secret cannot be kept here: {error}") from error
    if os.name == "posix" and mode & 0o077:
        raise SettingsError(f"{path}: others can read the signing secret (mode {mode:04o}); run: chmod 600 {path}")
    if len(text) < MIN_SECRET_CHARS:
        raise SettingsError(
            f"{path}: expected at least {MIN_SECRET_CHARS} characters, got {len(text)}; remove the file"
        )
    return SecretStr(text)


def embedding_class(settings: Settings) -> type[Any] | None:
    """The LlamaIndex embedding class that is configured, or None for the built-in one. Imports it: slow.

    Raises:
        SettingsError: there is no such module or class.

    """
    if settings.embedding == "minilm":
        return None
    module, _, name = settings.embedding.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"{PREFIX}EMBEDDING: {settings.embedding!r} cannot be imported: {error}") from error
    if not isinstance(found, type):
        raise SettingsError(f"{PREFIX}EMBEDDING: expected a class, {settings.embedding!r} is {found!r}")
    return found


def _write_secret(path: Path) -> None:
    """Write a new secret whole or not at all; whoever comes second keeps what is there."""
    draft = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _expect(pattern: re.Pattern[str], value: str, expected: str) -> str:
    if not pattern.fullmatch(value):
        # A URL may hold a password: say what kind of value it was, not which.
        got = value.partition("://")[0] + "://…" if "://" in value else repr(value)
        raise ValueError(f"expected {expected}, got {got}")
    return value


def _line(item: Any, given: dict[str, Any]) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    message = str(item["msg"]).removeprefix("Value error, ")
    if not item["loc"]:
        return message
    name = str(item["loc"][0])
    field = Settings.model_fields.get(name)
    raw = given.get(name, os.environ.get(PREFIX + name.upper()))
    secret = field is not None and "SecretStr" in str(field.annotation)
    got = "" if secret or "got" in message or raw is None or "://" in str(raw) else f", got {str(raw)!r}"
    return f"{'--' + name if name in given else PREFIX + name.upper()}: {message}{got}"
