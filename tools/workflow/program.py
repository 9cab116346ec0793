"""Program: a workflow with its tools found, its steps numbered and its dependencies known, ready to run.

Pure. It finds tools in a registry and runs none.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tools.registry import Registry
from tools.spec import ToolSpec
from tools.words import Text, texts_of
from tools.workflow import expr, types
from tools.workflow.model import AnyStep, Ask, Call, Each, Need, Parallel, Slot, ToolMap, When, Workflow
from tools.workflow.slots import matcher
from tools.workflow.types import Type

Path = tuple[str | int, ...]
Effect = Literal["read", "write", "money"]
STRENGTH: tuple[Effect, ...] = ("read", "write", "money")


@dataclass(frozen=True)
class Tool:
    """A tool as a workflow calls it."""

    name: str
    """The shop's name for it."""
    effect: Effect
    idempotent: bool = False
    result: Type = types.ANY
    map: ToolMap | None = None
    spec: ToolSpec | None = None
    lacks: frozenset[str] = frozenset()
    """Arguments that the interface allows and the shop's tool does not have: they are left out."""

    @property
    def repeatable(self) -> bool:
        """Whether trying again cannot do anything twice."""
        return self.effect == "read" or self.idempotent


@dataclass(frozen=True)
class Node:
    """A step with its place: in the file, in the order of all, and what is inside it."""

    id: str
    step: AnyStep
    path: Path
    number: int
    bodies: tuple[tuple["Node", ...], ...] = ()
    """Of a `when`: the steps if it holds, and if not; of a `parallel`: its branches."""

    def everything(self) -> Iterator["Node"]:
        """The node and all inside it, in order."""
        yield self
        for body in self.bodies:
            for node in body:
                yield from node.everything()


@dataclass(frozen=True)
class Program:
    """A workflow that can run. Made by `make_program`."""

    workflow: Workflow
    tools: Mapping[str, Tool | None]
    """By the name that the steps call; None: an optional one that the shop does not have."""
    nodes: tuple[Node, ...]
    digest: str
    closure: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Of each slot, all slots and results that its meaning depends on."""
    slots: Mapping[str, Slot] = field(default_factory=dict)
    """The slots; an order number without a pattern has that of the tool's argument."""
    first_use: Mapping[str, int] = field(default_factory=dict)
    """Of each slot, the number of the first step that reads it or asks for it."""
    words: Mapping[str, Text] = field(default_factory=dict)
    """What the shop calls states, for `in_words`. Other words make no other workflow: a run that rests goes on."""

    @property
    def name(self) -> str:
        """The workflow's name."""
        return self.workflow.name

    def every_node(self) -> Iterator[Node]:
        """All steps in the order in which they stand in the file."""
        for node in self.nodes:
            yield from node.everything()


def make_program(
    workflow: Workflow,
    registry: Registry | None = None,
    maps: Mapping[str, ToolMap] | None = None,
    words: Mapping[str, Text] | None = None,
) -> Program:
    """The workflow ready to run with these tools; without a registry, with the tools that it declares itself.

    `words`: what the shop calls states.

    Raises:
        ValueError: a tool that it calls is neither there nor declared as optional.

    """
    maps = maps or {}
    called = dict.fromkeys(name for name, _ in calls_of(workflow))
    tools = {name: _tool(name, workflow.needs_tools.get(name), registry, maps.get(name)) for name in called}
    # Whether it is offered changes nothing in what it does: a run that rests goes on after off and on again.
    written = workflow.model_dump(mode="json", by_alias=True, exclude={"enabled"})
    body = json.dumps(
        [written, {k: m.model_dump(mode="json") for k, m in maps.items()}],
        sort_keys=True,
        default=str,
    )
    digest = hashlib.sha256(body.encode()).hexdigest()[:16]
    nodes = number_steps(workflow.steps)
    slots = _with_patterns(workflow, tools)
    return Program(workflow, tools, nodes, digest, closure_of(workflow), slots, _first_uses(nodes), words or {})


