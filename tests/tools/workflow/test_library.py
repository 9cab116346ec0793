"""The library: every workflow is right, fits a shop that has its tools, and does what its title says.

The tools are made from the declared interfaces, so nothing here knows a particular shop.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools.workflow.driver import TODAY, Run
from tools import Caller, Registry, tool
from tools.places import Problem
from tools.words import texts_of
from tools.workflow.draw import draw
from tools.workflow.events import Corrected, Said, Started
from tools.workflow.load import LIBRARY, check_loaded, offered, read_file, read_library, read_workflows
from tools.workflow.program import fits, make_program
from tools.workflow.schema import json_schema

LIB = read_library()
NAMES = sorted(LIB)


def run_of(name: str, **args: Any) -> Run:
    run = Run(make_program(LIB[name].workflow))
    run.start(**args)
    return run


def test_all_that_was_promised_is_there():
    assert NAMES == [
        "book_appointment", "cancel_order", "change_subscription", "damaged_item", "duplicate_charge", "exchange_item",
        "gift_card_balance", "loyalty_balance", "order_status", "refund_order", "return_item", "update_address",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_workflow_is_without_a_problem_and_speaks_two_languages(name):
    one = LIB[name]
    assert check_loaded(one, None) == []
    texts = [one.workflow.title, *(slot.ask for slot in one.workflow.slots.values())]
    assert all(isinstance(text, dict) and {"en", "de"} <= set(text) for text in texts)
    assert len(one.workflow.examples) >= 5 and one.workflow.description


def test_no_two_workflows_share_an_example():
    seen: dict[str, str] = {}
    for name, one in LIB.items():
        for example in one.workflow.examples:
            assert seen.setdefault(example.lower(), name) == name


ORDER = {
    "number": "1042", "status": "delivered", "delivered_on": "2026-11-10",
    "items": [{"id": "1", "name": "Alpin boots"}, {"id": "2", "name": "Scree boots"}, {"id": "3", "name": "Jacket"}],
}  # fmt: skip


def test_a_return_and_then_the_other_pair():
    run = run_of("return_item", order_id="1042", item_id="the Alpin boots")
    run.end(ORDER)
    (call,) = run.send(Said(text="they don't fit"))
    assert call.args == {"order_id": "1042", "item_id": "1", "reason": "does not fit"}
    run.end({"id": "R1", "label_url": "https://shop.example/l/1"})
    (end,) = run.end()
    assert end.outcome == "returned"
    (undo,) = run.send(Corrected(slot="item_id", value="no, the other pair"))
    assert (undo.tool, undo.args) == ("cancel_return", {"return_id": "R1"})
    said, call = run.end()
    assert said.text == "Return R1 is cancelled." and call.args["item_id"] == "2"
    said, mail = run.end({"id": "R2", "label_url": None})
    assert said.text == "Your return of Scree boots from order 1042 is set up." and mail.tool == "send_confirmation"


def test_a_late_return_is_refused_with_the_rule_and_no_effect():
    run = run_of("return_item", order_id="1042", item_id="jacket")
    said, end = run.end({**ORDER, "delivered_on": "2026-10-01"})
    assert "within 30 days" in said.text and end.outcome == "not_eligible" and not run.done


def test_a_return_on_the_last_day_still_counts():
    run = run_of("return_item", order_id="1042", item_id="jacket")
    (ask,) = run.end({**ORDER, "delivered_on": "2026-10-22"})
    assert ask.slot == "reason"


def charge(n: int, order: str, amount: str) -> dict[str, Any]:
    return {"id": f"ch{n}", "order": order, "amount": amount, "currency": "EUR", "on": f"2026-11-0{n}"}


def test_a_duplicate_charge_is_refunded_once_with_its_amount():
    run = run_of("duplicate_charge")
    (call,) = run.end({"charges": [charge(1, "1041", "20.00"), charge(2, "1042", "62.00"), charge(3, "1042", "62.00")]})
    assert (call.tool, call.args["charge_id"], call.args["amount"]) == ("refund_charge", "ch3", "62.00")
    said, mail = run.end({"amount": "62.00", "currency": "EUR"})
    assert said.text == "You're right: order 1042 was charged twice. I've refunded €62.00."
    (end,) = run.end()
    assert end.outcome == "refunded" and mail.tool == "send_confirmation"


def test_two_orders_at_one_price_are_explained_and_not_refunded():
    run = run_of("duplicate_charge")
    said, end = run.end(
        {"charges": [charge(1, "1041", "62.00"), charge(2, "1042", "62.00"), charge(3, "1044", "9.00")]}
    )
    assert end.outcome == "two_orders" and not run.open
    assert "order 1041, €62.00" in said.text and "order 1042" in said.text and "1044" not in said.text


def test_no_duplicate_at_all_is_said_with_a_way_to_a_person():
    run = run_of("duplicate_charge")
    said, end = run.end({"charges": []})
    assert end.outcome == "none_found" and said.choices


def test_a_partial_refund_never_exceeds_what_is_left():
    order = {"number": "1042", "status": "delivered", "total": "62.00", "currency": "EUR", "refunded": "42.00"}
    run = run_of("refund_order", order_id="1042", whole="part", reason="one was missing", amount="30 euros")
    said, gone = run.end(order)
    assert "€20.00" in said.text and gone.kind == "hand_over" and not run.done
    run = run_of("refund_order", order_id="1042", whole="all", reason="never came")
    (call,) = run.end(order)
    assert call.args["amount"] == "20.00"


def test_a_full_refund_after_a_part_is_a_correction_that_a_person_sees():
    run = run_of("refund_order", order_id="1042", whole="part", reason="x", amount="5 €")
    run.end({"number": "1042", "status": "sent", "total": "62.00", "currency": "EUR"})
    run.end({"amount": "5.00", "currency": "EUR"}, tool="refund_order")
    run.end(tool="send_confirmation")
    (gone,) = run.send(Corrected(slot="whole", value="all"))
    assert gone.reason == "already_done", "a refund cannot be taken back"


def test_an_order_that_is_packed_is_not_cancelled():
    run = run_of("cancel_order", order_id="1042")
    said, end = run.end({"number": "1042", "status": "packing"})
    assert end.outcome == "too_late" and "being packed" in said.text
    run = run_of("cancel_order", order_id="1042")
    (call,) = run.end({"number": "1042", "status": "Received"})
    assert call.tool == "cancel_order"


def test_an_appointment_is_booked_by_day_and_time_and_another_day_gives_the_first_back():
    run = run_of("book_appointment", service_id="ski service")
    run.end(
        {
            "services": [
                {"id": "s1", "name": "Ski service", "price": "49.00", "currency": "EUR"},
                {"id": "s2", "name": "Fitting"},
            ]
        }
    )
    (call,) = run.send(Said(text="on Friday"))
    assert call.args == {"service_id": "s1", "on": "2026-11-27"}
    run.end({"times": [{"id": "t9", "label": "9:00"}, {"id": "t10", "label": "10:00"}]})
    (call,) = run.send(Said(text="10:00"))
    said, _ = run.end({"id": "a1", "label": "Friday, 10:00"})
    assert said.text == "Your appointment is booked: Friday, 10:00."
    (call,) = run.send(Corrected(slot="day", value="2026-11-30"))
    assert call.args["on"] == "2026-11-30"
    run.end({"times": [{"id": "u9", "label": "9:00"}]})
    (undo,) = run.send(Said(text="9:00"))
    assert (undo.tool, undo.args) == ("cancel_appointment", {"appointment_id": "a1"})


def test_an_order_number_takes_the_pattern_of_the_shops_own_tool():
    made = Registry()

    @made.add
    @tool(scope="orders.read", effect="read")
    async def find_order(caller: Caller, order_id: str) -> dict[str, Any]:
        """Find."""

    run = Run(offered([], made, LIB)["order_status"])
    (ask,) = run.send(Started(args={"order_id": "AB-1"}, today=TODAY))
    assert ask.again
    from typing import Annotated

    from pydantic import Field

    other = Registry()

    @other.add
    @tool(scope="orders.read", effect="read", name="find_order")
    async def find(caller: Caller, order_id: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d$")]) -> dict[str, Any]:
        """Find."""

    run = Run(offered([], other, LIB)["order_status"])
    (call,) = run.send(Started(args={"order_id": "it is AB-1"}, today=TODAY))
    assert call.args == {"order_id": "AB-1"}


def registry_with_other_names() -> Registry:
    made = Registry()

    @made.add
    @tool(scope="orders.read", effect="read")
    async def get_order(caller: Caller, number: str, expand: str) -> dict[str, Any]:
        """Get."""

    return made


USE = """use: order_status
tools:
  find_order:
    tool: get_order
    args: {order_id: number}
    set: {expand: parcels}
    result: {number: result.id, status: result.state.name | lower}
