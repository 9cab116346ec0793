"""What a person at the command line is shown of strangers' texts, and how edited arguments are read."""

import json
import unicodedata

import pytest

from server.commands.approvals import BadSet, edited
from server.commands.plain import piped, short, shown, visible


@pytest.mark.parametrize("text", ["plain", "Grüße, 東京, שלום, 🏕 é", "a b", "¡¿„“–…"])
def test_what_can_be_seen_is_left_as_it_is(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    "letter",
    ["\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\x1b", "\x00", "\x7f", "\x9b", "\u00a0", "\u2028", "\u3164",
     "\u115f", "\u2800", "\u00ad", "\ue000", "\U000e0041", "\U000e0100", "\ufe00", "\u180e", "\ud800", "\u0378"],
)  # fmt: skip
def test_what_cannot_be_seen_is_named(letter):
    assert visible(f"a{letter}b") == f"a⟨U+{ord(letter):04X}⟩b"
    if letter != "\ud800":
        assert letter not in shown({"x": [letter]})
        assert json.loads(piped({"x": letter})) == {"x": letter}
        assert piped({"x": letter}).isascii()


def test_no_control_and_no_format_character_of_unicode_passes():
    unseen = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) in ("Cc", "Cf", "Zl", "Zp")]
    assert len(unseen) > 200
    assert not [letter for letter in unseen if letter in visible(letter)]


def test_a_terminal_escape_hides_nothing():
    assert visible("refund \x1b[2K\x1b[1Gnothing") == "refund ⟨U+001B⟩[2K⟨U+001B⟩[1Gnothing"


def test_several_lines_stay_on_one():
    assert visible("one\ntwo") == "one⏎two"


def test_a_long_text_says_that_it_was_cut():
    assert short("x" * 10, 5) == "xxxx…"
    assert short("x" * 5, 5) == "xxxxx"


ARGS = {"amount": "62.00", "count": 2, "address": {"city": "Ulm", "zip": "89073"}, "note": None}


@pytest.mark.parametrize(
    ("change", "place", "value"),
    [
        ("amount=50.00", ["amount"], "50.00"),
        ('amount="7"', ["amount"], '"7"'),
        ("count=3", ["count"], 3),
        ("count=1.5", ["count"], 1.5),
        ("note=hello there", ["note"], "hello there"),
        ("note=true", ["note"], True),
        ("note=", ["note"], ""),
        ("address.city=Neu-Ulm", ["address", "city"], "Neu-Ulm"),
        ("address.zip=01067", ["address", "zip"], "01067"),
        ("new.deep=[1, 2]", ["new", "deep"], [1, 2]),
        ("note=a=b", ["note"], "a=b"),
    ],
)
def test_a_change_goes_where_it_is_meant_and_text_stays_text(change, place, value):
    changed = edited(ARGS, [change])
    for step in place:
        changed = changed[step]
    expected = "7" if change == 'amount="7"' else value
    assert (changed, type(changed)) == (expected, type(expected))
    assert ARGS["amount"] == "62.00"


@pytest.mark.parametrize("change", ["amount", "=5", "count.more=1", ""])
def test_a_change_that_cannot_be_understood_is_refused(change):
    with pytest.raises(BadSet, match="--set"):
        edited(ARGS, [change])
