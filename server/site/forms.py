"""Forms: the kinds of value that site.yaml is made of, each with its own message when it is another.

Pure: no files, no environment, no clock.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

_COLOUR: Final = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_LOCALE: Final = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Part(BaseModel):
    """What all parts of site.yaml share: unknown keys are errors, nothing changes after reading."""

    # Ids and names made of digits only are numbers to YAML, and meant as text.
    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, str_strip_whitespace=True, defer_build=True
    )


def normal_origin(value: str) -> str:
    """The origin as browsers send it: scheme and host in small letters, no default port, no path.

    Raises:
        ValueError: it is no http(s) origin, or says more than an origin.

    """
    expected = f"expected an origin such as https://shop.example, got {value!r}"
    if "*" in value:
        raise ValueError(f"{expected}: a pattern would let in pages that are not yours; list each origin")
    if value != value.strip() or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(f"{expected}: write international names as xn--…")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError(expected) from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(expected)
    if parts.path not in ("", "/") or "?" in value or "#" in value or "@" in value or "\\" in value:
        raise ValueError(f"{expected}: an origin has no path, query or user name")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if not re.fullmatch(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]", host):
        raise ValueError(expected)
    default = port is None or port == _DEFAULT_PORTS[parts.scheme]
    return f"{parts.scheme}://{host}" if default else f"{parts.scheme}://{host}:{port}"


def _currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError(f"expected three capital letters such as EUR, got {value!r}")
    return value


def _locale(value: str) -> str:
    if not _LOCALE.fullmatch(value):
        raise ValueError(f"expected a language tag such as en or de-AT, got {value!r}")
    return value


def _colour(value: str) -> str:
    if not _COLOUR.fullmatch(value):
        raise ValueError(f"expected a colour such as #2f6f4f, got {value!r}")
    return value


def _link(value: str) -> str:
    if not re.fullmatch(r"(https?://|/(?!/))[^\s\"'<>\\]*", value):
        raise ValueError(f"expected a link that starts with https:// or /, got {value!r}")
    return value


def form(pattern: str, expected: str, *, show: bool = True) -> AfterValidator:
    """Text of a form; `show=False` keeps what stands there out of the message, since it may be a secret."""

    def validate(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"expected {expected}, got {value!r}" if show else f"expected {expected}")
        return value

    return AfterValidator(validate)


def _by_locale(what: str, check: Any) -> BeforeValidator:  # noqa: ANN401 - a function from a value to bool
    """Either a value or a map of locale to such values."""

    def validate(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        if check(value):
            return value
        if not isinstance(value, Mapping) or not value:
            raise ValueError(f"expected {what}, or a map of language tag to {what}, got {value!r}")
        for locale, item in value.items():
            _locale(str(locale))
            if not check(item):
                raise ValueError(f"expected {what} for {locale}, got {item!r}")
        return value

    return BeforeValidator(validate)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) and item.strip() for item in value)


Key = Annotated[str, form(r"pk_[A-Za-z0-9_-]{1,60}", "a public key such as pk_myshop (letters, digits, _ and -)")]
Email = Annotated[str, form(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")]
Phone = Annotated[str, form(r"[+0-9][0-9 ()./-]{3,30}", "a telephone number")]
Variable = Annotated[
    str, form(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable, not the secret itself", show=False)
]
ModelName = Annotated[
    str,
    form(r"offline|(openai|anthropic|openai-like)/\S+", "offline, openai/NAME, anthropic/NAME or openai-like/NAME"),
]
Locale = Annotated[str, AfterValidator(_locale)]
Currency = Annotated[str, AfterValidator(_currency)]
Colour = Annotated[str, AfterValidator(_colour)]
Link = Annotated[str, AfterValidator(_link)]
Origin = Annotated[str, AfterValidator(normal_origin)]
LocaleText = Annotated[str | dict[str, str], _by_locale("text", _is_text)]
LocaleTexts = Annotated[tuple[str, ...] | dict[str, tuple[str, ...]], _by_locale("a list of texts", _is_texts)]


def text_for(value: str | Mapping[str, str], locale: str, default: str = "en") -> str:
    """The text for a locale: exactly, by its language, for the default locale, else the first there is."""
    if isinstance(value, str):
        return value
    return pick(value, locale, default) or ""


def pick(values: Mapping[str, Any], locale: str, default: str) -> Any:  # noqa: ANN401 - what the map holds
    """What the map holds for a locale, as `text_for` chooses; None when it is empty."""
    small = {key.lower(): item for key, item in values.items()}
    for wanted in (
        locale.lower(),
        locale.lower().partition("-")[0],
        default.lower(),
        default.lower().partition("-")[0],
    ):
        if wanted in small:
            return small[wanted]
    return next(iter(small.values()), None)
