"""Drafts: what a running turn writes, merged and paced on its way to the hub.

It never touches the log: a draft is a preview that the turn's events replace.
"""

import asyncio

from server.beat import beat
from server.hub import Hub
from server.link import Live, Part, StepState

INTERVAL_S = 0.04
"""At most 25 frames a second and conversation (DESIGN §5): nobody sees smoother, and it halves 50 tokens/s."""
KEYFRAME_S = 1.0
"""Once a second the whole text, so that a node that missed a piece is right again."""


class Drafts:
    """The live picture of one turn on the node that runs it."""

    def __init__(self, hub: Hub, key: str, turn: str, base: int) -> None:
        self._hub = hub
        self._key = key
        self.live = Live(turn, base)
        self._loop = asyncio.get_running_loop()
        self._told: dict[Part, int] = {}
        self._held: dict[Part, list[str]] = {}
        self._flushed_s: dict[Part, float] = {}
        self._key_s = self._loop.time()
        self._beat = beat()
        self._timer: tuple[int, int] | None = None

    def begin(self, base: int) -> None:
        """A model call begins: its words replace what was written before. `base` is the last seq that it knows."""
        if any(self.live.parts.values()):
            self.live.rev += 1
        self.live.parts = {}
        self.live.base = base
        self._told = {}
        self._held = {}
        self._flushed_s = {}

    def add(self, part: Part, text: str) -> None:
        """Another piece. The first of a part goes out at once, the others at most every 40 ms."""
        held = self._held.get(part)
        if held is None:
            held = self._held[part] = []
        held.append(text)
        if self._timer is not None:
            return  # what is held back goes out together
        last, now = self._flushed_s.get(part), self._loop.time()
        if last is None or now - last >= INTERVAL_S:
            self._flush(part)
        else:
            self._timer = self._beat.at(last + INTERVAL_S, self.flush)

    def retake(self, part: Part, text: str) -> None:
        """Something that was shown is taken back: from now on the part is `text`, whole."""
        self._held[part] = []
        self.live.rev += 1
        self.live.parts[part] = text
        self._told[part] = len(text)
        self._hub.draft(self._key, self.live, part, 0)

    def flush(self) -> None:
        """Send what was held back."""
        if self._timer is not None:
            self._beat.cancel(self._timer)
            self._timer = None
        for part, held in self._held.items():
            if held:
                self._flush(part)

    def step(self, step_id: str, label: str, state: StepState) -> None:
        """A step began or ended."""
        self.live.steps[step_id] = (label, state)
        self._hub.step(self._key, self.live, step_id)

    def close(self) -> None:
        """Nothing more is written."""
        if self._timer is not None:
            self._beat.cancel(self._timer)
            self._timer = None
        self._hub.quiet(self._key)

    def _flush(self, part: Part) -> None:
        now = self._loop.time()
        held = self._held[part]
        # Joined once a frame: adding each token to a long answer would copy the answer for each.
        self.live.parts[part] = self.live.parts.get(part, "") + "".join(held)
        held.clear()
        at = self._told.get(part, 0)
        if now - self._key_s >= KEYFRAME_S:
            self._key_s, at = now, 0
        self._told[part] = len(self.live.parts[part])
        self._flushed_s[part] = now
        self._hub.draft(self._key, self.live, part, at)
