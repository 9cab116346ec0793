"""Fields: what a card that asks a person says of a call's arguments, beside their stored names and values.

Pure. It shows nothing itself, and nothing here changes what is stored or what a consent is bound to.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from tools.permission import LIMITS, Rule
from tools.spec import ToolSpec
from tools.types import ToolError

MAX_TITLE_CHARS: Final = 60
"""A label beside a value; an MCP server's schema may hold anything."""
MAX_ABOUT_CHARS: Final = 40
"""A description that is longer is a sentence for a model, not a label."""
_READABLE: Final = re.compile(r"[^\W\d_]{3}")


def fields_of(
    spec: ToolSpec, rule: Rule | None, args: Mapping[str, Any], currency: str | None = None
) -> dict[str, dict[str, str]]:
    """`{name: {title?, currency?}}` of the arguments of which there is more to say than their names do.

    `currency` is what amounts of this shop are of, where neither the call nor the tool's rule says.
    """
    properties = spec.json_schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    found = {name: _titled(name, properties.get(name)) for name in args}
    if spec.amount in args and moves_money(spec, rule):
        known = _named(spec, args) or (rule.currency if rule is not None else None) or currency
        found[spec.amount] |= {"currency": known} if known else {}
    return {name: field for name, field in found.items() if field}


def moves_money(spec: ToolSpec, rule: Rule | None) -> bool:
    """Whether the tool's amount is money: its effect says so, or the rule's amounts do. Else it may be a number of pieces."""
    if not spec.has_amount:
        return False
    bound = ("auto_up_to", *LIMITS)
    return spec.effect == "money" or (rule is not None and any(getattr(rule, name) is not None for name in bound))


def _titled(name: str, schema: object) -> dict[str, str]:
    """The schema's title, where somebody wrote one; of a name without a word, how its description begins."""
    if not isinstance(schema, Mapping):
        return {}
    title = " ".join(str(schema.get("title") or "").split())
    if title and _letters(title) != _letters(name):  # "Order Id" was made from order_id
        return {"title": title if len(title) <= MAX_TITLE_CHARS else title[: MAX_TITLE_CHARS - 1] + "…"}
    about = re.split(r"[.,:;(\n]", str(schema.get("description") or ""), maxsplit=1)[0].strip()
    if not _READABLE.search(name) and 0 < len(about) <= MAX_ABOUT_CHARS:
        return {"title": about[0].upper() + about[1:]}
    return {}


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _named(spec: ToolSpec, args: Mapping[str, Any]) -> str | None:
    try:
        return spec.currency_of(spec.validate(args))
    except ToolError:
        return None  # the call is refused when it is judged; a card of it may still be open
