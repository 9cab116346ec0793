"""Walk: once through the steps over what is known; it stops at what is not known yet.

Pure. It changes the state only by taking back what cannot be used: an answer that does not fit, a value that led to a
failure.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tools.canonical import canonical
from tools.words import text_in
from tools.workflow import types
from tools.workflow.events import Ask, End, HandOver, JsonObject, Say
from tools.workflow.expr import expression
from tools.workflow.model import Ask as AskStep
from tools.workflow.model import Call as CallStep
from tools.workflow.model import End as EndStep
from tools.workflow.model import HandOver as HandOverStep
from tools.workflow.model import OnError, Parallel, Text, When
from tools.workflow.model import Say as SayStep
from tools.workflow.program import Node, Program, Tool
from tools.workflow.values import Blocked, Stop, Unknown, Values

MAX_RESTARTS: Final = 50
"""Each takes back at least one answer, so there are never more than slots."""

_NO_PHOTO: Final = {"en": "I have no photo", "de": "Ich habe kein Foto"}
_UNUSABLE: Final = {"en": "Sorry, I couldn't use that.", "de": "Das konnte ich leider nicht verwenden."}
_NOT_MINE: Final = {"en": "I may not do that by myself.", "de": "Das darf ich nicht von mir aus tun."}
_NOT_WORKED: Final = {"en": "Sorry, that did not work.", "de": "Das hat leider nicht geklappt."}
_OURS: Final[Mapping[str, Mapping[str, str]]] = {
    "bad_args": _UNUSABLE,
    "bad_result": _NOT_WORKED,
    **dict.fromkeys(("unknown_tool", "disabled", "denied", "broken", "over_limit"), _NOT_MINE),
}
"""What `error` is to a customer where the failure's own words are for developers or the shop's rules, by the call's code."""


class _Restart(Exception):
    """An answer was taken back: walk again."""


class _Jump(Exception):
    """Go on at the step with this id."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.target = target


@dataclass(frozen=True)
class Want:
    """A call that is to be made."""

    node: Node
    key: str
    called: str
    tool: Tool
    args: JsonObject
    timeout_s: float | None = None
    undoes: str | None = None

    @property
    def real_args(self) -> JsonObject:
        """The arguments by the names of the shop's tool."""
        args = {name: value for name, value in self.args.items() if name not in self.tool.lacks}
        if self.tool.map is None:
            return args
        named = {self.tool.map.args.get(name, name): value for name, value in args.items()}
        return {**named, **{name: types.undress(value) for name, value in self.tool.map.set.items()}}


