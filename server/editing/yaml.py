"""YAML, changed as a developer would change it: only what is different is written anew, and all else stays byte for byte.

Pure. It knows no key of any file. Whether the result is good is checked by reading it again.
"""

import difflib
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.emitter import Emitter
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter

from tools.places import parse_yaml

Path_ = tuple[str | int, ...]
MAX_CHANGES: Final = 500
"""Single changes of one text: a form has fewer fields."""
_FLOAT: Final = "tag:yaml.org,2002:float"
_INT: Final = "tag:yaml.org,2002:int"
_STR: Final = "tag:yaml.org,2002:str"


class Unwritable(Exception):
    """The text cannot be changed from here: it is broken, or written in a way (anchors, tags) that has to be changed by hand."""


def rewrite(text: str, changes: Mapping[Path_, Any]) -> str:
    """The text with these values at these paths; None takes a key away. Maps that are not there yet are made.

    Values are text, bool, int, Decimal, and lists and maps of them. Comments, order, quotes and line ends of everything that
    stays the same stay as they are.

    Raises:
        Unwritable: see there.
    """
    mark, newline = "\ufeff" if text.startswith("\ufeff") else "", "\r\n" if "\r\n" in text else "\n"
    plain = text.removeprefix(mark).replace("\r\n", "\n")
    wanted = _data(plain)
    for path, value in changes.items():
        _put(wanted, path, value)
    for _ in range(MAX_CHANGES):
        change = _first(_root(plain), _data(plain), wanted, ())
        if change is None:
            return mark + plain.replace("\n", newline)
        before, plain = plain, _Splice(plain).changed(*change)
        if plain == before:
            break
    raise Unwritable("this file is written in a way that cannot be changed from here; change it by hand")


def _root(text: str) -> Node | None:
    try:
        return YAML(typ="safe", pure=True).compose(text) if text.strip() else None
    except YAMLError as error:
        raise Unwritable(f"this file is broken, so it has to be mended by hand first: {error}") from error


def _data(text: str) -> dict[str, Any]:
    """What the text says, as whoever reads the file will read it."""
    if _root(text) is None:
        return {}
    problems: list[Any] = []
    document = parse_yaml(text, Path("file"), problems)
    if document is None or problems:
        raise Unwritable(f"this file is broken, so it has to be mended by hand first: {problems[0].message}")
    data: dict[str, Any] = document.data
    return data


def _put(data: dict[str, Any], path: Path_, value: Any) -> None:  # noqa: ANN401 - plain data
    *above, last = path
    for step in above:
        inside = data.get(str(step))
        if not isinstance(inside, dict):
            if value is None:
                return
            inside = data[str(step)] = {}
        data = inside
    if value is None:
        data.pop(str(last), None)
    else:
        data[str(last)] = value


def _first(node: Node | None, old: Any, new: Any, path: Path_) -> tuple[Path_, Any] | None:  # noqa: ANN401 - plain data
    """The first place at which the two differ, as far in as it can be changed by itself: its path, and what belongs there.

    The value None takes the place away. A path that ends in a `_New` place is to be put in there.
    """
    if old == new and isinstance(old, bool) == isinstance(new, bool):
        return None
    if isinstance(old, dict) and isinstance(new, dict) and old and new and isinstance(node, MappingNode):
        inside = {str(key.value): value for key, value in node.value}
        for key in old:
            if key not in new:
                return (*path, key), None
        for key, value in new.items():
            if key not in old:
                return (*path, key), value
            found = _first(inside[key], old[key], value, (*path, key))
            if found is not None:
                return found
        return None  # in another order, which means the same
    if isinstance(old, list) and isinstance(new, list) and old and new and isinstance(node, SequenceNode):
        if _is_flow(node):
            return path, new
        return _first_item(node, old, new, path)
    return path, new


class _New(int):
    """A place in a list at which something is put in, so that what is there moves on."""


def _first_item(node: SequenceNode, old: list[Any], new: list[Any], path: Path_) -> tuple[Path_, Any] | None:
    matcher = difflib.SequenceMatcher(None, [repr(one) for one in old], [repr(one) for one in new], autojunk=False)
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind == "equal":
            continue
        if kind == "delete" or (kind == "replace" and i2 - i1 > j2 - j1):
            return (*path, i2 - 1), None
        if kind == "insert":
            return (*path, _New(i1)), new[j1]
        found = _first(node.value[i1], old[i1], new[j1], (*path, i1))
        if found is not None:
            return found
    return None


