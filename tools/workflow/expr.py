"""Expressions: the small sandboxed jinja2 of workflows, for conditions, arguments and texts.

Pure. An expression sees the values that it is given, as plain data, and nothing of Python: no attributes, no methods, no
calls but of the few functions below; its loops, its numbers and its output are bounded.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any, Final

import jinja2
from jinja2 import nodes, pass_context
from jinja2.parser import Parser
from jinja2.runtime import ChainableUndefined, Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tools.workflow.functions import CALLABLES, FILTERS, MAX_NUMBER, kind_of

MAX_SOURCE_CHARS: Final = 4_000
"""Of one expression or text: the longest text of the library has 400."""
MAX_OUTPUT_CHARS: Final = 8_000
"""Of one text: twice the longest message that a customer may send."""
MAX_ROUNDS: Final = 50_000
"""Of all loops and filters of one evaluation together: some ten milliseconds."""
MAX_NESTING: Final = 30
"""Of the expression's own tree; jinja2's compiler recurses over it."""

_NODES: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Name, nodes.Const, nodes.Getattr,
    nodes.Getitem, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add,
    nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos, nodes.CondExpr, nodes.List,
    nodes.Dict, nodes.Pair, nodes.Tuple, nodes.Concat, nodes.Call, nodes.Slice, nodes.Keyword,
)  # fmt: skip
_FILTERS: Final = frozenset(
    (
        "abs", "bool", "capitalize", "count", "d", "day", "decimal", "default", "first", "in_words", "int", "join", "last",
        "length", "list", "lower", "map", "max", "min", "money", "number", "reject", "rejectattr", "repeats",
        "round", "select", "selectattr", "sort", "string", "sum", "title", "trim", "unique", "upper",
    )
)  # fmt: skip
_TESTS: Final = frozenset(
    (
        "defined", "undefined", "none", "boolean", "number", "string", "mapping", "sequence", "even", "odd",
        "divisibleby", "eq", "equalto", "==", "ne", "!=", "gt", "greaterthan", ">", "ge", ">=", "lt",
        "lessthan", "<", "le", "<=", "in", "true", "false", "lower", "upper",
    )
)  # fmt: skip
FUNCTIONS: Final = tuple(CALLABLES)


class ExprError(Exception):
    """An expression that cannot be read, or that gave no usable value; the message says why."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


class Missing(ChainableUndefined):
    """What is not there: false, equal to nothing; as text, in sums and in comparisons of size it is an error."""

    __slots__ = ()
    __str__ = __iter__ = __len__ = jinja2.Undefined._fail_with_undefined_error


