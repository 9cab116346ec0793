"""`shopbell workflow`: what the terminal shows.

The command's functions are called as the command line would, without a terminal.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from server.commands import workflow
from server.shop.workflows import about_workflows, read_own
from tools import Caller, Registry, tool


def reader(*lines: str) -> workflow.Read:
    left: Iterator[str] = iter(lines)
    return lambda prompt: next(left, None)


def registry(calls: list[str]) -> Registry:
    made = Registry()

    @made.add
    @tool(scope="orders.read", effect="read")
    async def find_order(caller: Caller, order_id: str) -> dict[str, Any]:
        """Find."""
        calls.append("find_order")
        return {"number": order_id, "status": "received"}

    @made.add
    @tool(scope="orders.cancel", effect="money")
    async def cancel_order(caller: Caller, order_id: str) -> dict[str, Any]:
        """Cancel."""
        calls.append("cancel_order")
        return {}

    return made


def checked(directory: Path) -> list[Any]:
    problems: list[Any] = []
    own = read_own(directory, problems)
    return [*problems, *about_workflows(own, Registry(), directory, articles=True)]


def test_a_run_uses_real_reading_tools_and_plays_effects_by_hand():
    calls: list[str] = []
    out: list[str] = []
    answers = reader("order 1042", '{"refunded": "62.00", "currency": "EUR"}')
    assert workflow.run("cancel_order", None, registry(calls), out.append, answers, today="2026-11-21") == 0
    shown = "\n".join(out)
    assert calls == ["find_order"], "nothing is changed from a terminal"
    assert "Order 1042 is cancelled. €62.00 go back" in shown and "end: cancelled" in shown


def test_a_run_without_tools_is_played_by_hand_with_corrections():
    out: list[str] = []
    answers = reader(":set order_id=1042", "not json", '{"number": "1042", "status": "sent"}', ":correct order_id=1043",
                     "fail no such order", "what?", ":state", ":nonsense", ":cancel", ":quit")  # fmt: skip
    assert workflow.run("order_status", None, None, out.append, answers, today="2026-11-21") == 0
    shown = "\n".join(out)
    assert "no JSON" in shown and "Order 1042 has the status: sent." in shown
    assert "says: no such order" in shown and '"status": "running"' in shown and "end: cancelled" in shown


def test_an_unknown_workflow_is_said_with_those_that_there_are():
    out: list[str] = []
    assert workflow.draw("nothing", None, None, out.append) == 1
    assert "there is no workflow 'nothing'" in out[0] and "return_item" in out[0]


def test_a_list_says_why_a_workflow_is_not_offered():
    out: list[str] = []
    workflow.listed(None, registry([]), out.append)
    shown = "\n".join(out)
    assert "cancel_order             library                      offered" in shown
    assert "find_order: the result" not in shown
    assert "    create_return: no tool is called create_return" in shown


def test_a_shops_workflows_are_checked_with_its_articles(tmp_path: Path):
    (tmp_path / "workflows").mkdir()
    (tmp_path / "help").mkdir()
    (tmp_path / "help" / "cancel.md").write_text("# Cancel\n\nWithin 60 minutes.\n", encoding="utf-8")
    flow = tmp_path / "workflows" / "late.yaml"
    flow.write_text("policy: help/cancel.md\nexamples: [x]\nsteps:\n  - say: Within 90 minutes.\n", encoding="utf-8")
    (found,) = checked(tmp_path)
    assert str(found).endswith("late.yaml:4:10: warning: late: 90 minutes here, but help/cancel.md says 60 minutes")
    assert workflow.draw("late", tmp_path, None, [].append) == 0


def test_articles_outside_of_the_shop_are_not_read(tmp_path: Path):
    (tmp_path / "shop" / "workflows").mkdir(parents=True)
    (tmp_path / "secret.md").write_text("# Secret\n", encoding="utf-8")
    flow = tmp_path / "shop" / "workflows" / "x.yaml"
    flow.write_text("policy: ../secret.md\nexamples: [x]\nsteps: [{end: x}]\n", encoding="utf-8")
    (found,) = checked(tmp_path / "shop")
    assert "there is no article" in found.message


def test_the_schema_is_printed_as_json():
    import json

    out: list[str] = []
    assert workflow.schema(out.append) == 0
    assert json.loads(out[0])["title"] == "Shopbell workflow"
