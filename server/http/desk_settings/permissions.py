"""Permissions page: the matrix of tools, permissions and limits, and a form for the rule of each.

What a rule means is said by the same code that `shopbell check` prints its matrix with, and decided by `tools.permission`.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from server.editing import BadPath, FileText, Unwritable, rewrite
from server.http.desk_settings.base import NOTHING_WRONG, Asked, Base, Form, Wrong
from server.http.desk_settings.forms import Path_, said, sentence, wrong_of
from server.shop.advice import findings_of
from server.shop.matrix import PER, limits_of, permission_of
from server.site import Problem, tools_in
from tools import Registry, Rule, ToolSpec, default_permission, needed_level

FILE: Final = "tools.yaml"
AMOUNTS: Final = ("auto_up_to", *PER)
KEYS: Final = ("permission", *AMOUNTS, "currency", "needs", "fallback", "enabled")
PERMISSIONS: Final[Mapping[str, str]] = {
    "auto": "auto: done at once",
    "confirm": "confirm: the customer agrees first",
    "approve": "approve: a colleague agrees first",
    "deny": "deny: never",
}
LEVELS: Final[Mapping[str, str]] = {
    "anonymous": "anonymous: anybody",
    "identified": "identified: signed in",
    "step_up": "step_up: has entered a code sent to the address on file",
}
_COMMA: Final = re.compile(r"\d+,(?:\d{1,2}|\d{4})")
"""Not with three digits: "1,000" is a thousand to some and one to others, and nobody is to guess a limit."""


@dataclass(frozen=True, slots=True)
class Line:
    """One tool: what holds for it, in words, and its rule as fields."""

    spec: ToolSpec
    about: str
    permission: str
    by: str
    limits: str
    needs: str
    default: str
    fields: Mapping[str, str]
    warnings: tuple[str, ...]
    refused: str
    """Why its connector refuses it at this moment; empty when it does not."""


class PermissionsPage(Base):
    """What the agent may do."""

    async def show(self, request: Request) -> Response:
        """The matrix; a POST saves the rule of one tool."""
        asked = await self.asked(request)
        if isinstance(asked, Response):
            return asked
        file = asked.shop.dir / FILE
        try:
            text = await self.read(asked, FILE)
        except (BadPath, OSError) as error:
            return await self._broken(asked, [Problem(file, 1, 1, "error", str(error))])
        rules, problems = await asyncio.to_thread(_rules, file, text.text)
        if problems:
            return await self._broken(asked, problems)
        if asked.form is None:
            return await self._draw(asked, rules, text)
        spec = asked.shop.registry.get(asked.form.get("tool"))
        if spec is None:
            return await self._draw(asked, rules, text, Wrong(general=("There is no such tool any more.",)))
        return await self._change(asked, rules, text, spec)

    async def _change(self, asked: Asked, rules: Mapping[str, Rule], file: FileText, spec: ToolSpec) -> Response:
        assert asked.form is not None  # noqa: S101 - a POST has one
        key = key_of(spec, rules)
        before, now = fields_of(rules.get(key) or Rule()), _sent(asked.form)
        changed = [name for name in KEYS if before[name] != now[name]]
        values: dict[Path_, Any] = {("tools", key, name): _value(name, now[name]) for name in changed}
        if changed and not any(now[name] for name in KEYS if name != "enabled") and now["enabled"]:
            values = {("tools", key): None}  # a rule that says nothing is none
        try:
            text = await asyncio.to_thread(rewrite, file.text, values)
        except Unwritable as error:
            return await self._draw(asked, rules, file, Wrong(general=(str(error),)), (spec.name, now))
        if asked.form.get("base") != file.sha256:
            return await self.conflict(asked, "permissions", file, text)
        words = said([f"{_named(name)} {before[name] or 'none'} → {now[name] or 'none'}" for name in changed])
        answer = await self.save(asked, "permissions", FILE, text, f"Permissions of {spec.name}: {words}")
        if isinstance(answer, Response):
            return answer
        place = f"tools.{key}"
        names = {f"{place}.{name}": name for name in KEYS} | {place: "rule"}
        return await self._draw(asked, rules, file, wrong_of(answer, (), names), (spec.name, now))

    async def _draw(
        self,
        asked: Asked,
        rules: Mapping[str, Rule],
        file: FileText,
        wrong: Wrong = NOTHING_WRONG,
        typed: tuple[str, Mapping[str, str]] | None = None,
    ) -> Response:
        lines = [_line(asked, spec, rules.get(key_of(spec, rules))) for spec in asked.shop.registry]
        if typed is not None:
            lines = [_with(line, typed[1]) if line.spec.name == typed[0] else line for line in lines]
        values = {
            "lines": lines,
            "base": file.sha256,
            "wrong": wrong,
            "tool": typed[0] if typed is not None else asked.query.get("tool", ""),
            "permissions": PERMISSIONS,
            "levels": LEVELS,
            "per": PER,
            "unknown": unknown(rules, asked.shop.registry),
        }
        return await self.page("desk-settings-permissions.html", asked, "permissions", 422 if wrong else 200, **values)

    async def _broken(self, asked: Asked, problems: list[Problem]) -> Response:
        values = {"problems": [(one.file.name, one) for one in problems], "file": FILE}
        return await self.page("desk-settings-broken.html", asked, "permissions", 409, **values)


def _rules(file: Path, text: str) -> tuple[Mapping[str, Rule], list[Problem]]:
    problems: list[Problem] = []
    rules = tools_in(text.removeprefix("\ufeff"), file, problems).rules
    return rules, [one for one in problems if one.severity == "error"]


def key_of(spec: ToolSpec, rules: Mapping[str, Rule]) -> str:
    """The name under which a tool's rule is written, which may be a former one."""
    return next((name for name in (spec.name, *spec.aliases) if name in rules), spec.name)


