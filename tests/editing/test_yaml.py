"""YAML changed from a form: only what differs is written anew, and what comes out says exactly what was meant."""

import difflib
from decimal import Decimal
from pathlib import Path

import pytest

from server.editing import Unwritable, rewrite
from tools.places import parse_yaml

SITE = """\
# The shop.
key: pk_a
name: Hob & Larch   # as on the door
origins:
  - https://a.example
  - "https://b.example"  # the old one

greeting:
  en: "Hi: there"
  de: 'Hallo'

instructions: |
  Be kind.
  Be short.

theme:
    accent: "#2f5d4a"
    chips:
        en:
        - One
        - Two
        de:
        - Eins

# steps: nothing of the model's own.
reasoning: steps
hours:
  weekly:
    monday: ["09:00-18:00"]
    sunday: []
canned:
  - name: late
    text: Sorry, {{customer}}.
  # the German one
  - name: late
    locale: de
    text: |
      Leider.
      Bald.
tools: {a: {permission: auto}, b: {permission: approve, auto_up_to: 50.00}}
"""

CHANGES = [
    {("name",): "Hob: Larch"},
    {("name",): "yes"},
    {("name",): "1042"},
    {("name",): "two\nlines"},
    {("greeting", "de"): "Grüß's Gott"},
    {("greeting",): "one for all"},
    {("greeting", "fr"): "Salut: ça va ?"},
    {("origins",): ["https://a.example", "https://c.example"]},
    {("origins",): ["https://b.example"]},
    {("origins",): ["https://a.example", "https://b.example", "https://c.example"]},
    {("origins",): ["https://z.example", "https://a.example", "https://b.example"]},
    {("origins",): []},
    {("origins",): None},
    {("instructions",): "One line"},
    {("instructions",): "Other\nlines\nhere\n"},
    {("theme", "accent"): None},
    {("theme", "accent"): "#000", ("theme", "dark"): "light"},
    {("theme", "chips", "en"): ["One", "Two and a half", "Three"]},
    {("theme", "chips"): ["One"]},
    {("theme",): None},
    {("reasoning",): "off"},
    {("hours", "weekly", "monday"): ["09:00-12:00", "13:00-18:00"]},
    {("hours", "weekly", "sunday"): ["10:00-12:00"]},
    {("hours", "timezone"): "Europe/Vienna", ("hours", "holidays"): [{"date": "2026-12-25", "name": "Christmas"}]},
    {("canned",): [{"name": "late", "text": "Sorry."}]},
    {
        ("canned",): [
            {"name": "late", "text": "Sorry, {{customer}}."},
            {"name": "new", "text": "a\nb"},
            {"name": "late", "locale": "de", "text": "Leider.\nBald.\n"},
        ]
    },
    {("canned",): [{"text": "Sorry, {{customer}}.", "locale": "en"}]},
    {("tools", "a", "permission"): "deny"},
    {("tools", "b", "auto_up_to"): Decimal("60.00"), ("tools", "b", "enabled"): False},
    {("tools", "b", "auto_up_to"): None},
    {("tools", "c"): {"permission": "confirm", "per_site_per_day": Decimal("3")}},
    {("mail", "from"): "a@b.example"},
]


def said(text: str):
    problems: list = []
    document = parse_yaml(text, Path("x.yaml"), problems)
    assert document is not None, problems
    assert not problems
    return document.data


def put(data, changes):
    for (*above, last), value in changes.items():
        inside = data
        for step in above:
            inside = inside.setdefault(step, {})
        if value is None:
            inside.pop(last, None)
        else:
            inside[last] = value
    return data


@pytest.mark.parametrize("changes", CHANGES, ids=lambda one: "_".join(".".join(path) for path in one))
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_what_comes_out_says_what_was_meant_and_keeps_every_comment(changes, ends):
    before = SITE.replace("\n", ends)
    after = rewrite(before, changes)
    assert said(after) == put(said(before), changes)
    assert ends == "\n" or after.count("\n") == after.count("\r\n")
    kept = {line for line in after.splitlines() if line.lstrip().startswith("#")}
    assert {"# The shop.", "# steps: nothing of the model's own."} <= kept
    if ("canned",) not in changes:
        assert "  # the German one" in kept


@pytest.mark.parametrize("changes", CHANGES, ids=lambda one: "_".join(".".join(path) for path in one))
def test_no_line_changes_but_those_of_the_changed_keys(changes):
    after = rewrite(SITE, changes)
    lines = SITE.splitlines()
    place = parse_yaml(SITE, Path("x.yaml"), [])
    assert place is not None
    touched: set[int] = set()
    for path in changes:
        first = path[:1]
        if first in place.keys:
            starts = [at.line for key, at in place.keys.items() if len(key) == 1 and at.line > place.keys[first].line]
            touched |= set(range(place.keys[first].line, min(starts, default=len(lines) + 1)))
    for kind, i1, i2, _, _ in difflib.SequenceMatcher(None, lines, after.splitlines(), autojunk=False).get_opcodes():
        if kind in ("replace", "delete"):
            assert {n for n in range(i1 + 1, i2 + 1) if lines[n - 1].strip()} <= touched, after


def test_nothing_changes_when_nothing_does():
    data = said(SITE)
    assert rewrite(SITE, {(key,): value for key, value in data.items()}) == SITE
    assert rewrite(SITE, {("tools", "b", "auto_up_to"): Decimal(50)}) == SITE  # the same amount


def test_a_value_keeps_its_quotes_and_the_comment_behind_it():
    assert "name: Larch & Hob   # as on the door\n" in rewrite(SITE, {("name",): "Larch & Hob"})
    assert '  en: "Hello"\n' in rewrite(SITE, {("greeting", "en"): "Hello"})
    assert "  de: 'Servus'\n" in rewrite(SITE, {("greeting", "de"): "Servus"})
    assert '    accent: "#fff"\n' in rewrite(SITE, {("theme", "accent"): "#fff"})


def test_what_needs_quotes_gets_double_ones_as_people_write_them():
    assert '  accent_dark: "#84cbad"\n' in rewrite("theme:\n  accent: red\n", {("theme", "accent_dark"): "#84cbad"})


def test_an_empty_file_and_one_of_comments_get_what_is_put_in():
    assert rewrite("", {("tools", "a", "permission"): "deny"}) == "tools:\n  a:\n    permission: deny\n"
    only = rewrite("# nothing yet\n", {("tools", "a", "enabled"): False})
    assert only == "# nothing yet\ntools:\n  a:\n    enabled: false\n"


def test_a_key_without_a_value_gets_one():
    assert said(rewrite("key: pk_a\nhours:\nname: A\n", {("hours", "timezone"): "UTC"})) == {
        "key": "pk_a",
        "hours": {"timezone": "UTC"},
        "name": "A",
    }
    assert rewrite("name:\nkey: pk_a\n", {("name",): "A"}) == "name: A\nkey: pk_a\n"


def test_a_text_without_a_line_end_at_its_end_and_with_a_byte_order_mark_is_written_on():
    assert rewrite("\ufeffname: A", {("key",): "pk_a"}) == "\ufeffname: A\nkey: pk_a\n"


@pytest.mark.parametrize("text", ["a: [1", "a: 1\na: 2\n", "- a\n"])
def test_what_is_broken_is_left_to_whoever_wrote_it(text):
    with pytest.raises(Unwritable):
        rewrite(text, {("a",): "b"})


def test_what_an_anchor_would_change_elsewhere_is_refused():
    text = "a: &x {k: v}\nb: *x\n"
    with pytest.raises(Unwritable):
        rewrite(text, {("a", "k"): "w"})
