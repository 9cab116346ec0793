"""Check: what is wrong with a workflow, seen without running it.

Pure: tools come in as a registry, articles through a function. Each finding names its place in the file by its path.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from tools.registry import Registry
from tools.workflow import types
from tools.workflow.infer import meant
from tools.workflow.look import Finding, Looked, look_at_argument, look_at_expression, look_at_text
from tools.workflow.model import Ask, Call, Each, End, HandOver, OnError, Parallel, Say, Slot, ToolMap, When, Workflow
from tools.workflow.policies import check_policies
from tools.workflow.program import Node, Path, dependencies, misfits, names_in, number_steps, reach
from tools.workflow.slots import Choice, matcher, read
from tools.workflow.triggers import CONTEXT
from tools.workflow.types import ANY, Type

RESERVED: Final = ("settings", "caller", "context", "today", "locale", "error", "item", "done", "args", "loop")
CALLER: Final = Type(
    "object",
    fields={name: types.nullable(types.TEXT) for name in ("customer", "email", "name")} | {"level": types.TEXT},
)


def check_workflow(
    workflow: Workflow,
    registry: Registry | None = None,
    *,
    maps: Mapping[str, ToolMap] | None = None,
    articles: Callable[[str], str | None] | None = None,
) -> list[Finding]:
    """Everything that is wrong with it, in the order of the file's paths.

    Without a registry, tools that it does not declare itself are taken as they come; without `articles` (the text of
    `help/returns.md`, or None), no policy is looked at.
    """
    look = Looked(workflow, registry, maps or {}, articles)
    nodes = number_steps(workflow.steps)
    every = [node for root in nodes for node in root.everything()]
    _names(look, every)
    _slots(look)
    names = _base_names(look)
    for name, slot in workflow.slots.items():
        names[name] = _slot_type(slot)
    _flow(look, nodes, names, reachable=True)
    _gotos(look, nodes)
    _triggers(look)
    _needs(look)
    _unused(look)
    if articles is not None:
        check_policies(look, every)
    return sorted(dict.fromkeys(look.findings), key=lambda f: ([str(part).zfill(4) for part in f.path], f.message))


def _names(look: Looked, every: Sequence[Node]) -> None:
    for node in every:
        if node.step.id is not None:
            if node.step.id in look.ids:
                look.error((*node.path, "id"), f"two steps have the id `{node.step.id}`")
            look.ids.setdefault(node.step.id, node)
        if isinstance(node.step, Call) and node.step.as_ in (*look.workflow.slots, *RESERVED):
            look.error((*node.path, "as"), f"`{node.step.as_}` is already the name of something else")
    for name in look.workflow.slots:
        if name in RESERVED:
            look.error(("slots", name), f"a slot cannot be called `{name}`: it means something else in expressions")


def _base_names(look: Looked) -> dict[str, Type]:
    settings = {name: types.of_value(value) for name, value in look.workflow.settings.items()}
    return {
        "settings": Type("object", fields=settings),
        "caller": CALLER,
        "context": ANY,
        "today": types.DATE,
        "locale": types.TEXT,
    }


def _slot_type(slot: Slot) -> Type:
    found = types.from_yaml(slot.type)
    if isinstance(slot.choices, tuple):
        found = Type("text", options=tuple(option.value for option in slot.choices))
    return types.nullable(found) if slot.optional else found


def _slots(look: Looked) -> None:
    everything = {**_base_names(look), **{name: _slot_type(s) for name, s in look.workflow.slots.items()}}
    everything |= {name: ANY for name in dependencies(look.workflow) if name not in everything}
    for node in _calls(look):
        if isinstance(node.step, Call) and node.step.as_ is not None:
            everything[node.step.as_] = _result(look, node.step)
    for name, slot in look.workflow.slots.items():
        at: Path = ("slots", name)
        if slot.pattern is not None:
            try:
                matcher(slot.pattern)
            except ValueError as error:
                look.error((*at, "pattern"), str(error))
        look_at_text(look, (*at, "ask"), slot.ask, everything)
        look_at_text(look, (*at, "invalid"), slot.invalid, everything)
        if isinstance(slot.choices, Each):
            over = look_at_expression(look, (*at, "choices", "each"), slot.choices.each, everything)
            if over.kind not in ("any", "list"):
                look.error((*at, "choices", "each"), f"expected a list to choose from, got {over}")
            part = over.item or ANY
            if part.kind == "object" and slot.choices.value not in part.fields and not part.open:
                message = f"there is no field `{slot.choices.value}`{meant(slot.choices.value, list(part.fields))}"
                look.error((*at, "choices", "value"), message)
            if slot.choices.label:
                look_at_text(look, (*at, "choices", "label"), slot.choices.label, {**everything, "item": part})
        for n, option in enumerate(slot.choices if isinstance(slot.choices, tuple) else ()):
            look_at_text(look, (*at, "choices", n, "label"), option.label or None, everything)
        if slot.default is not None:
            look_at_argument(look, (*at, "default"), slot.default, everything)
            if not isinstance(slot.default, str) or "{{" not in slot.default:
                fits = (
                    isinstance(slot.choices, Each)
                    or read(slot, types.undress(slot.default), today="2000-01-01", choices=_fixed(slot)).ok
                )
                if not fits:
                    look.error((*at, "default"), f"{slot.default!r} does not fit the slot itself")


def _fixed(slot: Slot) -> list[Choice]:
    return [Choice(o.value, o.value, o.words) for o in slot.choices] if isinstance(slot.choices, tuple) else []


def _calls(look: Looked) -> Iterator[Node]:
    for root in number_steps(look.workflow.steps):
        yield from (node for node in root.everything() if isinstance(node.step, Call))


# Steps


def _flow(
    look: Looked, nodes: Sequence[Node], names: dict[str, Type], *, reachable: bool
) -> tuple[bool, dict[str, Type]]:
    """Look at these steps; whether their end can be reached, and the names that may be known there."""
    targets = {n.step.on_error.goto for n in _calls(look) if isinstance(n.step, Call) and n.step.on_error}
    told = False
    for node in nodes:
        reachable = reachable or node.step.id in targets
        if not reachable and not told:
            told = True
            look.error(node.path, "this step is never reached: what stands before it always ends")
        names, goes_on = _step(look, node, names)
        reachable = reachable and goes_on
    return reachable, names


def _step(look: Looked, node: Node, names: dict[str, Type]) -> tuple[dict[str, Type], bool]:
    step = node.step
    match step:
        case Call():
            names = _call(look, node, step, names)
            return names, True
        case Ask():
            look.used.add(step.ask)
            if step.ask not in look.workflow.slots:
                look.error(
                    (*node.path, "ask"), f"there is no slot `{step.ask}`{meant(step.ask, list(look.workflow.slots))}"
                )
            look_at_text(look, (*node.path, "text"), step.text, names)
        case Say():
            look_at_text(look, (*node.path, "say"), step.say, names)
        case HandOver() | End():
            look_at_text(look, (*node.path, "say"), step.say, names)
            return names, False
        case When():
            return _when(look, node, step, names)
        case Parallel():
            return _parallel(look, node, names)
    return names, True


def _when(look: Looked, node: Node, step: When, names: dict[str, Type]) -> tuple[dict[str, Type], bool]:
    look_at_expression(look, (*node.path, "when"), step.when, names)
    always = step.when.strip().lower()
    if always in ("true", "false") and node.bodies[always == "true"]:
        dead = node.bodies[always == "true"][0]
        look.error(dead.path, f"this step is never reached: the condition is always {always}")
    then_ends, then_names = _flow(look, node.bodies[0], dict(names), reachable=True)
    else_ends, else_names = _flow(look, node.bodies[1], dict(names), reachable=True)
    return {**then_names, **else_names}, then_ends or else_ends


def _parallel(look: Looked, node: Node, names: dict[str, Type]) -> tuple[dict[str, Type], bool]:
    if len(node.bodies) < 2:
        look.warn((*node.path, "parallel"), "parallel with a single branch does nothing at the same time")
    joined, goes_on = dict(names), True
    made: dict[str, int] = {}
    for n, body in enumerate(node.bodies):
        ends, own = _flow(look, body, dict(names), reachable=True)
        goes_on = goes_on and ends
        for name in set(own) - set(names):
            if made.setdefault(name, n) != n:
                look.error((*node.path, "parallel", n), f"two branches make `{name}`; which one counts would be chance")
        joined.update(own)
    return joined, goes_on


def _result(look: Looked, step: Call) -> Type:
    need = look.workflow.needs_tools.get(step.call)
    declared = types.from_yaml(need.result) if need is not None else ANY
    if declared.kind == "any" and look.registry is not None:
        spec = look.registry.get(step.call)
        declared = types.from_schema(spec.result_schema) if spec is not None else ANY
    fails_softly = step.on_error is not None and step.on_error.goes_on
    return types.nullable(declared) if fails_softly or (need is not None and need.optional) else declared


def _call(look: Looked, node: Node, step: Call, names: dict[str, Type]) -> dict[str, Type]:
    given = {
        name: look_at_argument(look, (*node.path, "args", name), value, names) for name, value in step.args.items()
    }
    _arguments(look, (*node.path,), step.call, step.args, given)
    need = look.workflow.needs_tools.get(step.call)
    spec = look.registry.get(step.call) if look.registry is not None else None
    effect = need.effect if need is not None else spec.effect if spec is not None else None
    repeatable = effect == "read" or (spec is not None and spec.idempotent)
    if step.retries and effect is not None and not repeatable:
        look.warn((*node.path, "retries"), f"retries never happen: {step.call} neither only reads nor is idempotent")
    if step.undo is not None:
        inner = {**names, "done": _result(look, step), "args": ANY}
        args = {k: look_at_argument(look, (*node.path, "undo", "args", k), v, inner) for k, v in step.undo.args.items()}
        _arguments(look, (*node.path, "undo"), step.undo.call, step.undo.args, args)
        look_at_text(look, (*node.path, "undo", "say"), step.undo.say, {"done": inner["done"], "args": ANY})
        if effect == "read":
            look.warn((*node.path, "undo"), f"{step.call} only reads: there is nothing to undo")
    if step.on_error is not None:
        _on_error(look, node, step, step.on_error, names)
    return {**names, step.as_: _result(look, step)} if step.as_ is not None else names


def _arguments(look: Looked, at: Path, tool: str, written: Mapping[str, Any], given: Mapping[str, Type]) -> None:
    """Whether the tool is there, and takes these arguments."""
    need = look.workflow.needs_tools.get(tool)
    if need is not None:
        known = {name.removesuffix("?"): types.from_yaml(kind) for name, kind in need.args.items()}
        required = {name for name in need.args if not name.endswith("?")}
    elif look.registry is None:
        return
    else:
        spec = look.registry.get(tool)
        if spec is None:
            names = [s.name for s in look.registry] + list(look.workflow.needs_tools)
            look.error((*at, "call"), f"no tool is called `{tool}`{meant(tool, names)}")
            return
        schema = spec.json_schema
        defs = schema.get("$defs", {})
        known = {name: types.from_schema(item, defs) for name, item in schema.get("properties", {}).items()}
        required = set(schema.get("required", ()))
    for name in written:
        if name not in known:
            look.error((*at, "args", name), f"{tool} has no argument `{name}`{meant(name, list(known))}")
            continue
        wrong = types.mismatch(known[name], given[name], name) or _misfit(known[name], written[name], name)
        if wrong:
            look.error((*at, "args", name), f"{tool}: {wrong}")
    for name in sorted(required - set(written)):
        look.error((*at, "call"), f"{tool} also wants `{name}`")


def _misfit(want: Type, value: Any, name: str) -> str | None:  # noqa: ANN401 - what stands in the file
    """Why a text that is always the same cannot be this argument."""
    if not isinstance(value, str) or "{{" in value or "{%" in value:
        return None
    if want.options and value not in want.options:
        return f"{name} is one of {', '.join(want.options)}, got {value!r}{meant(value, list(want.options))}"
    unread = want.kind in ("number", "money", "date") and isinstance(types.dress(value, want), str)
    return f"{name} is {want}, got {value!r}" if unread else None


def _on_error(look: Looked, node: Node, step: Call, way: OnError, names: Mapping[str, Type]) -> None:
    at: Path = (*node.path, "on_error")
    look_at_text(look, (*at, "say"), way.say, {**names, "error": types.TEXT})
    again = way.ask
    if again is not None:
        look.used.add(again)
        if again not in look.workflow.slots:
            look.error((*at, "ask"), f"there is no slot `{again}`{meant(again, list(look.workflow.slots))}")
            return
    if way.goto is not None and way.goto in look.ids:
        target = look.ids[way.goto]
        if target.number <= node.number:
            if not isinstance(target.step, Ask):
                message = f"a loop without an exit: `{way.goto}` stands before this step and asks for nothing new"
                look.error((*at, "goto"), message)
                return
            again = target.step.ask
    if again is not None and again in look.workflow.slots and not _depends(look, step, again):
        where = "ask" if way.ask else "goto"
        message = (
            f"a loop without an exit: {step.call} would fail again, since none of its arguments rests on `{again}`"
        )
        look.error((*at, where), message)


def _depends(look: Looked, step: Call, slot: str) -> bool:
    graph = {**dependencies(look.workflow), "": set(names_in(step))}
    return slot in reach("", graph)


def _gotos(look: Looked, nodes: Sequence[Node], visible: frozenset[str] = frozenset()) -> None:
    """Every goto leads to a step of its own list or of one around it, and not out of a parallel branch."""
    here = visible | {node.step.id for node in nodes if node.step.id is not None}
    for node in nodes:
        if isinstance(node.step, Call) and node.step.on_error is not None and node.step.on_error.goto is not None:
            target = node.step.on_error.goto
            at: Path = (*node.path, "on_error", "goto")
            if target not in look.ids:
                look.error(at, f"no step has the id `{target}`{meant(target, list(look.ids))}")
            elif target not in here and not isinstance(look.ids[target].step, Ask):
                look.error(
                    at, f"`{target}` is inside another step, or outside this branch; it cannot be gone to from here"
                )
        inside: frozenset[str] = frozenset() if isinstance(node.step, Parallel) else frozenset(here)
        for body in node.bodies:
            _gotos(look, body, inside)


def _triggers(look: Looked) -> None:
    names = _base_names(look) | {"context": CONTEXT}
    for n, source in enumerate(look.workflow.triggers):
        look_at_expression(look, ("triggers", n), source, names)


def _needs(look: Looked) -> None:
    called = {node.step.call for node in _calls(look) if isinstance(node.step, Call)}
    called |= {node.step.undo.call for node in _calls(look) if isinstance(node.step, Call) and node.step.undo}
    for name, need in look.workflow.needs_tools.items():
        if name not in called:
            look.warn(("needs_tools", name), f"no step calls `{name}`")
        if look.registry is not None and not need.optional:
            for reason in misfits(name, need, look.registry, look.maps.get(name)):
                look.error(("needs_tools", name), reason)
    for name in look.maps:
        if name not in look.workflow.needs_tools:
            look.error(
                ("tools", name), f"the workflow needs no tool `{name}`{meant(name, list(look.workflow.needs_tools))}"
            )


def _unused(look: Looked) -> None:
    for name in look.workflow.slots:
        if name not in look.used:
            look.warn(("slots", name), f"the slot `{name}` is never used")
    for name in look.workflow.settings:
        if name not in look.settings_used:
            look.warn(("settings", name), f"the setting `{name}` is never used")
    seen: set[str] = set()
    for n, example in enumerate(look.workflow.examples):
        if example.strip().casefold() in seen:
            look.warn(("examples", n), "the example is here twice")
        seen.add(example.strip().casefold())
    if not look.workflow.examples and not look.workflow.triggers:
        look.warn(("steps",), "no examples and no triggers: only a model can start it")