texts: {other: "It is {{ order.status }}."}
examples: [whatever became of my order]
"""


def test_a_shop_maps_its_tools_to_the_interface(tmp_path):
    (tmp_path / "status.yaml").write_text(USE, encoding="utf-8")
    problems: list[Problem] = []
    shop = read_workflows(tmp_path, problems, LIB)
    registry = registry_with_other_names()
    assert problems == [] and check_loaded(shop[0], registry) == []
    programs = offered(shop, registry, LIB)
    assert list(programs) == ["order_status"]
    assert "whatever became of my order" in programs["order_status"].workflow.examples
    run = Run(programs["order_status"])
    (call,) = run.start(order_id="1042")
    assert (call.tool, call.args) == ("get_order", {"number": "1042", "expand": "parcels"})
    said, _ = run.end({"id": "1042", "state": {"name": "PACKING"}})
    assert said.text == "It is packing."


def test_a_workflow_is_offered_only_where_the_tools_fit(tmp_path):
    assert offered([], Registry(), LIB) == {}
    wrong = Registry()

    @wrong.add
    @tool(scope="orders.write", effect="write")
    async def find_order(caller: Caller, order_id: str, secret: str) -> dict[str, Any]:
        """Find."""

    reasons = fits(LIB["order_status"].workflow, wrong)
    assert any("effect" in reason for reason in reasons) and any("also wants secret" in reason for reason in reasons)
    assert offered([], wrong, LIB) == {}


def test_a_shop_switches_a_library_workflow_off(tmp_path):
    (tmp_path / "s.yaml").write_text("use: order_status\nenabled: false\n", encoding="utf-8")
    registry = Registry()

    @registry.add
    @tool(scope="orders.read", effect="read")
    async def find_order(caller: Caller, order_id: str) -> dict[str, Any]:
        """Find."""

    assert "order_status" in offered([], registry, LIB)
    assert offered(read_workflows(tmp_path, [], LIB), registry, LIB) == {}


def test_a_workflow_of_ones_own_is_switched_off_and_on_without_becoming_another(tmp_path):
    source = "name: mine\nexamples: [x]\nsteps: [{end: x}]\n"
    (tmp_path / "mine.yaml").write_text(source, encoding="utf-8")
    before = offered(read_workflows(tmp_path, [], LIB), Registry(), {})
    (tmp_path / "mine.yaml").write_text(f"{source}enabled: false\n", encoding="utf-8")
    off = read_workflows(tmp_path, [], LIB)
    assert offered(off, Registry(), {}) == {}
    assert make_program(off[0].workflow).digest == before["mine"].digest


def test_two_workflows_of_one_name_are_an_error(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("name: same\nexamples: [x]\nsteps: [{end: x}]\n", encoding="utf-8")
    problems: list[Problem] = []
    read_workflows(tmp_path, problems, LIB)
    assert ["also the name of a.yaml" in p.message for p in problems] == [True]


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_has_every_step_and_is_the_same_each_time(name):
    program = make_program(LIB[name].workflow)
    chart = draw(program)
    assert chart == draw(make_program(LIB[name].workflow))
    boxes = {line.split("[")[0].split("(")[0].split("{")[0].strip() for line in chart.splitlines()}
    assert {f"n{node.number}" for node in program.every_node()} <= boxes
    for line in chart.splitlines():
        assert line.count('"') % 2 == 0 and "<" not in line.replace("<--", "")


def test_a_drawing_escapes_what_a_text_holds(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("examples: [x]\nsteps: [{say: 'a \"b\" <script> #1 `c`'}]\n", encoding="utf-8")
    one = read_file(file, [])
    assert one is not None
    assert "a #quot;b#quot; #lt;script#gt; #35;1 #96;c#96;" in draw(make_program(one.workflow))


def test_the_json_schema_takes_the_library_and_refuses_mistakes():
    jsonschema = pytest.importorskip("jsonschema")
    from ruamel.yaml import YAML

    schema = json.loads(json.dumps(json_schema()))
    checker = jsonschema.Draft202012Validator(schema)
    for file in sorted(LIBRARY.glob("*.yaml")):
        checker.validate(YAML(typ="safe").load(file.read_text(encoding="utf-8")))
    for wrong in ({"steps": [{"cal": "x"}]}, {"use": "x", "foo": 1}, {"steps": [{"end": "x"}], "step": 1}, {}):
        assert not checker.is_valid(wrong), wrong
    assert checker.is_valid(
        {"steps": [{"call": "x", "on_error": "go_on"}, {"parallel": [{"end": "x"}, [{"end": "y"}]]}]}
    )
    assert checker.is_valid({"use": "x", "tools": {"a": "b"}})


def test_nothing_in_the_library_knows_the_demo_shop():
    words = " ".join(file.read_text(encoding="utf-8").lower() for file in Path(LIBRARY).glob("*.yaml"))
    assert not [word for word in ("larch", "innsbruck", "föhn", "couloir") if word in words]
    assert all(texts_of(one.workflow.title) for one in LIB.values())
