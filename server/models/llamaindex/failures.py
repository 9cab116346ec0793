"""Failures: what a provider's exception means: whether to try again, when, and what may be said about it.

Pure. What comes out names no key, no address and nothing that the provider wrote: that goes to the log, redacted.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

MAX_RETRY_AFTER_S: Final = 20.0
"""A server that wants a longer pause outlasts the customer's patience: fail, or use the fallback model."""

_NO_TOOLS: Final = re.compile(
    r"(not|n't) support(ed)?( \w+){0,2} (tool|function)|(tool|function)s?( \w+){0,3} (is|are) not supported"
    r"|enable-auto-tool-choice|tools? (param\w* )?requires? --jinja",
    re.IGNORECASE,
)
_KEYS: Final = re.compile(r"\b(sk|pk|key|api)[-_][A-Za-z0-9*_.-]{4,}|Bearer\s+\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Failure:
    """`said` is fit for anybody; `retryable`: trying again may help, not before `after_s` seconds where given."""

    said: str
    retryable: bool
    after_s: float | None = None
    no_tools: bool = False
    """The server says that it (or the model) cannot do tools."""


def failure_of(error: BaseException, now_s: float) -> Failure:
    """What went wrong. `now_s` is Unix time, for a Retry-After that is a date."""
    if isinstance(error, TimeoutError | httpx.TimeoutException) or "Timeout" in type(error).__name__:
        return Failure("the model did not answer in time", retryable=True)
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        # A lost connection, or an error that the server put into its stream: OpenAI's SDK gives that no status.
        lost = isinstance(error, httpx.TransportError) or "Connection" in type(error).__name__
        said = "the connection to the model was lost" if lost else "the model's server broke off with an error"
        return Failure(said, retryable=True)
    if status == 429:
        # An empty account answers 429 too, and does so again.
        empty = getattr(error, "code", None) == "insufficient_quota" or "insufficient_quota" in str(error)
        after_s = _retry_after_s(error, now_s)
        patient = not empty and (after_s is None or after_s <= MAX_RETRY_AFTER_S)
        return Failure("the model's server has no capacity for us (HTTP 429)", retryable=patient, after_s=after_s)
    if status in (401, 403):
        return Failure(f"the model's server refuses our key (HTTP {status})", retryable=False)
    if status == 404:
        return Failure("the model's server does not know this model or address (HTTP 404)", retryable=False)
    no_tools = status in (400, 404, 422, 500, 501) and _NO_TOOLS.search(str(error)) is not None
    retryable = (status in (408, 409) or status >= 500) and not no_tools
    return Failure(f"the model's server answered HTTP {status}", retryable, _retry_after_s(error, now_s), no_tools)


def redacted(error: BaseException, key: str | None) -> str:
    """The provider's own words for the log, without anything that looks like a key."""
    text = f"{type(error).__name__}: {error}"
    if key:
        text = text.replace(key, "…")
    return _KEYS.sub("…", text)[:500]


def _retry_after_s(error: BaseException, now_s: float) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None)
    if headers is None:
        return None
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        raw = headers.get("retry-after", "")
        if re.fullmatch(r"\d{1,6}(\.\d+)?", raw):
            return float(raw)
        at = parsedate_to_datetime(raw)
    except (ValueError, TypeError):
        return None
    return max(0.0, at.replace(tzinfo=at.tzinfo or UTC).timestamp() - datetime.fromtimestamp(now_s, UTC).timestamp())
