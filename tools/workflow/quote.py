"""Quote: the part of an article that a policy names, and numbers in a workflow that it contradicts.

Pure: articles come in as text.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from jinja2 import nodes

from tools.workflow.expr import Expression
from tools.workflow.slots import number

_UNITS: Final = {
    "minute": "minute", "minuten": "minute", "hour": "hour", "stunde": "hour", "day": "day", "tag": "day", "week": "week",
    "woche": "week", "month": "month", "monat": "month", "year": "year", "jahr": "year", "percent": "percent",
    "prozent": "percent",
}  # fmt: skip
_WORDS: Final = (
    "minutes?|minuten|hours?|stunden?|days?|tagen|tage|tag|weeks?|wochen?|months?|monaten|monate|monat|"
    "years?|jahren|jahre|jahr"
)
_SPAN: Final = re.compile(
    rf"(?<![\w.,])(\d{{1,6}}(?:[.,]\d{{1,3}})?)(?:\s*(?:-|–|to|bis|or|oder)\s*(\d{{1,6}}))?[\s-]*"
    rf"(working |business |werk)?({_WORDS})\b",
    re.I,
)
_PERCENT: Final = re.compile(r"(?<![\w.,])(\d{1,3}(?:[.,]\d{1,2})?)\s?(?:%|percent\b|Prozent\b)", re.I)
_MONEY: Final = re.compile(r"(?:([€$£])\s?(\d{1,9}(?:[.,]\d{1,3})*))|(?:(\d{1,9}(?:[.,]\d{1,3})*)\s?([€$£]))")
_HEADING: Final = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$", re.M)
_FRONT: Final = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*\n", re.S)
_BRACES: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_SETTING: Final = re.compile(r"(?:^|_)(minute|hour|day|week|month|year|percent)s?(?:_|$)")


@dataclass(frozen=True, order=True)
class Fact:
    """A number with its unit, such as 30 days."""

    unit: str
    value: Decimal

    def __str__(self) -> str:
        """As people say it."""
        amount = f"{self.value:f}".rstrip("0").rstrip(".") if "." in f"{self.value:f}" else f"{self.value:f}"
        if self.unit in "€$£":
            return f"{self.unit}{self.value:f}"
        if self.unit == "percent":
            return f"{amount} %"
        return f"{amount} {self.unit}{'' if self.value == 1 else 's'}"


def split_reference(policy: str) -> tuple[str, str]:
    """The article and the anchor of `help/returns.md#boots`; the anchor may be empty."""
    article, _, anchor = policy.partition("#")
    return article, anchor


def section(article: str, anchor: str) -> str | None:
    """The part of a Markdown article below the heading with this anchor; all of it without one; None if there is none."""
    body = _FRONT.sub("", article)
    if not anchor:
        return body
    headings = list(_HEADING.finditer(body))
    for n, heading in enumerate(headings):
        if slug(heading[2]) == anchor.lower():
            level = len(heading[1])
            end = next((later.start() for later in headings[n + 1 :] if len(later[1]) <= level), len(body))
            return body[heading.start() : end]
    return body if re.search(rf"""\bid\s*=\s*["']{re.escape(anchor)}["']""", body) else None


def anchors(article: str) -> list[str]:
    """The anchors of a Markdown article's headings."""
    return [slug(heading[2]) for heading in _HEADING.finditer(_FRONT.sub("", article))]


def slug(heading: str) -> str:
    """A heading as an anchor: "Sale items" is `sale-items`."""
    plain = unicodedata.normalize("NFKC", re.sub(r"[*_`\[\]]|\(.*?\)", "", heading)).lower()
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", plain).strip())


def facts(text: str) -> set[Fact]:
    """The numbers with units in a text; what stands in braces is left out."""
    plain = _BRACES.sub(" … ", text)
    found = set()
    for first, second, working, word in _SPAN.findall(plain):
        unit = _unit(word.lower())
        if unit is not None:
            found |= {
                Fact(f"working {unit}" if working else unit, n) for n in map(number, (first, second)) if n is not None
            }
    found |= {Fact("percent", n) for n in map(number, _PERCENT.findall(plain)) if n is not None}
    for sign_before, before, after, sign_after in _MONEY.findall(plain):
        amount = number(before or after)
        if amount is not None:
            found.add(Fact(sign_before or sign_after, amount))
    return found


def _unit(word: str) -> str | None:
    for ending in ("", "s", "en", "n", "e"):
        if word.endswith(ending) and (word.removesuffix(ending) if ending else word) in _UNITS:
            return _UNITS[word.removesuffix(ending) if ending else word]
    return None


def setting_fact(name: str, value: object) -> Fact | None:
    """What a setting such as `return_days: 30` says."""
    found = _SETTING.search(name)
    if found is None or isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Fact(found[1], Decimal(value))


def expression_facts(made: Expression) -> Iterator[Fact]:
    """Days that an expression compares with: `days_since(order.delivered_on) <= 30`."""
    for compare in made.tree.find_all(nodes.Compare):
        sides = [compare.expr, *(operand.expr for operand in compare.ops)]
        counts = any(
            isinstance(side, nodes.Call) and isinstance(side.node, nodes.Name) and side.node.name.startswith("days_")
            for side in sides
        )
        for side in sides:
            if counts and isinstance(side, nodes.Const) and isinstance(side.value, int):
                yield Fact("day", Decimal(side.value))


def contradictions(here: Iterable[Fact], policy: str, part: str) -> list[str]:
    """Sentences about numbers that the policy's article gives differently."""
    there = facts(part)
    found = []
    for fact in sorted(set(here)):
        same = sorted(other for other in there if other.unit == fact.unit)
        if same and fact not in same:
            found.append(f"{fact} here, but {policy} says {', '.join(map(str, same))}")
    return found