class _Splice:
    """A text, and where in it things are."""

    def __init__(self, text: str) -> None:
        self._text = text if not text or text.endswith("\n") else text + "\n"
        self._root = _root(text)

    def changed(self, path: Path_, value: Any) -> str:  # noqa: ANN401 - plain data
        """The text with this one change."""
        if self._root is None:
            return self._text + _block(value, 0)
        if not path:
            return self._cut(int(self._root.start_mark.index), self._end(self._root), _block(value, 0).rstrip("\n"))
        node: Node = self._root
        for n, step in enumerate(path):
            if isinstance(step, _New):
                return self._insert_item(node, step, value)
            inside = _child(node, step)
            if inside is None:
                return self._insert_key(node, str(step), _nested(path[n + 1 :], value))
            if n == len(path) - 1:
                return self._remove(node, step) if value is None else self._replace(node, step, value)
            node = inside
        return self._text

    # Ends and beginnings, as indexes of the text

    def _end(self, node: Node) -> int:
        """Behind the last character that belongs to the node; a block's own mark is behind the comments that follow it."""
        if isinstance(node, MappingNode) and not _is_flow(node) and node.value:
            key, value = node.value[-1]
            return max(self._key_end(key), self._end(value))
        if isinstance(node, SequenceNode) and not _is_flow(node) and node.value:
            return self._end(node.value[-1])
        start, end = int(node.start_mark.index), int(node.end_mark.index)
        return start + len(self._text[start:end].rstrip())

    def _key_end(self, key: Node) -> int:
        """Behind the colon of a key."""
        return self._text.index(":", int(key.end_mark.index)) + 1

    def _line_start(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        """Behind the line's end: a comment behind the value belongs to the line."""
        found = self._text.find("\n", at)
        return len(self._text) if found < 0 else found + 1

    def _cut(self, start: int, end: int, text: str) -> str:
        return self._text[:start] + text + self._text[end:]

    # The changes

    def _replace(self, parent: Node, step: str | int, value: Any) -> str:  # noqa: ANN401 - plain data
        key, node = _entry(parent, step)
        in_flow = _is_flow(parent)
        small = not isinstance(value, dict | list) or not value
        is_block = isinstance(node, ScalarNode) and node.style in ("|", ">")
        multiline = isinstance(value, str) and "\n" in value
        if in_flow or (isinstance(node, ScalarNode) and small and not multiline and not is_block):
            return self._in_line(key, node, _inline(value, node))
        if _is_flow(node) and isinstance(value, list) and _is_flat(value):
            return self._in_line(key, node, _inline(value, node))
        if key is not None:
            start = int(key.start_mark.index)
            indent = int(key.start_mark.column)
            written = _block({str(key.value): value}, indent)[indent:]
        else:
            start, indent = int(node.start_mark.index), int(node.start_mark.column)
            written = _block(value, indent)[indent:]
        end = max(self._end(node), self._key_end(key) if key is not None else start)
        return self._cut(start, self._line_end(end), written)

    def _in_line(self, key: Node | None, node: Node, written: str) -> str:
        start, end = int(node.start_mark.index), self._end(node)
        if start >= end and key is not None:  # nothing was there: its mark is wherever the next thing is
            start = end = self._key_end(key)
            written = f" {written}"
        return self._cut(start, end, written)

    def _remove(self, parent: Node, step: str | int) -> str:
        if _is_flow(parent):
            kept = _plain(parent)
            del kept[step]
            return self._cut(int(parent.start_mark.index), self._end(parent), _inline(kept, None))
        key, node = _entry(parent, step)
        if key is None:
            # The dash is before the item, and a line with nothing else before it begins the item.
            start = self._line_start(self._text.rfind("-", 0, int(node.start_mark.index) + 1))
            return self._cut(start, self._line_end(self._end(node)), "")
        start = int(key.start_mark.index)
        end = self._line_end(max(self._end(node), self._key_end(key)))
        line = self._line_start(start)
        if not self._text[line:start].strip():
            if self._text[:line].endswith("\n\n") and self._text[end:].startswith("\n"):
                end += 1  # of the empty lines around it one is enough
            return self._cut(line, end, "")
        after = next((int(k.start_mark.index) for k, _ in parent.value if k.start_mark.index > start), end)
        return self._cut(start, after, "")  # the first key of an item, behind its dash

    def _insert_key(self, parent: Node, key: str, value: Any) -> str:  # noqa: ANN401 - plain data
        if _is_flow(parent):
            kept = _inline({key: value}, None)[1:-1]
            at = self._end(parent) - 1
            while self._text[at - 1] in " \n\t":
                at -= 1
            return self._cut(at, at, f", {kept}" if parent.value else kept)
        at, indent = self._line_end(self._end(parent)), int(parent.start_mark.column)
        neighbour = parent.value[-1][1]
        if isinstance(neighbour, MappingNode) and _is_flow(neighbour) and isinstance(value, dict) and value:
            written = f"{_inline({key: value}, None)[1:-1]}\n"  # as the one above it is written
            return self._cut(at, at, " " * indent + written)
        return self._cut(at, at, _block({key: value}, indent))

    def _insert_item(self, parent: Node, at: int, value: Any) -> str:  # noqa: ANN401 - plain data
        first = parent.value[0]
        dash = self._text.rfind("-", 0, int(first.start_mark.index) + 1)
        indent = dash - self._line_start(dash)
        written = _block([value], indent)
        if at < len(parent.value):
            node = parent.value[at]
            where = self._line_start(self._text.rfind("-", 0, int(node.start_mark.index) + 1))
        else:
            where = self._line_end(self._end(parent))
        return self._cut(where, where, written)


def _is_flow(node: Node) -> bool:
    return isinstance(node, CollectionNode) and bool(node.flow_style)


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node, SequenceNode):
        item: Node = node.value[int(step)]
        return item
    return next((value for key, value in node.value if str(key.value) == step), None)