class Walk:
    """One walk. After `run`, `wanted`, `question()` and `commit_says()` hold what it came to."""

    def __init__(self, program: Program, state: JsonObject) -> None:
        self.program = program
        self.state = state
        self.wanted: list[Want] = []
        self._kept: list[Say] = []
        self._says: list[tuple[str, Say]] = []
        self.values = Values(program, state)
        self._visited: set[str] = set()
        self._unknown: Unknown | None = None

    def run(self) -> Stop | None:
        """Walk until something is unknown; the end, if the walk came to one.

        Raises:
            ExprError: an expression gave no usable value.

        """
        for _ in range(MAX_RESTARTS):
            self.wanted, self._says = [], []
            self.values, self._visited, self._unknown = Values(self.program, self.state), set(), None
            try:
                if self._block(self.program.nodes):
                    self._no_orphans()
                    return Stop(End(outcome="done"))
            except _Restart:
                continue
            except Blocked:
                return None
            except Stop as stop:
                return self._checked(stop)
            except _Jump as jump:
                return Stop(HandOver(reason="broken", detail=f"goto {jump.target} leads out of its branch"))
            return None
        return Stop(HandOver(reason="broken", detail="it goes in circles"))

    def commit_says(self) -> list[Say]:
        """What is to be said now; it counts as said from here on."""
        said = [*self._kept]
        for key, say in self._says:
            if key not in self.state["said"]:
                self.state["said"].append(key)
                said.append(say)
        return said

    def question(self) -> tuple[Ask | None, str]:
        """The question to ask now, if it has not just been asked; and why no more is asked, if so."""
        unknown, state = self._unknown, self.state
        if unknown is None:
            state["asking"] = None
            return None, ""
        again = state["missed"] == unknown.slot
        if state["asking"] == unknown.slot and not again and not state["reask"]:
            return None, ""
        slot = self.program.slots[unknown.slot]
        tries = state["tries"].get(unknown.slot, 0)
        reminder = state["reask"] and state["asking"] == unknown.slot
        if not reminder:
            if tries >= slot.tries:
                state["asking"] = None
                return None, f"asked {tries} times for {slot.what or unknown.slot}"
            state["tries"][unknown.slot] = tries + 1
        state["asking"] = unknown.slot
        state["shown"] = [choice.value for choice in unknown.choices]
        words = unknown.question
        if again and not unknown.narrowed:
            words = f"{self.values.text_of(slot.invalid or _UNUSABLE)} {words}"
        choices = tuple({"value": c.value, "label": c.label} for c in unknown.choices)
        if slot.type == "photo" and slot.optional:
            choices = ({"value": "none", "label": text_in(_NO_PHOTO, state["locale"])},)
        return Ask(slot=unknown.slot, text=words, type=slot.type, choices=choices, again=again), ""

    def _checked(self, stop: Stop) -> Stop | None:
        """An end, unless something that was done for another end has to be taken back first."""
        if isinstance(stop.action, HandOver):
            return stop
        try:
            self._no_orphans()
        except Blocked:
            self._says = []
            return None
        except Stop as other:
            return other
        return stop

    # Steps

    def _block(self, nodes: Sequence[Node], start: int = 0) -> bool:
        """Walk these steps; whether the end of them was reached."""
        n = start
        while n < len(nodes):
            try:
                if not self._step(nodes[n]):
                    return False
            except Unknown as unknown:
                self._unknown = self._unknown or unknown
                return False
            except Blocked:
                return False
            except _Jump as jump:
                ahead = [k for k in range(n + 1, len(nodes)) if nodes[k].id == jump.target]
                if not ahead:
                    raise
                n = ahead[0]
                continue
            n += 1
        return True

    def _step(self, node: Node) -> bool:
        step = node.step
        match step:
            case CallStep():
                self._call(node, step)
            case AskStep():
                self.values.slot(step.ask, ask=True, words=step.text)
            case When():
                holds = bool(self.values.value_of(expression(step.when)))
                chosen, other = node.bodies if holds else tuple(reversed(node.bodies))
                self._leave({inner for n in other for inner in _ids(n)})
                return self._block(chosen)
            case SayStep():
                self._say(node, step.say, step.choices)
            case Parallel():
                ended = [self._block(branch) for branch in node.bodies]  # all of them, even if the first waits
                return all(ended)
            case HandOverStep():
                if step.say is not None:
                    self._say(node, step.say)
                raise Stop(HandOver(reason=step.hand_over))
            case EndStep():
                if step.say is not None:
                    self._say(node, step.say)
                raise Stop(End(outcome=step.end))
        return True

    def _say(self, node: Node, said: Text, choices: tuple[str, ...] = (), **extra: Any) -> None:  # noqa: ANN401 - values
        words = self.values.text_of(said, **extra)
        if words:
            policy = self.program.workflow.policy if node.step.policy == "workflow" else node.step.policy
            self._says.append((f"{node.id}:{_sha(words.encode())}", Say(text=words, choices=choices, policy=policy)))

    def _call(self, node: Node, step: CallStep) -> None:
        tool = self.program.tools.get(step.call)
        if tool is None:  # optional, and the shop has none
            self._set(step, None)
            return
        args = {name: self.values.json_of(value) for name, value in step.args.items()}
        args = {name: value for name, value in args.items() if value is not None}
        key = f"{node.id}:{_sha(step.call.encode() + b' ' + canonical(args))}"
        self._visited.add(key)
        found = self.state["results"].get(key)
        if found is not None and found["ok"] is None:
            raise Stop(HandOver(reason="unknown_outcome", detail=f"{tool.name}: {found['error']}"))
        if found is not None and found["ok"]:
            self._set(step, found["value"])
            return
        if found is not None:
            self._failed(node, step, key, found["error"], _OURS.get(found.get("code", "")))
            return
        flying = [entry for entry in self.state["flight"].values() if entry["step"] == node.id]
        if any(entry["key"] == key or entry["effect"] != "read" for entry in flying):
            raise Blocked
        if tool.effect != "read":
            self._make_room(node, step, key)
        self.wanted.append(Want(node, key, step.call, tool, args, step.timeout_s))
        raise Blocked

    def _set(self, step: CallStep, value: Any) -> None:  # noqa: ANN401 - JSON
        if step.as_ is not None:
            tool = self.program.tools.get(step.call)
            self.values.results[step.as_] = types.dress(value, tool.result if tool is not None else types.ANY)

    def _failed(self, node: Node, step: CallStep, key: str, error: str, ours: Mapping[str, str] | None = None) -> None:
        """Go on after a failure as the step says; by default a person does. `ours` is said to customers instead of `error`."""
        self._set(step, None)
        told = error if ours is None else text_in(ours, self.state["locale"])
        way = step.on_error or OnError(hand_over="failed")
        if way.say is not None and (way.ask or way.goto):
            self._kept_say(node, way.say, told)
        elif way.say is not None:
            self._say(node, way.say, error=told)
        again = way.ask or self._earlier_ask(node, way.goto)
        if again is not None:
            self.state["results"].pop(key)
            forgotten = self.state["heard"].pop(again, None) is not None
            if not forgotten and self.program.slots[again].default is None:
                raise Stop(HandOver(reason="failed", detail=error))  # nothing would be different the next time
            self.state["asking"] = None
            self.state["skipped"] = [name for name in self.state["skipped"] if name != again]
            if not forgotten:
                raise Stop(HandOver(reason="failed", detail=error))
            for other, spec in self.program.slots.items():
                if again in self.program.closure[other] or spec.type == "yes_no":
                    self.state["heard"].pop(other, None)
            raise _Restart
        if way.goto is not None:
            raise _Jump(way.goto)
        if way.end is not None:
            raise Stop(End(outcome=way.end))
        if not way.goes_on:
            barred = step.on_error is None and self.state["barred"]
            raise Stop(HandOver(reason="not_allowed" if barred else way.hand_over or "failed", detail=error))

    def _kept_say(self, node: Node, said: Text, error: str) -> None:
        words = self.values.text_of(said, error=error)
        if words:
            self._kept.append(Say(text=words, policy=node.step.policy))

    def _earlier_ask(self, node: Node, target: str | None) -> str | None:
        """The slot of an `ask` that stands before the step and has this id."""
        for other in self.program.every_node() if target is not None else ():
            if other.id == target and other.number < node.number and isinstance(other.step, AskStep):
                return other.step.ask
        return None

    # Effects that have happened

    def _effects(self) -> list[tuple[str, JsonObject]]:
        """What has been done and stands, and may not simply be done again."""
        free = {n.id for n in self.program.every_node() if isinstance(n.step, CallStep) and n.step.again}
        results = self.state["results"].items()
        return [(key, e) for key, e in results if e["ok"] and e["effect"] != "read" and e["step"] not in free]

    def _leave(self, steps: set[str]) -> None:
        """Before one way of a `when` is gone: what was done on the other one is taken back."""
        if any(e["effect"] != "read" and e["step"] in steps for e in self.state["flight"].values()):
            raise Blocked
        self._take_back_all(key for key, e in self._effects() if e["step"] in steps)

    def _make_room(self, node: Node, step: CallStep, key: str) -> None:
        """Before a new effect: take back what this step, or one that is passed by now, has done for other values."""
        numbers = {n.id: n.number for n in self.program.every_node()}
        flying = [e for e in self.state["flight"].values() if e["effect"] != "read" and e["key"] not in self._visited]
        if any(numbers.get(e["step"], -1) < node.number for e in flying):
            raise Blocked  # it was begun for other values; how it ended decides
        passed = [k for k, e in self._effects() if numbers.get(e["step"], -1) < node.number and k not in self._visited]
        own = [] if step.again else [k for k, e in self._effects() if e["step"] == node.id and k != key]
        self._take_back_all([*own, *passed])

    def _no_orphans(self) -> None:
        self._take_back_all([key for key, _ in self._effects() if key not in self._visited])

    def _take_back_all(self, keys: Iterable[str]) -> None:
        keys = list(dict.fromkeys(keys))
        for key in keys:
            self._take_back(key)
        if keys:
            raise Blocked

    def _take_back(self, key: str) -> None:
        entry = self.state["results"][key]
        node = next((n for n in self.program.every_node() if n.id == entry["step"]), None)
        undo = node.step.undo if node is not None and isinstance(node.step, CallStep) else None
        tool = self.program.tools.get(undo.call) if undo is not None else None
        if node is None or undo is None or tool is None:
            raise Stop(HandOver(reason="already_done", detail=f"{entry['tool']} was done for other values"))
        if any(flying["undoes"] == key for flying in self.state["flight"].values()):
            return
        undo_key = f"{key}!undo"
        before = self.state["results"].get(undo_key)
        if before is not None:
            reason = "unknown_outcome" if before["ok"] is None else "undo_failed"
            raise Stop(HandOver(reason=reason, detail=f"{tool.name}: {before['error']}"))
        extra = {"done": types.dress(entry["value"], types.ANY), "args": types.dress(entry["args"], types.ANY)}
        args = {name: self.values.json_of(value, **extra) for name, value in undo.args.items()}
        self.wanted.append(Want(node, undo_key, undo.call, tool, args, undoes=key))


def _ids(node: Node) -> set[str]:
    return {inner.id for inner in node.everything()}


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
