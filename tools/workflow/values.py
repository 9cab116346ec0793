"""Values: what is known in one walk: slots as they were heard, results as they came, expressions over both.

Pure. It changes the state only by taking back an answer that cannot be used.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tools.words import text_in
from tools.workflow import types
from tools.workflow.events import End, HandOver, JsonObject
from tools.workflow.expr import ExprError, Expression, argument, expression, text
from tools.workflow.functions import WORDS
from tools.workflow.model import Each, Slot, Text
from tools.workflow.program import Program
from tools.workflow.slots import BY_FORM, Choice, read, stated
from tools.workflow.types import Type

_SPACES: Final = re.compile(r"[ \t]{2,}")
"""What is left around an `if` that held nothing."""
MAX_CHOICES: Final = 20
"""Shown at once; more are no choice."""

_QUESTION: Final = {"en": "What is the {}?", "de": "Bitte nennen Sie mir: {}"}
_KINDS: Final[Mapping[str, types.Kind]] = {
    "text": "text", "choice": "text", "order_number": "text", "email": "text",
    "number": "number", "money": "money", "date": "date", "yes_no": "yes_no", "photo": "text",
}  # fmt: skip


class Stop(Exception):
    """The run ends with this action."""

    def __init__(self, action: End | HandOver) -> None:
        super().__init__(action.kind)
        self.action = action


class Blocked(Exception):
    """The branch waits."""


class Unknown(Blocked):
    """The branch waits for a slot."""

    def __init__(self, slot: str, question: str, choices: Sequence[Choice], *, narrowed: bool) -> None:
        super().__init__(slot)
        self.slot = slot
        self.question = question
        self.choices = choices
        self.narrowed = narrowed
        """The answer fits several of the choices: these."""


class Values:
    """The values of one walk. `results` is filled by the walk as it passes the calls."""

    def __init__(self, program: Program, state: JsonObject) -> None:
        self.program = program
        self.state = state
        self.results: dict[str, Any] = {}
        self._known_slots: dict[str, Any] = {}
        self._resolving: list[str] = []

    def json_of(self, value: Any, **extra: Any) -> Any:  # noqa: ANN401 - YAML in, JSON out
        """A step's argument as JSON, its expressions evaluated."""
        if isinstance(value, str):
            found = argument(value)
            if found is None:
                return value
            try:
                return types.undress(self.value_of(found, **extra))
            except ValueError as error:
                raise ExprError(f"{value!r:.80}: {error}") from None
        if isinstance(value, Mapping):
            return {str(key): self.json_of(item, **extra) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.json_of(item, **extra) for item in value]
        return types.undress(value)

    def text_of(self, said: Text, **extra: Any) -> str:  # noqa: ANN401 - values
        """The text in the customer's language, its expressions filled in."""
        return _SPACES.sub(" ", str(self.value_of(text(text_in(said, self.state["locale"])), **extra)))

    def value_of(self, made: Expression, **extra: Any) -> Any:  # noqa: ANN401 - any value
        """The expression's value over what is known; slots that it needs are asked for."""
        values: dict[str, Any] = {
            "settings": {k: types.dress(v, types.ANY) for k, v in self.program.workflow.settings.items()},
            "caller": self.state["caller"],
            "context": self.state["context"],
            "today": types.day(self.state["today"]),
            "locale": self.state["locale"],
            WORDS: self.program.words,
            **self.results,
        }
        for name in sorted(made.names - set(extra)):
            if name in self.program.slots:
                values[name] = self.slot(name, peek=name in made.known)
        return made.value({**values, **extra})

    def slot(self, name: str, *, ask: bool = False, peek: bool = False, words: Text | None = None) -> Any:  # noqa: ANN401
        """The slot's value; None if it is optional and unknown.

        Raises:
            Unknown: it has to be asked for.

        """
        if name in self._known_slots:
            return self._known_slots[name]
        if name in self._resolving:
            raise ExprError(f"{name} depends on itself")
        if name in self.state["skipped"]:
            return None
        slot = self.program.slots[name]
        self._resolving.append(name)
        try:
            choices = self.choices(slot)
            known, value, near = self._known(name, slot, choices)
            if known:
                self._known_slots[name] = types.dress(value, Type(_KINDS[slot.type]))
                return self._known_slots[name]
            if slot.optional and self.state["missed"] == name and ask:
                self.state["skipped"].append(name)
                return None
            if peek or (slot.optional and not ask):
                return None
            if slot.type == "choice" and not choices:
                raise Stop(HandOver(reason="no_choice", detail=f"there is nothing to choose from for {name}"))
            raise Unknown(name, self._question(name, slot, words), (near or choices)[:MAX_CHOICES], narrowed=bool(near))
        finally:
            self._resolving.pop()

    def _known(self, name: str, slot: Slot, choices: Sequence[Choice]) -> tuple[bool, Any, Sequence[Choice]]:
        """Whether the value is known, the value, and the choices that it could be."""
        state = self.state
        near: Sequence[Choice] = ()
        if slot.type == "photo":
            return self._photo(name)
        if name in state["heard"]:
            was = read(slot, state["was"].get(name), today=state["today"], choices=choices)
            shown = [c for value in state["shown"] for c in choices if c.value == value] if was.value is None else []
            said = state["heard"][name]
            found = read(slot, said, today=state["today"], choices=choices, before=was.value, shown=shown)
            if found.ok:
                if slot.type == "choice":
                    state["heard"][name] = found.value  # the words ("the other one") mean something only now
                return True, found.value, ()
            state["heard"].pop(name)
            state["missed"], state["asking"] = name, None
            near = found.choices
        elif slot.type in BY_FORM and state["missed"] != name:
            for words in reversed(state["words"]):
                named = stated(slot, words, choices, today=state["today"])
                if named.ok:
                    state["heard"][name] = named.value
                    return True, named.value, ()
                near = near or named.choices
        if name not in state["heard"] and slot.default is not None and state["missed"] != name:
            given = self.json_of(slot.default)
            found = read(slot, given, today=state["today"], choices=choices)
            if found.ok:
                return True, found.value, ()
        if slot.take_single and len(choices) == 1 and state["missed"] != name:
            return True, choices[0].value, ()
        return False, None, near

    def _photo(self, name: str) -> tuple[bool, Any, Sequence[Choice]]:
        """The first image that no other slot has. Words in its place are no answer."""
        heard = self.state["heard"]
        taken = {
            heard.get(other) for other, spec in self.program.slots.items() if spec.type == "photo" and other != name
        }
        found = next((photo for photo in self.state["photos"] if photo not in taken), None)
        if found is not None:
            heard[name] = heard[name] if heard.get(name) in self.state["photos"] else found
            return True, heard[name], ()
        if heard.pop(name, None) is not None:
            self.state["missed"], self.state["asking"] = name, None
        return False, None, ()

    def choices(self, slot: Slot) -> tuple[Choice, ...]:
        """The choices of a slot, made from what is known; slots that they need are asked for."""
        if slot.choices is None:
            return ()
        if not isinstance(slot.choices, Each):
            return tuple(
                Choice(option.value, self.text_of(option.label) if option.label else option.value, option.words)
                for option in slot.choices
            )
        each = slot.choices
        entries = self.value_of(expression(each.each))
        made = []
        for entry in entries if isinstance(entries, list | tuple) else ():
            value = types.undress(entry.get(each.value) if isinstance(entry, Mapping) else entry)
            if value is None:
                continue
            label = self.text_of(each.label, item=entry) if each.label else str(value)
            made.append(Choice(str(value), label))
        return tuple(made)

    def _question(self, name: str, slot: Slot, words: Text | None) -> str:
        said = words or slot.ask
        if said is not None:
            return self.text_of(said)
        return text_in(_QUESTION, self.state["locale"]).format(slot.what or name.replace("_", " "))