def unknown(rules: Mapping[str, Rule], registry: Registry) -> list[str]:
    """Rules for tools that there are not."""
    return [name for name in rules if name not in registry]


def fields_of(rule: Rule) -> dict[str, str]:
    """A rule as what stands in its form."""
    fields = {name: "" if (value := getattr(rule, name)) is None else str(value) for name in KEYS if name != "enabled"}
    return fields | {"enabled": "1" if rule.enabled else ""}


def _line(asked: Asked, spec: ToolSpec, rule: Rule | None) -> Line:
    permission, by = permission_of(spec, rule)
    warnings = [sentence(message) for _, _, message in findings_of(spec, rule)] if rule is not None else []
    doc = (spec.fn.__doc__ or "").strip().partition("\n")[0]
    return Line(
        spec,
        doc,
        permission,
        by,
        limits_of(spec, rule),
        needed_level(spec, rule),
        default_permission(spec) if spec.ask is None else ("confirm" if spec.ask.of == "customer" else "approve"),
        fields_of(rule or Rule()),
        tuple(warnings),
        asked.shop.connectors.refused(spec.name) or "",
    )


def _with(line: Line, typed: Mapping[str, str]) -> Line:
    return replace(line, fields=typed)


def _sent(form: Form) -> dict[str, str]:
    sent = {name: form.get(name) for name in KEYS}
    for name in AMOUNTS:
        if _COMMA.fullmatch(sent[name]):  # as amounts are written in half of Europe
            sent[name] = sent[name].replace(",", ".")
    return sent | {"currency": sent["currency"].upper(), "enabled": "1" if sent["enabled"] else ""}


def _value(name: str, typed: str) -> Any:  # noqa: ANN401 - a number, false or text
    if name == "enabled":
        return None if typed else False
    if name in AMOUNTS and re.fullmatch(r"\d{1,14}(\.\d{1,6})?", typed):
        return Decimal(typed)
    return typed or None


def _named(name: str) -> str:
    return "on" if name == "enabled" else name
