"""YAML with places: every value knows its line and column, and every error names them.

It knows no key of any file; what is expected comes in as a pydantic model.
"""

import inspect
import itertools
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ValidationError
from rapidfuzz import fuzz, process
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

M = TypeVar("M", bound=BaseModel)
Path_ = tuple[str | int, ...]
Severity = Literal["error", "warning"]

MAX_BYTES: Final = 1_000_000
"""A configuration file of a megabyte is a mistake (a wrong file, a loop of aliases)."""
MAX_VALUES: Final = 100_000
"""Values in one file, those that aliases repeat counted: ten lines of aliases can stand for billions."""
_ALIKE: Final = 70  # of 100 by rapidfuzz: "greting" and "theem" are found, "colour" is not offered for "locale"
_YAML: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong. Sorts by file, line and column; both count from 1, columns in characters."""

    file: Path
    line: int
    column: int
    severity: Severity
    message: str

    def __str__(self) -> str:
        """As compilers print it: `file:line:column: severity: message`."""
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.message}"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column, both from 1; columns count characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as plain data, with the place of each key and value by its path."""

    file: Path
    data: Any
    values: Mapping[Path_, Place] = field(default_factory=dict)
    keys: Mapping[Path_, Place] = field(default_factory=dict)

    def place(self, path: Sequence[str | int]) -> Place:
        """Where the value is; for what is not there, where its nearest parent's key is."""
        for end in range(len(path), 0, -1):
            part = tuple(path[:end])
            if part in self.values:
                return self.values[part] if end == len(path) else self.keys.get(part, self.values[part])
        return Place(1, 1)


def read_text(file: Path, problems: list[Problem], *, max_bytes: int = MAX_BYTES) -> str | None:
    """The file's text, or None after saying what is wrong with it: unreadable, too large, not UTF-8."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        problems.append(Problem(file, 1, 1, "error", f"cannot be read: {error.strerror or error}"))
        return None
    if len(raw) > max_bytes:
        problems.append(Problem(file, 1, 1, "error", f"expected at most {max_bytes:,} bytes, got {len(raw):,}"))
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = len(raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        message = f"expected UTF-8, got the byte 0x{raw[error.start]:02x}; save the file as UTF-8"
        problems.append(Problem(file, line, column, "error", message))
        return None


def parse_yaml(text: str, file: Path, problems: list[Problem], *, first_line: int = 1) -> Document | None:
    """The text as a Document, or None after saying why it is no YAML mapping.

    `first_line` is the line at which the text begins in its file (front matter does not begin at 1).
    Duplicate keys are errors, and the first of them counts.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if "could not find expected ':'" in str(error.problem):
            mark = error.context_mark or mark  # the line that lacks it, not the next one
        line, column = (mark.line, mark.column) if mark else (0, 0)
        message = _syntax(error, text.split("\n"), line)
        problems.append(Problem(file, line + first_line, column + 1, "error", message))
        return None
    except ReaderError as error:
        at = int(error.position)
        line, column = text.count("\n", 0, at), at - text.rfind("\n", 0, at) - 1
        message = f"a character that YAML does not allow: {text[at : at + 1]!r}"
        problems.append(Problem(file, line + first_line, column + 1, "error", message))
        return None
    except RecursionError:
        problems.append(Problem(file, first_line, 1, "error", "lists or mappings are nested too deeply"))
        return None
    if node is None:
        problems.append(Problem(file, first_line, 1, "error", "the file is empty"))
        return None
    reader = _Reader(file, first_line - 1, problems)
    data = reader.plain(node, (), ())
    if not isinstance(data, dict):
        problems.append(
            Problem(file, first_line, 1, "error", f"expected keys and values, such as `name: …`, got {data!r:.60}")
        )
        return None
    return Document(file, data, reader.values, reader.keys)


def check(model: type[M], document: Document, problems: list[Problem], *, at: Path_ = ()) -> M | None:
    """The part of the document at a path as an instance of the model, or None after saying what is wrong with it."""
    data = document.data
    for step in at:
        data = data[step]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found: dict[Problem, None] = {}
        for item in error.errors(include_url=False):
            found[_problem(model, document, at, dict(item))] = None
        problems.extend(found)
        return None