def _with_patterns(workflow: Workflow, tools: Mapping[str, Tool | None]) -> dict[str, Slot]:
    """The slots, where a shop's tool says how its order numbers look."""
    slots = dict(workflow.slots)
    for _, node in calls_of(workflow):
        tool = tools.get(node.step.call) if isinstance(node.step, Call) else None
        if not isinstance(node.step, Call) or tool is None or tool.spec is None:
            continue
        properties = tool.spec.json_schema.get("properties", {})
        for arg, value in node.step.args.items():
            name = str(value).strip(" {}")
            slot = slots.get(name)
            pattern = _pattern_in(properties.get(tool.map.args.get(arg, arg) if tool.map else arg, {}))
            if slot is not None and slot.type == "order_number" and slot.pattern is None and pattern is not None:
                slots[name] = slot.model_copy(update={"pattern": pattern})
    return slots


def _pattern_in(schema: Mapping[str, Any]) -> str | None:
    """The pattern of an argument, if it is one that slots can use."""
    inner = next((item for item in schema.get("anyOf", ()) if item.get("type") == "string"), schema)
    pattern = inner.get("pattern")
    if not isinstance(pattern, str):
        return None
    try:
        matcher(pattern)
    except ValueError:
        return None
    return pattern


def number_steps(steps: Iterable[AnyStep]) -> tuple[Node, ...]:
    """The steps as a tree of nodes, numbered as they stand in the file."""
    counter = iter(range(1_000_000))

    def number(items: Iterable[AnyStep], path: Path) -> tuple[Node, ...]:
        made = []
        for n, step in enumerate(items):
            at = (*path, n)
            mine = next(counter)
            bodies: tuple[tuple[Node, ...], ...] = ()
            if isinstance(step, When):
                bodies = (number(step.then, (*at, "then")), number(step.else_, (*at, "else")))
            elif isinstance(step, Parallel):
                bodies = tuple(number(b, (*at, "parallel", k)) for k, b in enumerate(step.parallel))
            made.append(Node(step.id or f"step{mine + 1}", step, at, mine, bodies))
        return tuple(made)

    return number(steps, ("steps",))


def calls_of(workflow: Workflow) -> Iterator[tuple[str, Node]]:
    """Every tool that a step calls, or would call to undo, with the step."""
    for root in number_steps(workflow.steps):
        for node in root.everything():
            if isinstance(node.step, Call):
                yield node.step.call, node
                if node.step.undo is not None:
                    yield node.step.undo.call, node


def expressions_in(value: Any) -> Iterator[expr.Expression]:  # noqa: ANN401 - any YAML value
    """Every expression in the values of arguments.

    Raises:
        ExprError: one cannot be read.

    """
    if isinstance(value, str):
        found = expr.argument(value)
        if found is not None:
            yield found
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from expressions_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from expressions_in(item)


def closure_of(workflow: Workflow) -> dict[str, frozenset[str]]:
    """Of each slot, every name that its question, its choices or its default rest on, directly or through results."""
    direct = dependencies(workflow)
    return {name: reach(name, direct) for name in workflow.slots}


def dependencies(workflow: Workflow) -> dict[str, set[str]]:
    """Of each slot and result, the names that it is made from directly."""
    direct: dict[str, set[str]] = {name: set() for name in workflow.slots}

    def add(name: str, found: Iterable[expr.Expression]) -> None:
        for item in found:
            direct.setdefault(name, set()).update(item.names)

    for name, slot in workflow.slots.items():
        add(name, _readable(lambda s=slot: [expr.text(t) for t in texts_of(s.ask)]))
        add(name, _readable(lambda s=slot: list(expressions_in(s.default))))
        if isinstance(slot.choices, Each):
            add(name, _readable(lambda e=slot.choices: [expr.expression(e.each)]))
    for root in number_steps(workflow.steps):
        for node in root.everything():
            if isinstance(node.step, Call) and node.step.as_:
                add(node.step.as_, _readable(lambda s=node.step: list(expressions_in(s.args))))
            if isinstance(node.step, Ask):
                add(node.step.ask, _readable(lambda s=node.step: [expr.text(t) for t in texts_of(s.text)]))
    return direct


def names_in(step: AnyStep) -> frozenset[str]:
    """The names that a step itself reads, those inside it aside."""
    found: list[expr.Expression] = []
    if isinstance(step, Call):
        found = _readable(lambda: list(expressions_in(step.args)))
    elif isinstance(step, When):
        found = _readable(lambda: [expr.expression(step.when)])
    else:
        said = step.text if isinstance(step, Ask) else None if isinstance(step, Parallel) else step.say
        found = _readable(lambda: [expr.text(item) for item in texts_of(said)])
    return frozenset(name for item in found for name in item.names) | ({step.ask} if isinstance(step, Ask) else set())


