"""Link: one viewer's window on a conversation, a cursor and the newest draft. There is no queue.

Pure: events and drafts come in, frames come out. It knows no socket, no store and no clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from server.events import Event, Viewer, visible

Part = Literal["reply", "thinking"]
StepState = Literal["running", "done", "failed"]

FRAME_EVENTS = 100
"""Events in one frame at most: a whole history comes in a few frames, none of them near 64 KiB in a usual chat."""


@dataclass(slots=True)
class Live:
    """What is being written in a conversation right now. Disposable: the events are the truth.

    `rev` changes whenever a part does not simply grow, so that links send it whole again.
    """

    turn: str
    base: int
    rev: int = 0
    parts: dict[Part, str] = field(default_factory=dict)
    steps: dict[str, tuple[str, StepState]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Link:
    """One viewer's window. `cursor` is the last seq that was given out, visible to this viewer or not."""

    viewer: Viewer
    cursor: int
    caught_up: bool = False
    """Whether an `events` frame was given out yet: one always is, if need be empty."""
    _turn: str | None = None
    _rev: int = -1
    _sent: dict[Part, int] = field(default_factory=dict)
    _steps: dict[str, tuple[str, StepState]] = field(default_factory=dict)

    def events(self, events: Sequence[Event], head: int) -> list[dict[str, Any]]:
        """The frames for `events`, which follow the cursor without a gap; the cursor moves to the last of them.

        `head` is where the log stands: with no events, and the cursor there, the first call gives an empty frame.
        """
        frames: list[dict[str, Any]] = []
        for at in range(0, len(events), FRAME_EVENTS):
            part = events[at : at + FRAME_EVENTS]
            shown = [seen.wire() for event in part if (seen := visible(event, self.viewer)) is not None]
            frames.append({"t": "events", "events": shown, "upto": part[-1].seq})
            self.cursor = part[-1].seq
        if not frames and not self.caught_up:
            frames.append({"t": "events", "events": [], "upto": head})
            self.cursor = max(self.cursor, head)
        self.caught_up = self.caught_up or bool(frames)
        return frames

    def drafts(self, live: Live | None) -> list[dict[str, Any]]:
        """The frames that bring this viewer's picture of `live` up to date; None when nothing is being written."""
        if live is None:
            self._turn = None
            return []
        if live.turn != self._turn:
            self._turn, self._rev, self._sent, self._steps = live.turn, live.rev, {}, {}
        frames = self._step_frames(live.turn, live.steps) if self._sees_steps() else []
        whole = live.rev != self._rev
        self._rev = live.rev
        for part in self._parts():
            frames.extend(self._part_frames(live, part, whole=whole))
        return frames

    def _part_frames(self, live: Live, part: Part, *, whole: bool) -> Iterable[dict[str, Any]]:
        text = live.parts.get(part, "")
        sent = self._sent.get(part, 0)
        if whole and (sent or text):
            sent = 0
        elif len(text) == sent:
            return []
        self._sent[part] = len(text)
        frame = {"t": "draft", "turn": live.turn, "base": live.base, "part": part, "at": sent, "text": text[sent:]}
        return [frame]

    def _step_frames(self, turn: str, steps: Mapping[str, tuple[str, StepState]]) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = []
        for step_id, step in steps.items():
            if self._steps.get(step_id) != step:
                self._steps[step_id] = step
                label, state = step
                frames.append({"t": "step", "turn": turn, "id": step_id, "label": label, "state": state})
        return frames

    def _sees_steps(self) -> bool:
        return self.viewer.audience == "staff" or self.viewer.reasoning != "off"

    def _parts(self) -> tuple[Part, ...]:
        full = self.viewer.audience == "staff" or self.viewer.reasoning == "full"
        return ("thinking", "reply") if full else ("reply",)
