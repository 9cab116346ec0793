"""Switches: what is off stays off, whatever happens to the process or to the file's end; and the rules that follow."""

import json
from dataclasses import replace

import pytest

from server.questions import EVERY
from server.switches import FILE, BadSwitch, Switched, SwitchedRules, Switches
from tools import Caller, Registry, Rule, tool

OFF = Switched(1_000, "pk_one", None, True, "ada", "it promised a tent")


@tool(scope="a", effect="money", aliases=["pay_back"])
async def refund(caller: Caller) -> str:
    """Refund."""
    return ""


def reopened(data):
    return Switches(data)


def test_nothing_is_off_in_a_new_directory(tmp_path):
    switches = Switches(tmp_path)
    assert (switches.off, switches.history) == ([], [])
    assert not switches.is_off("pk_one")
    assert not switches.is_off("pk_one", "refund")
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    ("site", "tool", "off"),
    [
        ("pk_one", None, {("pk_one", None), ("pk_one", "refund"), ("pk_one", "other")}),
        ("pk_one", "refund", {("pk_one", "refund")}),
        (EVERY, "refund", {("pk_one", "refund"), ("pk_two", "refund")}),
        (
            EVERY,
            None,
            {(site, tool) for site in ("pk_one", "pk_two") for tool in (None, "refund", "other")},
        ),
    ],
)
def test_a_switch_covers_what_it_names_and_all_below_and_nothing_else_also_after_a_restart(tmp_path, site, tool, off):
    Switches(tmp_path).turn(replace(OFF, site=site, tool=tool))
    switches = reopened(tmp_path)
    asked = [(site, tool) for site in ("pk_one", "pk_two") for tool in (None, "refund", "other")]
    assert {one for one in asked if switches.is_off(*one)} == off
    switches.turn(replace(OFF, site=site, tool=tool, off=False))
    assert not any(switches.is_off(*one) for one in asked)
    assert not any(reopened(tmp_path).is_off(*one) for one in asked)


def test_turning_on_one_thing_leaves_off_what_another_switch_holds(tmp_path):
    switches = Switches(tmp_path)
    switches.turn(replace(OFF, site=EVERY))
    switches.turn(OFF)
    switches.turn(replace(OFF, off=False))
    assert switches.is_off("pk_one")
    with pytest.raises(BadSwitch, match=r"pk_one: the agent is not off; off: all sites: the agent"):
        switches.turn(replace(OFF, off=False))


def test_who_when_and_why_are_kept_in_order_and_read_back(tmp_path):
    switches = Switches(tmp_path)
    turned = [OFF, replace(OFF, at_ms=2_000, why="still"), replace(OFF, at_ms=3_000, off=False, by="bob", why="")]
    for entry in turned:
        switches.turn(entry)
    assert switches.history == turned
    assert reopened(tmp_path).history == turned
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_listeners_are_told_once_it_is_written_down(tmp_path):
    switches = Switches(tmp_path)
    heard = []
    switches.listeners.append(lambda *told: heard.append((*told, reopened(tmp_path).is_off("pk_one", "refund"))))
    switches.turn(replace(OFF, tool="refund"))
    switches.turn(replace(OFF, tool="refund", off=False))
    assert heard == [("pk_one", "refund", True, True), ("pk_one", "refund", False, False)]


def test_a_line_cut_at_any_byte_by_a_crash_is_passed_over_and_the_next_one_counts(tmp_path):
    switches = Switches(tmp_path)
    switches.turn(OFF)
    whole = (tmp_path / FILE).read_bytes()
    for cut in range(1, len(whole) - 1):
        (tmp_path / FILE).write_bytes(whole + whole[:cut])
        again = reopened(tmp_path)
        assert again.is_off("pk_one")
        again.turn(replace(OFF, site="pk_two"))
        last = reopened(tmp_path)
        assert (last.is_off("pk_one"), last.is_off("pk_two"), len(last.history)) == (True, True, 2), cut


@pytest.mark.parametrize(
    "line",
    [
        '{"at_ms": 1}',
        '{"at_ms": 1, "site": "x", "tool": null, "off": true, "by": "a", "why": ""}',
        '{"at_ms": 1, "site": "pk_x", "tool": null, "off": "no", "by": "a", "why": ""}',
        '["pk_x"]}',
    ],
)
def test_a_file_that_somebody_damaged_is_refused_with_its_line(tmp_path, line):
    Switches(tmp_path).turn(OFF)
    with (tmp_path / FILE).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(BadSwitch, match=rf"{FILE}:2: "):
        Switches(tmp_path)


def test_a_switch_that_cannot_be_written_down_is_not_turned(tmp_path):
    switches = Switches(tmp_path / "gone")
    with pytest.raises(OSError):
        switches.turn(OFF)
    assert not switches.is_off("pk_one")


@pytest.mark.parametrize("site", ["", "one", "pk_", "pk_x/y", "pk_x\n"])
def test_what_is_no_site_is_refused(tmp_path, site):
    with pytest.raises(BadSwitch, match="expected a site's key"):
        Switches(tmp_path).turn(replace(OFF, site=site))
    assert not (tmp_path / FILE).exists()


def test_the_rules_follow_the_switches_at_once(tmp_path):
    switches = Switches(tmp_path)
    registry = Registry()
    registry.add(refund)
    known = dict.fromkeys(("refund", "pay_back"), Rule(permission="auto"))
    rules = SwitchedRules(known, registry, switches, "pk_one")
    assert rules.get("refund") == Rule(permission="auto")
    assert rules.get("other") is None
    switches.turn(replace(OFF, tool="refund"))
    assert rules["refund"] == rules["pay_back"] == Rule(enabled=False)
    assert rules.get("other") is None
    switches.turn(replace(OFF, tool="other"))
    assert dict(rules) == dict.fromkeys(("refund", "pay_back", "other"), Rule(enabled=False))
    switches.turn(OFF)
    assert rules.get("anything") == Rule(enabled=False)
    for name in ("refund", "other", None):
        switches.turn(replace(OFF, tool=name, off=False))
    assert dict(rules) == known


def test_each_line_is_json_for_other_programs(tmp_path):
    Switches(tmp_path).turn(OFF)
    [line] = (tmp_path / FILE).read_text().splitlines()
    assert json.loads(line) == {
        "at_ms": 1000, "site": "pk_one", "tool": None, "off": True, "by": "ada", "why": "it promised a tent",
    }  # fmt: skip