def _first_uses(nodes: Iterable[Node]) -> dict[str, int]:
    first: dict[str, int] = {}
    for root in nodes:
        for node in root.everything():
            for name in names_in(node.step):
                first.setdefault(name, node.number)
    return first


def _readable(make: Any) -> list[expr.Expression]:  # noqa: ANN401 - a function without arguments
    """The expressions, or none: `check` says what is wrong with them."""
    try:
        return list(make())
    except expr.ExprError:
        return []


def reach(start: str, direct: Mapping[str, set[str]]) -> frozenset[str]:
    """Every name that can be reached from this one."""
    seen: set[str] = set()
    todo = list(direct.get(start, ()))
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(direct.get(name, ()))
    return frozenset(seen - {start})


def _tool(name: str, need: Need | None, registry: Registry | None, tool_map: ToolMap | None) -> Tool | None:
    declared = types.from_yaml(need.result) if need is not None else None
    if registry is None:
        if need is None:
            return Tool(name, "money", result=types.ANY)  # the strictest: never run twice
        return Tool(name, need.effect, result=declared or types.ANY, map=tool_map)
    spec = registry.get(tool_map.tool if tool_map is not None else name)
    if spec is None:
        if need is not None and need.optional:
            return None
        raise ValueError(f"no tool is called {tool_map.tool if tool_map else name!r}")
    if need is not None and need.optional and misfits(name, need, registry, tool_map):
        return None
    known = declared if declared is not None and declared.kind != "any" else types.from_schema(spec.result_schema)
    return Tool(spec.name, spec.effect, spec.idempotent, known, tool_map, spec, _lacks(spec, need, tool_map))


def _lacks(spec: ToolSpec, need: Need | None, tool_map: ToolMap | None) -> frozenset[str]:
    optional = {name.removesuffix("?") for name in (need.args if need is not None else ()) if name.endswith("?")}
    names = tool_map.args if tool_map is not None else {}
    return frozenset(name for name in optional if names.get(name, name) not in spec.json_schema.get("properties", {}))


def misfits(name: str, need: Need, registry: Registry, tool_map: ToolMap | None = None) -> list[str]:
    """Why no tool of the registry can stand for this interface; empty if one can."""
    called = tool_map.tool if tool_map is not None else name
    spec = registry.get(called)
    if spec is None:
        return [f"no tool is called {called}"]
    tool_map = tool_map or ToolMap(tool=called)
    found: list[str] = []
    if STRENGTH.index(spec.effect) > STRENGTH.index(need.effect):
        found.append(f"{called} has the effect {spec.effect}, expected at most {need.effect}")
    properties = spec.json_schema.get("properties", {})
    definitions = spec.json_schema.get("$defs", {})
    given = set(tool_map.set)
    for written, kind in need.args.items():
        arg = written.removesuffix("?")
        mine = tool_map.args.get(arg, arg)
        given.add(mine)
        if mine not in properties:
            if not written.endswith("?"):
                found.append(f"{called} has no argument {mine}")
            continue
        wrong = types.mismatch(types.from_schema(properties[mine], definitions), types.from_yaml(kind), mine)
        if wrong:
            found.append(f"{called}: {wrong}")
    required = set(spec.json_schema.get("required", ()))
    always = {tool_map.args.get(a, a) for a in need.args if not a.endswith("?")} | set(tool_map.set)
    found += [f"{called} also wants {arg}" for arg in sorted(required - always)]
    if not tool_map.result and spec.result_schema is not None:
        wrong = types.mismatch(types.from_yaml(need.result), types.from_schema(spec.result_schema))
        if wrong:
            found.append(f"the result of {called}: {wrong}")
    return found


def fits(workflow: Workflow, registry: Registry, maps: Mapping[str, ToolMap] | None = None) -> list[str]:
    """Why this workflow cannot be offered with these tools; empty if it can."""
    maps = maps or {}
    found: list[str] = []
    for name, need in workflow.needs_tools.items():
        if not need.optional:
            found.extend(f"{name}: {reason}" for reason in misfits(name, need, registry, maps.get(name)))
    return found