def _entry(node: Node, step: str | int) -> tuple[Node | None, Node]:
    if isinstance(node, SequenceNode):
        return None, node.value[int(step)]
    return next((key, value) for key, value in node.value if str(key.value) == step)


def _nested(path: Path_, value: Any) -> Any:  # noqa: ANN401 - plain data
    for step in reversed(path):
        value = {str(step): value}
    return value


def _is_flat(value: Sequence[Any]) -> bool:
    return not any(isinstance(one, dict | list) or (isinstance(one, str) and "\n" in one) for one in value)


def _plain(node: Node) -> Any:  # noqa: ANN401 - plain data
    out = io.StringIO()
    YAML(typ="safe", pure=True).serialize(node, out)
    found: list[Any] = []
    document = parse_yaml(f"x: {out.getvalue()}" if _is_flow(node) else out.getvalue(), Path("file"), found)
    if document is None:
        raise Unwritable("this file is written in a way that cannot be changed from here; change it by hand")
    return document.data["x"]


# Writing values


class _Emitter(Emitter):
    """Double quotes where quotes are needed, as people write them."""

    def choose_scalar_style(self) -> Any:  # noqa: ANN401 - as the class it extends
        style = super().choose_scalar_style()
        return '"' if style == "'" else style


class _Representer(SafeRepresenter):
    """Long texts as blocks, amounts with their digits."""


def _text(representer: SafeRepresenter, value: str) -> Node:
    block = "\n" in value and not any(line != line.rstrip() for line in value.split("\n"))
    return representer.represent_scalar(_STR, value, style="|" if block else None)


def _amount(representer: SafeRepresenter, value: Decimal) -> Node:
    written = f"{value:f}"
    return representer.represent_scalar(_FLOAT if "." in written else _INT, written)


_Representer.add_representer(str, _text)
_Representer.add_representer(Decimal, _amount)


def _dump(value: Any, *, flow: bool) -> str:  # noqa: ANN401 - plain data
    yaml = YAML(typ="safe", pure=True)
    yaml.Emitter, yaml.Representer = _Emitter, _Representer
    yaml.width, yaml.allow_unicode = 1_000_000, True  # a line of a file is broken by whoever reads it
    yaml.default_flow_style = flow
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel's class says None only
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue()


def _block(value: Any, indent: int) -> str:  # noqa: ANN401 - plain data
    """The value as lines, each indented."""
    written = _dump(value, flow=False)
    if isinstance(value, list):
        written = "".join(line[2:] if line.strip() else line for line in written.splitlines(keepends=True))
    space = " " * indent
    return "".join(space + line if line.strip() else line for line in written.splitlines(keepends=True))


def _inline(value: Any, instead_of: Node | None) -> str:  # noqa: ANN401 - plain data
    """The value in one line, in the quotes of what stood there."""
    if isinstance(value, str):
        style = getattr(instead_of, "style", None)
        if style == "'" and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
        written = _dump([value], flow=True).strip()[1:-1]
        return _dump([_Quoted(value)], flow=True).strip()[1:-1] if style == '"' and written[:1] != '"' else written
    # A scalar by itself would be a document, with its end mark; a map of one key in a list would lose its braces.
    return (
        _dump(value, flow=True).strip() if isinstance(value, dict | list) else _dump([value], flow=True).strip()[1:-1]
    )


class _Quoted(str):
    """Text that stands in double quotes."""

    __slots__ = ()


def _quoted(representer: SafeRepresenter, value: _Quoted) -> Node:
    return representer.represent_scalar(_STR, str(value), style='"')


_Representer.add_representer(_Quoted, _quoted)
