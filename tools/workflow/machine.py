"""Machine: what a running workflow does next. `advance(program, state, event) -> (state, actions)`.

Pure: no I/O, no clock, no ids but counters. The state is a small JSON value; folding the same events gives the same one.

It keeps no program counter. The state holds facts: what was heard, and how each call ended. After every event the steps
are walked from the top over these facts (`walk`): what is known is passed by, the first thing that is not is wanted. So a
correction needs no rewinding: it changes a fact, and the walk comes to the first step that depends on it. A call whose
tool and arguments are the same is the same call, and is never made twice; an effect is never made with other arguments
while what it did before stands.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tools.words import text_in
from tools.workflow import types
from tools.workflow.events import (
    Action,
    Call,
    CallEnded,
    Cancelled,
    Corrected,
    Digressed,
    End,
    Event,
    HandOver,
    JsonObject,
    Resumed,
    Said,
    Say,
    Started,
)
from tools.workflow.expr import ExprError, text
from tools.workflow.model import Call as CallStep
from tools.workflow.program import Node, Program
from tools.workflow.results import has_other_way, may_retry, plain, shaped
from tools.workflow.slots import agrees
from tools.workflow.values import Blocked, Stop, Values
from tools.workflow.walk import Walk

State = JsonObject | None

MAX_WORDS: Final = 5
"""Messages in which values are looked for that nobody was asked for yet; the newest counts first."""
WAITING_CODES: Final = frozenset({"sign_in", "sign_in_again", "step_up"})
REFUSING_CODES: Final = frozenset({"declined", "refused", "expired"})
"""Somebody did not agree, or did not answer in time."""


def fold(program: Program, events: Iterable[Event], state: State = None) -> State:
    """The state after these events; `state` is the one before them."""
    for event in events:
        state, _ = advance(program, state, event)
    return state


def advance(program: Program, state: State, event: Event) -> tuple[State, tuple[Action, ...]]:
    """The state after one more event, and what is to be done. Never raises: what is broken is handed over.

    Before `Started` nothing happens, and after the end only late results are noted.
    """
    if state is None:
        if not isinstance(event, Started):
            return None, ()
        state = _first(program, event)
    else:
        state = copy.deepcopy(state)
        if isinstance(event, Started):
            return state, ()
    if state["digest"] != program.digest and state["status"] == "running":
        return _ended(state, [], HandOver(reason="changed", detail="the workflow was changed while it was running"))
    state["events"] += 1
    was = state["paused"]
    handled = _take_in(program, state, event)
    if isinstance(event, CallEnded) and event.code in WAITING_CODES and was is None and state["paused"] and event.error:
        return state, (Say(text=event.error),)  # how to go on: the tool's or the server's own sentence
    if not handled or state["status"] == "ended":
        return state, ()
    if state["events"] > program.workflow.max_events:
        state["over"] = True
    return _go(program, state)


def pending(state: State) -> tuple[Call, ...]:
    """The calls that were wanted and have not ended: after a crash, those that the log does not know are to be planned."""
    if state is None:
        return ()
    return tuple(Call.model_validate(entry["action"]) for entry in state["flight"].values())


def asking(state: State) -> str | None:
    """The slot that the customer was asked for, while the run waits for it."""
    return state["asking"] if state is not None and state["status"] == "running" else None


def _first(program: Program, event: Started) -> JsonObject:
    return {
        "workflow": program.name,
        "digest": program.digest,
        "status": "running",
        "outcome": None,
        "paused": None,
        "today": event.today,
        "locale": event.locale,
        "caller": plain(event.caller),
        "context": plain(event.context),
        "words": [event.text] if event.text.strip() else [],
        "heard": {name: plain(value) for name, value in event.args.items() if _is_told(program, name)},
        "photos": list(dict.fromkeys(event.photos)),
        "was": {},
        "skipped": [],
        "tries": {},
        "asking": None,
        "shown": [],
        "results": {},
        "retry": {},
        "flight": {},
        "said": [],
        "undone": [],
        "news": [],
        "ending": None,
        "over": False,
        "events": 0,
        "calls": 0,
        "missed": None,
        "last_words": "",
        "barred": False,
        "reask": False,
    }


def _is_told(program: Program, name: str) -> bool:
    """Whether this is a slot that words can fill."""
    return name in program.slots and program.slots[name].type != "photo"


def _take_in(program: Program, state: JsonObject, event: Event) -> bool:
    """Note what happened; whether there is anything to do about it now."""
    state["missed"], state["reask"] = None, False
    match event:
        case CallEnded():
            return _call_ended(program, state, event)
        case Corrected() if event.slot in program.slots and _may_reopen(state):
            state["words"] = []
            state["status"], state["outcome"] = "running", None
            told = _is_told(program, event.slot)
            if not told:  # another photo is wanted
                gone = state["heard"].get(event.slot) or "".join(state["photos"][-1:])
                state["photos"] = [one for one in state["photos"] if one != gone]
            hear(program, state, {event.slot: event.value if told else None}, correct=True)
            state["paused"] = None
            state["tries"][event.slot] = 0
            return True
        case _ if state["status"] == "ended":
            return False
        case Said():
            return _said(program, state, event)
        case Cancelled():
            state["ending"] = "cancelled"
            state["paused"] = None
            return True
        case Digressed():
            state["paused"] = state["paused"] or "digression"
            return False
        case Resumed():
            was, state["paused"] = state["paused"], None
            state["reask"] = was is not None
            return was is not None
    return isinstance(event, Started)


def _may_reopen(state: JsonObject) -> bool:
    """Whether a correction still counts: also after a good end ("done!" - "no, the other pair")."""
    given_up = state["ending"] is not None or str(state["outcome"]).startswith("hand_over:")
    return state["status"] == "running" or not given_up


def _said(program: Program, state: JsonObject, event: Said) -> bool:
    slots = {name: value for name, value in event.slots.items() if _is_told(program, name) and value is not None}
    wanted = state["asking"]
    if _photos_came(program, state, event):
        if wanted is not None and program.slots[wanted].type == "photo":
            wanted = state["asking"] = None
        elif not slots and event.text.strip():
            slots = {wanted: event.text} if wanted is not None else {}
    elif wanted is not None and program.slots[wanted].type == "photo" and agrees(event.text):
        state["reask"], state["paused"] = True, None
        return True  # "yes, one moment": the question stands
    elif not slots:
        if wanted is None or state["paused"] or not event.text.strip():
            return False
        slots[wanted] = event.text  # the walk reads the words, with the choices that hold then
    state["reask"] = wanted is not None and wanted not in slots
    state["words"] = [*state["words"], event.text][-MAX_WORDS:] if event.text.strip() else state["words"]
    hear(program, state, slots)
    state["paused"] = None
    return True


def _photos_came(program: Program, state: JsonObject, event: Said) -> bool:
    """Note the images of a message; whether one of them is for a slot, be it one that was skipped."""
    fresh = [photo for photo in dict.fromkeys(event.photos) if photo not in state["photos"]]
    state["photos"] += fresh
    open_ = [name for name, slot in program.slots.items() if slot.type == "photo" and name not in state["heard"]]
    state["skipped"] = [name for name in state["skipped"] if not fresh or name not in open_]
    return bool(fresh and open_)


def hear(program: Program, state: JsonObject, slots: Mapping[str, Any], *, correct: bool = False) -> None:
    """Note what slots are, and forget what was said on the strength of another value of theirs."""
    heard, known = state["heard"], program.slots
    changed = False
    for name, value in slots.items():
        implied = name not in heard and (known[name].default is not None or known[name].take_single)
        if correct or implied or (name in heard and heard[name] != value):
            changed = True
            if name in heard:
                state["was"][name] = heard[name]
            _forget_dependants(program, state, name)
        heard.pop(name, None)
        if name in state["skipped"]:
            state["skipped"].remove(name)
        if value is not None:
            heard[name] = plain(value)
        if state["asking"] == name or correct:
            state["asking"] = None
    if changed:
        # "Yes, but the other order" is no consent to anything that has not been shown yet.
        for name in slots:
            if known[name].type == "yes_no" and len(slots) > 1:
                heard.pop(name, None)


def _forget_dependants(program: Program, state: JsonObject, name: str) -> None:
    order = list(state["heard"])
    since = order.index(name) if name in order else -1
    for other in order:
        later_consent = program.slots[other].type == "yes_no" and order.index(other) > since
        if other != name and (name in program.closure[other] or later_consent):
            state["heard"].pop(other)
            state["tries"][other] = 0
    state["skipped"] = [other for other in state["skipped"] if name not in program.closure[other]]
    # What was said after it was first used may be said again, even in the same words.
    first = program.first_use.get(name, 0)
    later = {node.id for node in program.every_node() if node.number > first}
    state["said"] = [key for key in state["said"] if key.partition(":")[0] not in later]


def _call_ended(program: Program, state: JsonObject, event: CallEnded) -> bool:
    entry = state["flight"].pop(event.call, None)
    if entry is None:
        return False
    key, effect = entry["key"], entry["effect"]
    node = next((node for node in program.every_node() if node.id == entry["step"]), None)
    tool = program.tools.get(entry["tool"])
    note = {"step": entry["step"], "tool": entry["action"]["tool"], "args": entry["args"], "effect": effect}
    if event.ok:
        value, fault = shaped(tool, event.result)
        if fault and effect == "read":
            state["results"][key] = {**note, "ok": False, "error": fault, "code": "bad_result", "value": None}
        elif entry["undoes"] is not None:
            state["undone"].append(entry["undoes"])
            done = state["results"].pop(entry["undoes"], None)
            if done is not None:
                state["news"] += _undone_words(program, state, node, done)
        else:
            state["results"][key] = {**note, "ok": True, "value": value}
    elif event.code in WAITING_CODES:
        state["paused"] = event.code
        return False
    elif event.code == "withdrawn":
        pass  # it was never made: what is wanted now is seen anew
    elif event.code in REFUSING_CODES and (event.code == "declined" or not has_other_way(node)):
        state["ending"], state["last_words"] = state["ending"] or event.code, event.error
    elif event.unknown and effect != "read":
        state["results"][key] = {**note, "ok": None, "error": event.error, "value": None}
    elif may_retry(node, tool, entry, event):
        state["retry"][key] = entry["action"]["attempt"]
    else:
        state["retry"].pop(key, None)
        state["barred"] = event.code in ("denied", "over_limit")
        state["results"][key] = {**note, "ok": False, "error": event.error, "code": event.code, "value": None}
    return state["status"] != "ended" and (state["paused"] is None or state["ending"] is not None)


def _undone_words(program: Program, state: JsonObject, node: Node | None, done: JsonObject) -> list[str]:
    """What the customer is told once something is taken back, if the step says so."""
    undo = node.step.undo if node is not None and isinstance(node.step, CallStep) else None
    if undo is None or undo.say is None:
        return []
    was = {"done": types.dress(done["value"], types.ANY), "args": types.dress(done["args"], types.ANY)}
    try:
        return [Values(program, state).text_of(undo.say, **was)]
    except (ExprError, Blocked):
        return []  # the tool's result lacks what the text names: what comes next is said all the same


def _go(program: Program, state: JsonObject) -> tuple[State, tuple[Action, ...]]:
    """Walk the steps over what is known now, and write down what is wanted."""
    in_flight = any(entry["effect"] != "read" for entry in state["flight"].values())
    if state["ending"] is not None or state["over"]:
        if in_flight:
            return state, ()  # what is under way is let finish, so that the customer learns what has happened
        if state["over"]:
            return _ended(state, [], HandOver(reason="limits", detail="too many steps"))
        return _ended(state, _cancel_words(program, state), End(outcome=state["ending"]))
    walk = Walk(program, state)
    try:
        stop = walk.run()
    except ExprError as error:
        stop = Stop(HandOver(reason="broken", detail=str(error)))
    if stop is not None and in_flight:
        return state, ()
    says = [*(Say(text=words) for words in state["news"]), *walk.commit_says()]
    state["news"] = []
    if stop is not None:
        return _ended(state, says, stop.action)
    wanted: list[Action] = [*says]
    for want in walk.wanted:
        state["calls"] += 1
        call = f"c{state['calls']}"
        made = Call(
            call=call,
            step=want.node.id,
            tool=want.tool.name,
            args=want.real_args,
            effect=want.tool.effect,
            attempt=state["retry"].get(want.key, 0) + 1,
            timeout_s=want.timeout_s,
        )
        state["flight"][call] = {
            "key": want.key,
            "step": want.node.id,
            "tool": want.called,
            "args": want.args,
            "effect": want.tool.effect,
            "undoes": want.undoes,
            "action": made.as_json(),
        }
        wanted.append(made)
    question, given_up = walk.question()
    if given_up and not any(entry["effect"] != "read" for entry in state["flight"].values()):
        return _ended(state, [*says], HandOver(reason="not_understood", detail=given_up))
    if question is not None:
        wanted.append(question)
    if not state["flight"] and state["asking"] is None:
        return _ended(state, [*says], HandOver(reason="broken", detail="nothing is left to wait for"))
    return state, tuple(wanted)


def _cancel_words(program: Program, state: JsonObject) -> list[Action]:
    if state["ending"] in REFUSING_CODES and state["last_words"]:
        return [Say(text=state["last_words"])]
    said = program.workflow.on_cancel
    if state["ending"] != "cancelled" or said is None:
        return []
    try:
        return [Say(text=text(text_in(said, state["locale"])).value({"locale": state["locale"]}))]
    except ExprError:
        return []


def _ended(state: JsonObject, says: Iterable[Action], action: End | HandOver) -> tuple[State, tuple[Action, ...]]:
    done = tuple(
        {"tool": entry["tool"], "args": entry["args"], "result": entry["value"]}
        for entry in state["results"].values()
        if entry["ok"] and entry["effect"] != "read"
    )
    state["status"] = "ended"
    state["asking"] = None
    state["paused"] = None
    state["outcome"] = action.outcome if isinstance(action, End) else f"hand_over:{action.reason}"
    return state, (*says, action.model_copy(update={"done": done}))
