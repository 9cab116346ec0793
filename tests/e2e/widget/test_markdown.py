"""Markdown in Chromium: the vectors, no flicker while it is written, and nothing that runs or phones home (S5)."""

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.widget.conftest import Opener
from tests.e2e.widget.fake import ROOT, FakeShop
from tests.e2e.widget.steps import CHAT, open_chat, say, settled

pytestmark = pytest.mark.browser

VECTORS = ROOT / "tests" / "vectors"
STEP = 1 if os.environ.get("SHOPBELL_PROVE") else 7
"""Every split point by `make prove`, every seventh otherwise."""

ALLOWED = {"p", "br", "strong", "em", "del", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "div", "table"}
ALLOWED |= {"thead", "tbody", "tr", "th", "td", "a", "span"}

RENDER = """async (cases) => {
  const { render } = await import('/src/markdown.js');
  return cases.map(({ text, live }) => {
    const box = document.createElement('div');
    render(box, text, { live });
    return box.innerHTML.replaceAll(' dir="auto"', '');
  });
}"""

WATCH = """window.ran = [];
window.alert = () => ran.push('alert');
addEventListener('securitypolicyviolation', (e) => ran.push(e.violatedDirective));"""

SPLITS = """async ([texts, step]) => {
  const { render } = await import('/src/markdown.js');
  const box = document.body.appendChild(document.createElement('div'));
  const tags = new Set();
  const bad = [];
  const known = ['dir', 'href', 'target', 'rel', 'class', 'tabindex', 'start'];
  let drawn = 0;
  for (const text of texts) {
    const points = [text.length];
    for (let at = 0; at < text.length; at += step) points.push(at);
    for (const at of points) {
      for (const live of [true, false]) {
        render(box, text.slice(0, at), { live });
        drawn++;
        for (const node of box.querySelectorAll('*')) {
          tags.add(node.localName);
          for (const a of node.attributes) {
            if (!known.includes(a.name)) bad.push(`${node.localName} ${a.name}`);
            if (a.name === 'href' && !/^(https?|mailto|tel):/.test(a.value)) bad.push(a.value);
          }
        }
      }
    }
    box.replaceChildren();
  }
  return { tags: [...tags], bad, drawn };
}"""


def hostile() -> list[str]:
    texts = json.loads((VECTORS / "hostile_markdown.json").read_text())
    extra = Path(os.environ.get("SHOPBELL_INJECTIONS", "/nonexistent"))
    return texts + (extra.read_text().splitlines() if extra.is_file() else [])


def test_markdown_becomes_the_nodes_of_the_vectors(shop: FakeShop, visit: Opener) -> None:
    cases = json.loads((VECTORS / "markdown.json").read_text())["cases"]
    got = visit().evaluate(RENDER, cases)
    wrong = {case["text"]: (out, case["html"]) for case, out in zip(cases, got, strict=True) if out != case["html"]}
    assert wrong == {}


def test_hostile_markdown_runs_and_requests_nothing_at_any_split(shop: FakeShop, visit: Opener) -> None:
    page = visit(init=WATCH)
    outside: list[str] = []
    page.on("request", lambda r: outside.append(r.url) if "/src/" not in r.url else None)
    result = page.evaluate(SPLITS, [hostile(), STEP])
    assert result["bad"] == []
    assert set(result["tags"]) <= ALLOWED
    assert result["drawn"] > 200
    assert page.evaluate("() => ran") == []
    assert outside == []
    assert shop.requests == []


def test_hostile_words_in_every_place_of_the_chat_stay_words(shop: FakeShop, visit: Opener) -> None:
    bad = '<img src=/evil.png onerror="alert(1)">'
    url = "javascript:alert(1)"
    shop.site = {
        **shop.site,
        "name": bad,
        "greeting": bad,
        "theme": {"chips": [bad], "accent": "red;background:url(/evil)", "font": "x;}"},
    }
    citations = [{"n": 1, "document": bad, "title": bad, "url": url, "quote": bad, "start": 0, "end": 1}]
    shop.answer = lambda text: [
        {"t": "step", "id": "s", "label": bad, "state": "running"},
        {"t": "event", "kind": "thought", "body": {"text": bad}},
        {
            "t": "message",
            "body": {"text": f"{text} [1] [go]({url})", "citations": citations, "choices": [bad], "name": bad},
        },
    ]
    page = visit(init=WATCH)
    open_chat(page)
    say(page, bad)
    settled(page, 2)
    shop.event(
        "call.asked", "system", {"call": "k:1", "of": "customer", "label": bad, "args": {bad: bad}, "expires_ms": 0}
    )
    shop.event("mode", "system", {"mode": "staff", "name": bad})
    shop.event("message", "staff", {"text": bad, "name": bad})
    settled(page, 3)
    page.hover(f"{CHAT} button.chip")
    page.wait_for_selector(f"{CHAT} .popover:not([hidden])")
    assert page.evaluate("() => ran") == []
    assert (
        page.evaluate(
            "() => document.querySelector('shopbell-chat').shadowRoot.querySelectorAll('img, script, iframe').length"
        )
        == 0
    )
    assert shop.requests == []


def test_blocks_that_are_finished_keep_their_nodes(shop: FakeShop, visit: Opener) -> None:
    page: Page = visit()
    kept = page.evaluate("""async () => {
      const { render } = await import('/src/markdown.js');
      const box = document.createElement('div');
      const text = 'First **paragraph**.\\n\\n- one\\n- two\\n\\nLast words here';
      render(box, text.slice(0, 40), { live: true });
      const first = box.children[0];
      for (let i = 41; i <= text.length; i++) render(box, text.slice(0, i), { live: true });
      const list = box.children[1];
      render(box, text, {});
      return [box.children[0] === first, box.children[1] === list, box.children.length];
    }""")
    assert kept == [True, True, 3]
