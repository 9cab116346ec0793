"""Infer: the types of expressions, as far as they can be known without values, and what cannot be right in them.

Pure. What it cannot decide it does not report.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jinja2 import nodes
from rapidfuzz import fuzz, process

from tools.workflow import types
from tools.workflow.expr import FUNCTIONS, Expression
from tools.workflow.types import ANY, DATE, MONEY, NUMBER, TEXT, YES_NO, Type

_NUMERIC: Final = frozenset({"number", "money"})
_TEXT_FILTERS: Final = frozenset(
    {"money", "day", "in_words", "lower", "upper", "title", "trim", "capitalize", "string", "join"}
)
_NUMBER_FILTERS: Final = frozenset({"length", "count", "int", "round", "abs", "decimal", "number"})
_SAME_FILTERS: Final = frozenset({"select", "reject", "sort", "unique", "list", "selectattr", "rejectattr", "repeats"})


def infer(made: Expression, names: Mapping[str, Type], said: list[str]) -> Type:
    """The type of the expression's value over these names; what is wrong goes to `said`, one sentence each."""
    walker = _Walker(said)
    if made.is_text:
        walker.body(made.tree.body, dict(names))
        return TEXT
    assign = made.tree.body[0]
    assert isinstance(assign, nodes.Assign)  # noqa: S101 - `expression` makes one
    return walker.type_of(assign.node, names)


def meant(name: str, known: Sequence[str]) -> str:
    """`; did you mean …?`, or which there are."""
    best = process.extractOne(name, known, scorer=fuzz.ratio, score_cutoff=70)
    return f"; did you mean `{best[0]}`?" if best else f"; there are: {', '.join(sorted(known)) or 'none'}"


