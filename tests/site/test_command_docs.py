"""Every command and option for whoever watches over the agent is documented, and the pages name none that is not there."""

import re
from pathlib import Path

import click
import pytest

from server.commands import control, privacy

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"audit": "audit.md", "switch": "operations.md", "approvals": "approvals.md"}
COMMANDS = [
    (group.name, name, command)
    for group in (control.audit, control.switch, control.approvals)
    for name, command in group.commands.items()
]


def page(group):
    return (DOCS / PAGES[group]).read_text(encoding="utf-8")


def options(command):
    return {name for param in command.params if isinstance(param, click.Option) for name in param.opts}


@pytest.mark.parametrize(("group", "name", "command"), COMMANDS, ids=[f"{group} {name}" for group, name, _ in COMMANDS])
def test_each_command_is_shown_with_its_options(group, name, command):
    text = page(group)
    usage = [line for line in text.splitlines() if line.startswith(f"shopbell {group} {name} ")]
    assert usage, f"docs/{PAGES[group]} shows no `shopbell {group} {name}`"
    shared = {"--data", "--shop"}
    for option in options(command):
        assert option in (text if option in shared else usage[0]), option


@pytest.mark.parametrize("group", PAGES)
def test_a_page_names_no_option_that_is_not_there(group):
    known = set().union(*(options(command) for named, _, command in COMMANDS if named == group))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page(group))) <= known


@pytest.mark.parametrize("command", [privacy.export, privacy.erase], ids=["export", "erase"])
def test_export_and_erase_are_shown_with_their_options(command):
    text = (DOCS / "privacy.md").read_text(encoding="utf-8")
    usage = next(line for line in text.splitlines() if line.startswith(f"shopbell {command.name} "))
    assert [option for option in options(command) if option not in usage] == []