@dataclass(frozen=True)
class Expression:
    """A compiled expression or text, and what it refers to."""

    source: str
    names: frozenset[str]
    """Names that must come from outside."""
    tree: nodes.Template
    template: jinja2.Template
    is_text: bool
    """It makes text; else it makes a value."""
    known: frozenset[str] = frozenset()
    """Names that it only asks whether they are there (`x is none`): nothing needs to be asked for them."""

    def value(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any value
        """What the expression gives over these values; for a text, the text.

        Raises:
            ExprError: it gave an error, nothing, or too much.

        """
        try:
            context = self.template.new_context({**values, _BUDGET: _Budget()})
            if self.is_text:
                return self._text(context)
            for _ in self.template.root_render_func(context):
                pass
            found = context.vars.get("result")
            return None if isinstance(found, jinja2.Undefined) else _listed(found)
        except (
            jinja2.TemplateError,
            TypeError,
            ValueError,
            ArithmeticError,
            DecimalException,
            LookupError,
            AttributeError,
            RecursionError,
        ) as error:
            raise ExprError(f"{self.source.strip()[:80]!r}: {error or type(error).__name__}") from None

    def _text(self, context: Context) -> str:
        parts: list[str] = []
        size = 0
        for part in self.template.root_render_func(context):
            size += len(part)
            if size > MAX_OUTPUT_CHARS:
                raise ValueError(f"more than {MAX_OUTPUT_CHARS:,} characters")
            parts.append(part)
        return "".join(parts).strip()


@functools.lru_cache(maxsize=4096)  # compiled code by its source; the same everywhere, so not state that could differ
def expression(source: str) -> Expression:
    """A bare expression, such as `order.total > 50`.

    Raises:
        ExprError: it is none, or uses what is not allowed.

    """
    _check_size(source)
    try:
        parser = Parser(_ENVIRONMENT, source, state="variable")
        inner = parser.parse_expression()
        if not parser.stream.eos:
            raise ExprError(f"expected one expression; cannot read on at {parser.stream.current.value!r}")
    except jinja2.TemplateSyntaxError as error:
        raise ExprError(f"{error.message}", error.lineno) from None
    except RecursionError:
        raise ExprError("nested too deeply") from None
    tree = nodes.Template([nodes.Assign(nodes.Name("result", "store", lineno=1), inner, lineno=1)], lineno=1)
    return _compiled(source, tree, inner, is_text=False)


@functools.lru_cache(maxsize=4096)
def text(source: str) -> Expression:
    """A text with `{{ … }}`, `{% if %}` and `{% for %}` in it.

    Raises:
        ExprError: it is none, or uses what is not allowed.

    """
    _check_size(source)
    try:
        tree = _ENVIRONMENT.parse(source)
    except jinja2.TemplateSyntaxError as error:
        raise ExprError(f"{error.message}", error.lineno) from None
    except RecursionError:
        raise ExprError("nested too deeply") from None
    return _compiled(source, tree, tree, is_text=True)


def argument(source: str) -> Expression | None:
    """A value as arguments write it: `{{ expression }}` alone keeps its type, a text with braces is text, others are None.

    Raises:
        ExprError: what is in the braces cannot be used.

    """
    stripped = source.strip()
    if stripped.startswith("{{") and stripped.endswith("}}") and stripped.count("{{") == 1:
        return expression(stripped[2:-2].strip())
    return text(source) if "{{" in source or "{%" in source else None


def _check_size(source: str) -> None:
    if len(source) > MAX_SOURCE_CHARS:
        raise ExprError(f"expected at most {MAX_SOURCE_CHARS:,} characters, got {len(source):,}")


def _compiled(source: str, tree: nodes.Template, inner: nodes.Node, *, is_text: bool) -> Expression:
    names: set[str] = set()
    _inspect(inner, frozenset(), names, 0)
    known = _only_looked_for(inner, names)
    try:
        template = _ENVIRONMENT.from_string(_bounded(tree))
    except (jinja2.TemplateError, RecursionError, SyntaxError) as error:
        raise ExprError(str(error)) from None
    return Expression(source, frozenset(names), tree, template, is_text, known)


def _inspect(node: nodes.Node, bound: frozenset[str], names: set[str], depth: int) -> None:
    """Refuse what is not allowed; collect the names that must come from outside."""
    line = getattr(node, "lineno", 1) or 1
    if not isinstance(node, _NODES) or depth > MAX_NESTING:
        what = "nested too deeply" if depth > MAX_NESTING else f"{type(node).__name__.lower()} is not allowed here"
        raise ExprError(what, line)
    if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in bound:
        names.add(node.name)
    named = node.attr if isinstance(node, nodes.Getattr) else node.name if isinstance(node, nodes.Name) else ""
    if named.startswith("_") or (named == "self" and isinstance(node, nodes.Name)):
        raise ExprError(f"names that begin with _ are not allowed, nor is self: {named}", line)
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        raise ExprError(f"there is no filter {node.name!r}; there are: {', '.join(sorted(_FILTERS))}", line)
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        raise ExprError(f"there is no test {node.name!r}; there are: {', '.join(sorted(_TESTS))}", line)
    if isinstance(node, nodes.Call):
        _inspect_call(node, bound, names, depth)
        return
    if isinstance(node, nodes.For):
        if node.recursive:
            raise ExprError("recursive loops are not allowed", line)
        _inspect(node.iter, bound, names, depth + 1)
        inside = bound | {target.name for target in node.target.find_all(nodes.Name)} | {"loop"}
        if isinstance(node.target, nodes.Name):
            inside |= {node.target.name}
        for child in (*node.body, *([node.test] if node.test else [])):
            _inspect(child, inside, names, depth + 1)
        for child in node.else_:
            _inspect(child, bound, names, depth + 1)
        return
    for child in node.iter_child_nodes():
        _inspect(child, bound, names, depth + 1)


def _inspect_call(node: nodes.Call, bound: frozenset[str], names: set[str], depth: int) -> None:
    line = node.lineno or 1
    if not isinstance(node.node, nodes.Name) or node.node.name not in FUNCTIONS or node.node.name in bound:
        raise ExprError(f"only these can be called: {', '.join(FUNCTIONS)}", line)
    if node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise ExprError("functions take their arguments in order", line)
    for child in node.args:
        _inspect(child, bound, names, depth + 1)


def _only_looked_for(inner: nodes.Node, names: set[str]) -> frozenset[str]:
    """Names that only ever stand before `is none`, `is defined` or `| default(…)`."""
    asked: set[int] = set()
    for node in itertools.chain(inner.find_all(nodes.Test), inner.find_all(nodes.Filter)):
        gentle = node.name in ("none", "defined", "undefined", "default", "d")
        if gentle and isinstance(node.node, nodes.Name):
            asked.add(id(node.node))
    found = set(inner.find_all(nodes.Name)) | ({inner} if isinstance(inner, nodes.Name) else set())
    needed = {name.name for name in found if id(name) not in asked}
    return frozenset(names - needed)


def _bounded(tree: nodes.Template) -> nodes.Template:
    """The tree with counted loops and exact numbers: a float would not add up with money."""
    rewritten = _rewrite(tree)
    assert isinstance(rewritten, nodes.Template)  # noqa: S101 - a template stays one
    rewritten.set_environment(_ENVIRONMENT)
    return rewritten


def _rewrite(node: Any) -> Any:  # noqa: ANN401 - nodes, lists of them, and plain fields
    if isinstance(node, list):
        return [_rewrite(item) for item in node]
    if not isinstance(node, nodes.Node):
        return node
    if isinstance(node, nodes.Const) and isinstance(node.value, float):
        return nodes.Filter(nodes.Const(repr(node.value)), "decimal", [], [], None, None, lineno=node.lineno)
    fields = {name: _rewrite(getattr(node, name)) for name in node.fields}
    made = type(node)(*[fields[name] for name in node.fields], lineno=node.lineno)
    for name in node.attributes:
        if name not in ("lineno", "environment"):
            setattr(made, name, getattr(node, name, None))
    if isinstance(made, nodes.For):
        made.iter = nodes.Filter(made.iter, _COUNTED, [], [], None, None, lineno=made.lineno)
    if isinstance(made, nodes.Filter) and made.node is not None and made.name != "decimal":
        made.node = nodes.Filter(made.node, _COUNTED, [], [], None, None, lineno=made.lineno)
    return made


_BUDGET: Final = "_budget"
_COUNTED: Final = "_counted"


class _Budget:
    """How many rounds this evaluation has taken."""

    def __init__(self) -> None:
        self.rounds = 0

    def take(self, rounds: int) -> None:
        self.rounds += rounds
        if self.rounds > MAX_ROUNDS:
            raise ValueError(f"more than {MAX_ROUNDS:,} rounds")


@pass_context
def _counted(context: Context, value: Any) -> Any:  # noqa: ANN401 - whatever is looped over
    """The value, with its size taken from the budget."""
    budget = context[_BUDGET]
    if isinstance(value, Mapping | list | tuple):
        budget.take(len(value))
    elif isinstance(value, Iterator):
        value = list(itertools.islice(value, MAX_ROUNDS + 1))
        budget.take(len(value))
    return value


class _Environment(ImmutableSandboxedEnvironment):
    """Only data: attributes are keys of mappings, and only our own functions can be called."""

    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - any value
        """A key of a mapping, never an attribute of a Python object."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 - any value
        """An entry of a mapping, list or text."""
        if isinstance(obj, jinja2.runtime.LoopContext):
            return getattr(obj, argument) if argument in ("index", "index0", "first", "last") else self.undefined()
        if isinstance(obj, Mapping):
            return obj[argument] if argument in obj else self.undefined(name=str(argument))
        if isinstance(obj, list | tuple | str) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.undefined(name=str(argument))

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ANN401 - any value
        """Only the functions of this module."""
        return obj in tuple(self.globals.values())

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401, ARG002
        """A sum of numbers, or two texts or lists put together; nothing else, and nothing huge."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return self._sized(left + right)
        if operator == "+" and isinstance(left, list) and isinstance(right, list):
            return self._sized(left + right)
        for side in (left, right):
            if isinstance(side, bool) or not isinstance(side, int | float | Decimal):
                raise TypeError(f"{operator} wants numbers, got {kind_of(side)}")
        a, b = Decimal(str(left)), Decimal(str(right))
        operations: Mapping[str, Callable[[], Decimal]] = {
            "+": lambda: a + b,
            "-": lambda: a - b,
            "*": lambda: a * b,
            "/": lambda: a / b,
            "//": lambda: Decimal((a / b).__floor__()),
            "%": lambda: a - b * (a / b).__floor__(),
        }
        found = operations[operator]()
        if not found.is_finite() or abs(found) > MAX_NUMBER:
            raise ValueError("the number is too large")
        return int(found) if isinstance(left, int) and isinstance(right, int) and operator != "/" else found

    @staticmethod
    def _sized(value: Any) -> Any:  # noqa: ANN401 - text or a list
        if len(value) > MAX_OUTPUT_CHARS:
            raise ValueError(f"more than {MAX_OUTPUT_CHARS:,} long")
        return value


def _listed(value: Any) -> Any:  # noqa: ANN401 - any value
    if isinstance(value, str) and len(value) > MAX_OUTPUT_CHARS:
        raise ValueError(f"more than {MAX_OUTPUT_CHARS:,} characters")
    return list(itertools.islice(value, MAX_ROUNDS)) if isinstance(value, Iterator) else value


def _said(value: Any) -> Any:  # noqa: ANN401 - what stands in braces
    """What goes into a text; "None" in front of a customer would be a bug."""
    if value is None:
        raise ValueError("a value that the text needs is not there")
    if isinstance(value, Mapping | list | tuple):
        raise TypeError("a list or an object cannot stand in a text; use join, or a field")
    return value


def _make() -> _Environment:
    made = _Environment(autoescape=False, undefined=Missing, finalize=_said, optimized=False, cache_size=0)
    made.globals.clear()
    made.globals.update(CALLABLES)
    mine = {**FILTERS, _COUNTED: _counted}
    made.filters = {name: made.filters[name] for name in _FILTERS if name not in mine} | mine
    made.tests = {name: made.tests[name] for name in _TESTS}
    return made


_ENVIRONMENT: Final = _make()