class _Reader:
    """Turns nodes into plain data and notes where each was."""

    def __init__(self, file: Path, line_offset: int, problems: list[Problem]) -> None:
        self.file = file
        self.offset = line_offset
        self.problems = problems
        self.read = 0
        self.values: dict[Path_, Place] = {}
        self.keys: dict[Path_, Place] = {}

    def plain(self, node: Node, path: Path_, above: tuple[int, ...]) -> Any:  # noqa: ANN401 - any YAML value
        self.values[path] = self._place(node)
        self.read += 1
        if self.read > MAX_VALUES:
            if self.read == MAX_VALUES + 1:
                self._error(node, f"expected at most {MAX_VALUES:,} values, those that aliases repeat counted")
            return None
        if id(node) in above:
            self._error(node, "an alias that contains itself")
            return None
        inside = (*above, id(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, path, inside)
        if isinstance(node, SequenceNode):
            items = itertools.takewhile(lambda _: self.read <= MAX_VALUES, enumerate(node.value))
            return [self.plain(item, (*path, n), inside) for n, item in items]
        return self._scalar(node)

    def _mapping(self, node: MappingNode, path: Path_, above: tuple[int, ...]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if self.read > MAX_VALUES:
                break
            if not isinstance(key_node, ScalarNode):
                self._error(key_node, "expected a name as key, got a list or mapping")
                continue
            key = str(key_node.value)
            if key in data:
                first = self.keys[(*path, key)]
                self._error(key_node, f"the key `{_dotted((*path, key))}` is here twice; first in line {first.line}")
                continue
            self.keys[(*path, key)] = self._place(key_node)
            data[key] = self.plain(value_node, (*path, key), above)
            if isinstance(value_node, ScalarNode) and value_node.start_mark.index == value_node.end_mark.index:
                self.values[(*path, key)] = self.keys[
                    (*path, key)
                ]  # nothing there: its mark is wherever the next key is
        return data

    def _scalar(self, node: Node) -> Any:  # noqa: ANN401 - any YAML scalar
        text = str(node.value)
        tag = str(node.tag)
        if tag.removeprefix(_YAML) not in ("null", "bool", "int", "float", "str", "timestamp"):
            self._error(node, f"expected a plain value, got the tag {tag}")
            return None
        try:
            match tag.removeprefix(_YAML):
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text.replace("_", ""), 0 if text.lstrip("+-")[:2].lower() in ("0x", "0o", "0b") else 10)
                case "float":
                    # A Decimal keeps the digits as written: 50.00 is shown as 50.00.
                    return Decimal(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
        except (ValueError, InvalidOperation):
            pass  # something that only looks like a number is text
        return text

    def _place(self, node: Node) -> Place:
        return Place(node.start_mark.line + 1 + self.offset, node.start_mark.column + 1)

    def _error(self, node: Node, message: str) -> None:
        place = self._place(node)
        self.problems.append(Problem(self.file, place.line, place.column, "error", message))


def _syntax(error: MarkedYAMLError, lines: list[str], line: int) -> str:
    """What is wrong with the YAML, in words for people who do not know its grammar."""
    text = lines[line] if line < len(lines) else ""
    said = str(error.problem or error.context or "no valid YAML")
    if "\t" in text[: len(text) - len(text.lstrip())] or "\\t" in said:
        return "a tab where YAML wants spaces; indent with two spaces"
    if "found '<block mapping start>'" in said or "found '<block sequence start>'" in said or "'<block end>'" in said:
        return "wrong indentation: this line stands further in or out than its neighbours"
    if "mapping values are not allowed" in said:
        return "a second `:` in one line, or wrong indentation; put the text in quotes"
    if "could not find expected ':'" in said:
        return "expected `key: value`; a `:` is missing, or a quote is not closed"
    if "expected ','" in said:
        return "a bracket or brace is not closed, or a comma is missing"
    if "found unexpected end of stream" in said:
        return "a quote, bracket or brace is not closed"
    if "single document" in str(error.context or "") + said:
        return "expected one document; remove the line `---`"
    if "undefined alias" in said:
        return f"{said}; put text that begins with `*` in quotes"
    return f"not valid YAML: {said}"


_EXPECTED: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "date_type": "a day such as 2026-12-25",
    "date_parsing": "a day such as 2026-12-25",
    "date_from_datetime_parsing": "a day such as 2026-12-25",
}


def _problem(model: type[BaseModel], document: Document, at: Path_, item: dict[str, Any]) -> Problem:
    """One of pydantic's errors with its place, saying what was expected and what stands there."""
    # pydantic's paths also name members of unions and `[key]`; the file has no such steps.
    path: Path_ = at
    for step in item["loc"]:
        if (*path, step) in document.values or item["type"] == "missing":
            path = (*path, step)
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        place = document.keys.get(path, document.place(path))
        message = f"unknown key `{_dotted(path)}`{_meant(str(path[-1]), _names_at(model, path[len(at) : -1]))}"
        return Problem(document.file, place.line, place.column, "error", message)
    place = document.place(path)
    if kind == "missing":
        parent = path[:-1]
        place = document.keys.get(parent, document.place(parent))
        return Problem(document.file, place.line, place.column, "error", f"the key `{_dotted(path)}` is missing")
    got = f", got {_shown(item['input'])}"
    if kind == "value_error":
        said = str(context.get("error", item["msg"]))
        message = said if "got" in said or "expected" in said else said + got
    elif kind == "literal_error":
        message = f"expected {context['expected']}{got}{_meant(str(item['input']), _literals(context['expected']))}"
    elif kind in _EXPECTED:
        message = f"expected {_EXPECTED[kind]}{got}"
    else:
        said = str(item["msg"]).replace("Input should be ", "a number ").replace("String should have", "text of")
        message = f"expected {said[:1].lower()}{said[1:]}{got}"
    if item["loc"] and item["loc"][-1] == "[key]":
        return Problem(document.file, *_key_place(document, path, place), "error", f"{_dotted(path)}: {message}")
    return Problem(document.file, place.line, place.column, "error", f"{_dotted(path)}: {message}")


def _key_place(document: Document, path: Path_, place: Place) -> tuple[int, int]:
    key = document.keys.get(path, place)
    return key.line, key.column


def _dotted(path: Path_) -> str:
    """A path as in `theme.chips[2]`."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, list):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _meant(name: str, known: Sequence[str]) -> str:
    best = process.extractOne(name.lower(), known, scorer=fuzz.ratio, score_cutoff=_ALIKE)
    if best is not None:
        return f"; did you mean `{best[0]}`?"
    return f"; known are: {', '.join(known)}" if known else ""


def _literals(expected: str) -> list[str]:
    return [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]


def _names_at(model: type[BaseModel], path: Path_) -> list[str]:
    """Names of the keys that the model knows at a path."""
    models = [model]
    for step in path:
        annotations = [
            m.model_fields[step].annotation for m in models if isinstance(step, str) and step in m.model_fields
        ]
        found = [inner for annotation in annotations for inner in _models_in(annotation)]
        models = found or models
    return [name for m in models for name in m.model_fields]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - a type form
    for inner in typing.get_args(annotation):
        yield from _models_in(inner)
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
