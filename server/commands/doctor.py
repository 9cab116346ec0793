"""`shopbell doctor`: what is configured, what answers, what is missing.

It changes nothing, and shows no secret.
"""

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable

from server import __version__
from server.commands.plain import time_of, visible
from server.mail import directory_of, mailer_of
from server.settings import Settings, SettingsError
from server.shop import read_shop
from server.site import Site
from server.stores.owner import Owned, Owner
from server.switches import BadSwitch, Switches, named

Line = tuple[str, str, str]
"""`ok`, `note` or `fail`; what; and what was found."""


def doctor(settings: Settings, write: Callable[[str], object]) -> int:
    """Print one line for each thing; the exit status is 1 if anything fails."""
    lines = [*_program(), *_settings(settings), *_data(settings), *_model(settings)]
    for directory in settings.shops:
        shop, problems = read_shop(directory, data=settings.data)
        errors = [problem for problem in problems if problem.severity == "error"]
        if shop is None or errors:
            lines.append(("fail", f"shop {directory}", f"{len(errors)} errors; run: shopbell check --shop {directory}"))
            continue
        articles = sum(1 for file in shop.help_dir.rglob("*") if file.suffix in (".md", ".html"))
        lines.append(
            ("ok", f"shop {shop.site.name}", f"{shop.site.key}, {articles} articles, {len(list(shop.registry))} tools")
        )
        lines += _site(shop.site)
        lines += _mail(settings, shop.site)
        can = (
            "by a code to the e-mail address of their order"
            if shop.kit.guests is not None
            else "not at all: kit.guests is not set"
        )
        lines.append(("ok" if shop.kit.guests is not None else "note", "  guests show who they are", can))
    if not settings.shops:
        lines.append(("note", "shops", "none; give --shop DIR, or set SHOPBELL_SHOPS"))
    for state, what, found in lines:
        write(f"{state:<5} {what:<26} {found}")
    return 1 if any(state == "fail" for state, _, _ in lines) else 0


def _program() -> list[Line]:
    lines: list[Line] = [("ok", "shopbell", f"{__version__} on Python {sys.version.split()[0]}")]
    for package in ("starlette", "uvicorn", "websockets", "pydantic", "llama-index-core", "qdrant-edge-py"):
        lines.append(("ok", package, importlib.metadata.version(package)))
    return lines


def _settings(settings: Settings) -> list[Line]:
    listen = f"{settings.host}:{settings.port}"
    loopback = settings.host in ("127.0.0.1", "localhost", "::1")
    lines: list[Line] = [("ok", "listens on", listen if loopback else f"{listen} (put TLS before it)")]
    store = settings.store.partition("://")[0]
    lines.append(("ok" if store in ("sqlite", "memory") else "fail", "store", store))
    broker = settings.broker.partition("://")[0]
    lines.append(("ok" if broker == "memory" else "fail", "broker", broker))
    lines.append(("ok", "knowledge", "a Qdrant server" if settings.qdrant else "embedded in the data directory"))
    lines.append(("ok", "embedding", settings.embedding))
    return lines


def _data(settings: Settings) -> list[Line]:
    if not settings.data.exists():
        return [("note", "data directory", f"{settings.data} is not there yet; serve makes it")]
    switched = _switched(settings)
    try:
        Owner(settings.data).release()
    except Owned as owned:
        return [("note", "data directory", str(owned)), *switched]
    free = shutil.disk_usage(settings.data).free
    state = "ok" if free > 1 << 30 else "fail"
    return [(state, "data directory", f"{settings.data}, {free / (1 << 30):.1f} GiB free"), *switched]


def _switched(settings: Settings) -> list[Line]:
    try:
        off = Switches(settings.data).off
    except BadSwitch as error:
        return [("fail", "switches", str(error))]
    return [("note", "switched off", visible(f"{named(entry)}, since {time_of(entry.at_ms)}")) for entry in off]


def _model(settings: Settings) -> list[Line]:
    provider = settings.model.partition("/")[0]
    if provider in ("offline", "openai-like"):
        return [("ok", "model", settings.model)]
    usual = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}.get(provider, "")
    has_key = settings.model_key is not None or bool(os.environ.get(usual))
    return [
        (
            "ok" if has_key else "fail",
            "model",
            settings.model if has_key else f"{settings.model}: set SHOPBELL_MODEL_KEY",
        )
    ]


def _site(site: Site) -> list[Line]:
    lines: list[Line] = []
    if not site.origins:
        lines.append(("note", "  origins", "none: no page but the demo's may show the chat"))
    variables = site.identity.variables
    if not variables:
        lines.append(("note", "  identity", "not configured: every customer is a guest"))
    for name in variables:
        is_set = bool(os.environ.get(name))
        lines.append(("ok" if is_set else "note", "  identity", f"{name} is {'set' if is_set else 'not set'}"))
    return lines


def _mail(settings: Settings, site: Site) -> list[Line]:
    """How this shop's mails go out; nothing is sent."""
    try:
        mailer = mailer_of(settings, site)
    except SettingsError as error:
        return [("fail", "  mail", str(error))]
    directory = directory_of(settings)
    if directory is None:
        return [("ok", "  mail", repr(mailer))]
    return [("note", "  mail", f"written into {directory}, not sent; set SHOPBELL_SMTP")]
