"""Guests by a tool: what `guests: {tool: NAME}` of site.yaml makes of one of the shop's tools, for shops without a plugin.

The agent never calls that tool: whoever may call it could try out whether orders exist.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from server.kit import Guest, GuestLookup, Kit
from server.site import Document, Problem
from tools import Caller, Registry, Rule, run

ARGUMENTS: Final = ("order", "email")


class _Found(BaseModel):
    """What the tool has to return; ids made of digits only are numbers to many systems."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    customer: str
    email: str
    name: str | None = None


def guests_by(name: str, registry: Registry, site: str) -> GuestLookup:
    """A lookup that asks this tool. What the tool refuses (404, a ToolError), and an empty result, is nobody."""

    async def look_up(order: str, email: str) -> Guest | None:
        spec = registry.get(name)
        if spec is None:
            raise LookupError(f"there is no tool {name}")
        ended = await run(spec, Caller(site=site, conversation=""), {"order": order, "email": email})
        if not ended.ok and ended.code != "refused":
            raise OSError(ended.code)
        try:
            found = _Found.model_validate(ended.result) if ended.ok and ended.result else None
        except ValidationError:
            return None  # a result without a customer or an address, as some systems answer for what they do not have
        return Guest(found.customer, found.email, found.name) if found is not None else None

    return look_up


def connect_guests(
    kit: Kit, document: Document, rules: Mapping[str, Rule], problems: list[Problem], *, complete: bool
) -> None:
    """Set `kit.guests` as site.yaml says. `complete`: all tools are known; MCP servers tell theirs later."""
    if kit.site.guests is None:
        return
    name = kit.site.guests.tool
    wrong = _wrong(name, kit, rules, complete=complete)
    if wrong:
        place = document.place(("guests", "tool"))
        problems.append(Problem(document.file, place.line, place.column, "error", f"guests.tool: {wrong}"))
    kit.guests = guests_by(name, kit.tools, kit.site.key)


def _wrong(name: str, kit: Kit, rules: Mapping[str, Rule], *, complete: bool) -> str:
    """Why this tool cannot find guests; empty if it can."""
    if kit.guests is not None:
        return "plugin.py sets kit.guests, too; only one of them can find guests"
    spec = kit.tools.get(name)
    if spec is None and complete:
        return f"there is no tool {name!r}"
    rule = rules.get(name) or (rules.get(spec.name) if spec is not None else None)
    if rule is None or (rule.permission != "deny" and rule.enabled):
        return f"the agent could call {name}, and try out which orders exist; in tools.yaml set {name}: {{permission: deny}}"
    if spec is None:
        return ""
    taken = spec.args_model.model_fields
    needed = {one for one, field in taken.items() if field.is_required()}
    fits = {*ARGUMENTS} <= {*taken} and needed <= {*ARGUMENTS}
    if fits and spec.effect == "read" and spec.needs == "anonymous":
        return ""
    return f"expected a tool that reads, needs no customer and takes order and email; {name} is not one"
