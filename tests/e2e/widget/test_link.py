"""The widget's pure parts, run in Chromium so that no Node is needed: link against its vectors, back-off, sentences."""

import json

import pytest

from tests.e2e.widget.conftest import Opener
from tests.e2e.widget.fake import ROOT

pytestmark = pytest.mark.browser

FOLD = """async (cases) => {
  const { Link } = await import('/src/link.js');
  return cases.map(({ frames }) => {
    const link = new Link();
    for (const frame of frames) link.receive(frame);
    const second = new Link();
    for (const frame of link.replay({}, { v: 1, token: '' })) second.receive(frame);
    const state = (l) => ({ cursor: l.cursor, turn: l.turn, reply: l.drafts.reply?.text ?? null, ids: l.events.map((e) => e.id),
      steps: Object.fromEntries([...l.steps.values()].flatMap((of) => [...of.values()].map((s) => [s.id, s.state]))) });
    return [state(link), state(second)];
  });
}"""


def test_frames_become_the_state_of_the_vectors_and_a_second_tab_gets_the_same(visit: Opener) -> None:
    cases = json.loads((ROOT / "tests" / "vectors" / "link_frames.json").read_text())
    for case, (state, second) in zip(cases, visit().evaluate(FOLD, cases), strict=True):
        want = {key: case[key] for key in ("cursor", "turn", "reply", "ids")} | {"steps": case.get("steps", {})}
        assert state == want, case["name"]
        assert second == want, case["name"]


def test_back_off_is_full_jitter_between_half_a_second_and_thirty(visit: Opener) -> None:
    got = visit().evaluate("""async () => {
      const { backoff } = await import('/src/socket.js');
      return [0, 1, 5, 99].map((n) => [backoff(n, 0), backoff(n, 1)]);
    }""")
    assert got == [[500, 1000], [500, 2000], [500, 30000], [500, 30000]]


def test_a_sentence_ends_where_a_reader_would_pause(visit: Opener) -> None:
    got = visit().evaluate("""async () => {
      const { sentenceEnd } = await import('/src/view/announcer.js');
      return ['A whole sentence is here. And', 'No end yet', 'Version 1.2 of the thing'].map(sentenceEnd);
    }""")
    assert got == [25, 0, 0]