class _Walker:
    def __init__(self, said: list[str]) -> None:
        self.said = said

    def wrong(self, message: str) -> Type:
        if message not in self.said:
            self.said.append(message)
        return ANY

    def body(self, items: Sequence[nodes.Node], names: dict[str, Type]) -> None:
        for item in items:
            if isinstance(item, nodes.Output):
                self._output(item, names)
            elif isinstance(item, nodes.If):
                self.type_of(item.test, names)
                self.body([*item.body, *item.elif_, *item.else_], names)
            elif isinstance(item, nodes.For):
                over = self.type_of(item.iter, names)
                if over.kind not in ("any", "list"):
                    self.wrong(f"for wants a list, got {over}")
                inside = {**names, "loop": ANY}
                for target in [item.target, *item.target.find_all(nodes.Name)]:
                    if isinstance(target, nodes.Name):
                        inside[target.name] = over.item or ANY if target is item.target else ANY
                self.body([*item.body, *item.else_], inside)

    def _output(self, item: nodes.Output, names: Mapping[str, Type]) -> None:
        for part in item.nodes:
            found = self.type_of(part, names)
            if found.kind in ("list", "object"):
                self.wrong(f"{found} cannot stand in a text; use join, or a field")

    def type_of(self, node: Any, names: Mapping[str, Type]) -> Type:  # noqa: ANN401, C901 - one case for each kind of node
        match node:
            case nodes.TemplateData():
                return TEXT
            case nodes.Const():
                return types.of_value(node.value)
            case nodes.Name():
                if node.name in names:
                    return names[node.name]
                return self.wrong(f"there is nothing called `{node.name}`{meant(node.name, list(names))}")
            case nodes.Getattr():
                return self._field(self.type_of(node.node, names), node.attr)
            case nodes.Getitem():
                return self._item(node, names)
            case nodes.Filter():
                return self._filter(node, names)
            case nodes.Test():
                self.type_of(node.node, names)
                return YES_NO
            case nodes.Compare():
                return self._compare(node, names)
            case nodes.And() | nodes.Or():
                left, right = self.type_of(node.left, names), self.type_of(node.right, names)
                return left if left.kind == right.kind else ANY
            case nodes.Not():
                self.type_of(node.node, names)
                return YES_NO
            case nodes.BinExpr():
                return self._sum(node, names)
            case nodes.UnaryExpr():
                return self._numeric(self.type_of(node.node, names), "-")
            case nodes.CondExpr():
                self.type_of(node.test, names)
                first = self.type_of(node.expr1, names)
                second = self.type_of(node.expr2, names) if node.expr2 is not None else types.of_value(None)
                return first if second.kind == first.kind else types.nullable(first) if second.kind == "none" else ANY
            case nodes.List() | nodes.Tuple():
                kinds = [self.type_of(item, names) for item in node.items]
                return Type("list", item=kinds[0] if kinds and len({k.kind for k in kinds}) == 1 else ANY)
            case nodes.Concat():
                for item in node.nodes:
                    self.type_of(item, names)
                return TEXT
            case nodes.Call():
                return self._call(node, names)
            case nodes.Dict():
                for pair in node.items:
                    self.type_of(pair.value, names)
        return ANY

    def _field(self, of: Type, name: str) -> Type:
        if of.kind == "object":
            if name in of.fields:
                return of.fields[name]
            return ANY if of.open else self.wrong(f"there is no field `{name}`{meant(name, list(of.fields))}")
        if of.kind in ("any", "none"):
            return ANY
        return self.wrong(f"{of} has no field `{name}`")

    def _item(self, node: nodes.Getitem, names: Mapping[str, Type]) -> Type:
        of = self.type_of(node.node, names)
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return self._field(of, node.arg.value)
        if isinstance(node.arg, nodes.Slice):
            return of
        self.type_of(node.arg, names)
        return of.item or ANY if of.kind == "list" else ANY

    def _filter(self, node: nodes.Filter, names: Mapping[str, Type]) -> Type:
        of = self.type_of(node.node, names) if node.node is not None else ANY
        for arg in node.args:
            self.type_of(arg, names)
        attribute = next(
            (k.value.value for k in node.kwargs if k.key == "attribute" and isinstance(k.value, nodes.Const)), None
        )
        if node.name in ("selectattr", "rejectattr") and node.args and isinstance(node.args[0], nodes.Const):
            attribute = node.args[0].value
        lists = _SAME_FILTERS | {"first", "last", "sum", "map", "join", "min", "max"}
        if node.name in lists and of.kind not in ("any", "list", "none"):
            return self.wrong(f"{node.name} wants a list, got {of}")
        part = of.item or ANY
        if isinstance(attribute, str) and part.kind == "object":
            part = self._field(part, attribute.split(".")[0]) if "." not in attribute else ANY
        match node.name:
            case "money" | "decimal" | "number" | "int" | "round" | "abs" if of.kind in (
                "list",
                "object",
                "yes_no",
                "date",
            ):
                return self.wrong(f"{node.name} wants a number, got {of}")
            case "day" if of.kind in ("list", "object", "yes_no", "number", "money"):
                return self.wrong(f"day wants a date, got {of}")
            case "in_words" if of.kind not in ("any", "text", "none"):
                return self.wrong(f"in_words wants a text, got {of}")
            case "map":
                return Type("list", item=part if isinstance(attribute, str) else ANY)
            case "first" | "last" | "min" | "max":
                return types.nullable(of.item) if of.item is not None else ANY
            case "sum":
                return MONEY
            case "bool":
                return YES_NO
        if node.name in _TEXT_FILTERS:
            return TEXT
        if node.name in _NUMBER_FILTERS:
            return MONEY if of.kind == "money" else NUMBER
        return of if node.name in _SAME_FILTERS else ANY

    def _compare(self, node: nodes.Compare, names: Mapping[str, Type]) -> Type:
        left = self.type_of(node.expr, names)
        for operand in node.ops:
            right = self.type_of(operand.expr, names)
            kinds = {left.kind, right.kind}
            known = not kinds & {"any", "none"}
            if operand.op in ("lt", "lteq", "gt", "gteq"):
                bad = kinds & {"yes_no", "object", "list"} or (known and len(kinds) == 2 and not kinds <= _NUMERIC)
                if bad:
                    self.wrong(f"{left} and {right} have no order: they cannot be compared with < or >")
            elif operand.op in ("eq", "ne"):
                if known and len(kinds) == 2 and not kinds <= _NUMERIC:
                    self.wrong(f"{left} and {right} are never equal")
                self._option(left, operand.expr)
                self._option(right, node.expr)
            elif operand.op in ("in", "notin") and right.kind in ("number", "money", "yes_no", "date"):
                self.wrong(f"`in` wants a list or text, got {right}")
            elif operand.op in ("in", "notin") and isinstance(operand.expr, nodes.List | nodes.Tuple):
                for item in operand.expr.items:
                    self._option(left, item)
            left = right
        return YES_NO

    def _option(self, of: Type, other: nodes.Node) -> None:
        if (
            of.options
            and isinstance(other, nodes.Const)
            and isinstance(other.value, str)
            and other.value not in of.options
        ):
            self.wrong(f"it is never '{other.value}'{meant(other.value, of.options)}")

    def _sum(self, node: nodes.BinExpr, names: Mapping[str, Type]) -> Type:
        left, right = self.type_of(node.left, names), self.type_of(node.right, names)
        if isinstance(node, nodes.Add) and left.kind == right.kind and left.kind in ("text", "list"):
            return left
        for side in (left, right):
            if (
                isinstance(node, nodes.Add)
                and {left.kind, right.kind} == {"any", side.kind}
                and side.kind in ("text", "list")
            ):
                continue
            self._numeric(side, node.operator)
        return MONEY if "money" in (left.kind, right.kind) else NUMBER

    def _numeric(self, of: Type, operator: str) -> Type:
        if of.kind in _NUMERIC or of.kind in ("any", "none"):
            return of
        return self.wrong(f"{operator} wants numbers, got {of}")

    def _call(self, node: nodes.Call, names: Mapping[str, Type]) -> Type:
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        given = [self.type_of(arg, names) for arg in node.args]
        if name not in FUNCTIONS:
            return ANY
        if name == "one_of":
            if len(given) < 2:
                self.wrong("one_of wants a value and at least one option")
            return YES_NO
        wanted = 2 if name == "days_between" else 1
        if len(given) != wanted:
            self.wrong(f"{name} wants {wanted} {'dates' if wanted > 1 else 'date'}, got {len(given)}")
        for kind in given:
            if kind.kind not in (DATE.kind, "text", "any", "none"):
                self.wrong(f"{name} wants a date, got {kind}")
        return NUMBER
