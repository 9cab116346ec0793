"""/desk/settings/workflows over HTTP, with a real server: what is switched off is not begun, and the files say so."""

import asyncio
import html
import subprocess
import sys

import pytest

from tests.e2e.desk.colleague import Colleague, add_staff
from tests.e2e.desk.test_articles_page import hidden, send
from tests.serving import ROOT, Client, Server, write_shop

PLUGIN = '''
from tools import Caller, tool


def setup(kit):
    @kit.tools.add
    @tool(scope="orders.read", effect="read")
    async def find_order(caller: Caller, order_id: str) -> dict:
        """Find an order."""
        return {"number": order_id, "status": "sent", "delivered_on": None, "items": []}

    @kit.tools.add
    @tool(scope="orders.read", effect="read", examples=["balance of my gift card"], reply="{{ result.balance }} left.")
    async def gift_card_balance(caller: Caller, code: str) -> dict:
        """What is on a card."""
        return {"balance": "5.00", "currency": "EUR"}
'''
LOST = """# Ours: nobody likes to wait.
title: Lost parcel
examples:
  - my parcel is lost
  - my parcel never came   # as they say
steps:
  - say: We begin to look for your parcel at once.
  - end: told
"""
CLAIM = """title: Claim
examples: [I want to make a claim for my tent, a claim for my tent please]
slots:
  place: {what: place, ask: Where did you buy it?}
steps:
  - ask: place
  - say: Thank you, that is all.
"""
SAID = "my parcel is lost"
OURS = "We begin to look for your parcel at once."
PAGE = "/desk/settings/workflows"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("workflows")


@pytest.fixture(scope="module")
def server(place):
    shop = write_shop(place / "a", plugin=PLUGIN)
    (shop / "workflows").mkdir()
    (shop / "workflows/lost.yaml").write_text(LOST)
    (shop / "workflows/claim.yaml").write_text(CLAIM)
    (shop / "workflows/odd.yaml").write_text("examples: [x]\nsteps:\n  - sya: oops\n")
    (shop / "workflows/odd.yaml").rename(place / "odd.yaml")  # `serve` would not start with it
    for email, role in (("ada@example.com", "admin"), ("bob@example.com", "agent")):
        add_staff(place / "data", email, role=role)
    with Server(shop, place / "data") as running:
        yield running


@pytest.fixture(scope="module")
def ada(server):
    one = Colleague(server, "ada@example.com")
    assert one.sign_in().status_code == 303
    yield one.http
    one.http.close()


def row(page, name):
    """The part of the list about a workflow."""
    return next(part for part in page.text.split("<li>") if f"<code>{name}</code>" in part)


def switch(http, name, do):
    page = http.get(PAGE)
    part = row(page, name)
    base = part.split('name="base" value="')[1].split('"')[0]
    assert f'name="do" value="{do}"' in part
    return send(http, PAGE, page, base=base, name=name, do=do)


async def _answers(server):
    async with Client(server) as customer:
        await customer.hello()
        assert await customer.answered(await customer.say(SAID))
        return customer.texts()


def begins(server):
    """Whether a customer who says so meets the workflow."""
    return any(OURS in text for _, text in asyncio.run(_answers(server)))


def test_agents_see_none_of_it(server):
    bob = Colleague(server, "bob@example.com")
    assert bob.sign_in().status_code == 303
    paths = [f"{PAGE}{end}" for end in ("", "/new", "/show?name=lost", "/edit?file=lost.yaml")]
    assert [bob.http.get(path).status_code for path in paths] == [403] * 4
    bob.http.close()


def test_the_list_says_what_is_offered_and_names_what_is_missing(ada):
    page = ada.get(PAGE)
    assert page.status_code == 200
    assert "Offered" in row(page, "order_status") and "From the library" in row(page, "order_status")
    assert "Offered" in row(page, "lost") and "Your own, in" in row(page, "lost")
    missing = row(page, "return_item")
    assert "Not offered" in missing and "create_return: no tool is called create_return" in missing
    assert 'name="do"' not in missing
    superfluous = row(page, "gift_card_balance")
    assert "gift_card_balance answers by itself" in superfluous and 'value="on"' in superfluous


def test_one_of_ones_own_is_off_as_a_developer_would_write_it_and_on_again_as_it_was(server, ada, place):
    file = place / "a/workflows/lost.yaml"
    assert begins(server)
    assert switch(ada, "lost", "off").status_code == 303
    assert file.read_text() == LOST + "enabled: false\n"
    assert not begins(server)
    assert "Switched off" in row(ada.get(PAGE), "lost")
    assert switch(ada, "lost", "on").status_code == 303
    assert file.read_text() == LOST
    assert begins(server)
    history = ada.get("/desk/settings/history?path=workflows/lost.yaml")
    assert "Switched the workflow lost off" in history.text and "Switched the workflow lost on" in history.text


def test_a_run_that_is_under_way_when_its_workflow_is_switched_off_goes_to_a_person(server, ada):
    async def talk():
        async with Client(server) as customer:
            await customer.hello()
            assert await customer.answered(await customer.say("I want to make a claim for my tent"))
            assert "Where did you buy it?" in customer.texts()[-1][1]
            assert switch(ada, "claim", "off").status_code == 303
            said = await customer.say("In Innsbruck")
            assert (await customer.answered(said))["body"]["reason"] == "handed_over"
            assert not any("that is all" in text for _, text in customer.texts())

    asyncio.run(talk())
    assert switch(ada, "claim", "on").status_code == 303


def test_one_of_the_library_gets_a_file_that_goes_again(ada, place):
    file = place / "a/workflows/order_status.yaml"
    assert switch(ada, "order_status", "off").status_code == 303
    assert file.read_text() == "use: order_status\nenabled: false\n"
    assert "Switched off" in row(ada.get(PAGE), "order_status")
    assert switch(ada, "order_status", "on").status_code == 303
    assert not file.exists()
    assert "Offered" in row(ada.get(PAGE), "order_status")


def test_one_that_a_tool_makes_superfluous_can_be_wanted_all_the_same(ada, place):
    assert switch(ada, "gift_card_balance", "on").status_code == 303
    file = place / "a/workflows/gift_card_balance.yaml"
    assert file.read_text() == "use: gift_card_balance\n"
    assert "Offered" in row(ada.get(PAGE), "gift_card_balance")
    assert switch(ada, "gift_card_balance", "off").status_code == 303
    assert switch(ada, "gift_card_balance", "on").status_code == 303
    assert file.read_text() == "use: gift_card_balance\n"


def test_a_page_that_is_out_of_date_switches_nothing(ada, place):
    page = ada.get(PAGE)
    file = place / "a/workflows/lost.yaml"
    file.write_text(LOST + "# mine\n")
    base = row(page, "lost").split('name="base" value="')[1].split('"')[0]
    assert send(ada, PAGE, page, base=base, name="lost", do="off").status_code == 409
    assert file.read_text() == LOST + "# mine\n"
    file.write_text(LOST)


def test_a_workflow_is_drawn_and_its_chart_is_that_of_the_command(ada, place):
    page = ada.get(f"{PAGE}/show?name=return_item")
    command = [sys.executable, "-m", "server.cli", "workflow", "draw", "return_item"]
    chart = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()
    assert chart in html.unescape(page.text)
    assert "<svg" in page.text and "create_return" in page.text
    assert 'badge bad">Missing' in page.text
    assert ada.get(f"{PAGE}/show?name=nothing").status_code == 303


def test_a_mistake_is_shown_at_its_line_what_was_typed_stays_and_nothing_is_written(ada, place):
    page = ada.get(f"{PAGE}/edit?file=lost.yaml")
    typed = LOST.replace("- end: told", "- edn: told")
    answer = send(ada, f"{PAGE}/edit", page, base=hidden(page, "base"), file="lost.yaml", do="save", text=typed)
    assert answer.status_code == 422
    assert 'data-line="8"' in answer.text
    assert "- edn: told" in answer.text
    assert (place / "a/workflows/lost.yaml").read_text() == LOST


def test_a_changed_step_is_what_customers_meet(server, ada, place):
    page = ada.get(f"{PAGE}/edit?file=lost.yaml")
    typed = LOST.replace("at once", "right now")
    fields = {"base": hidden(page, "base"), "file": "lost.yaml", "text": typed}
    shown = send(ada, f"{PAGE}/edit", page, do="preview", **fields)
    assert "We begin to look for your" in shown.text and (place / "a/workflows/lost.yaml").read_text() == LOST
    assert send(ada, f"{PAGE}/edit", page, do="save", **fields).status_code == 303
    assert not begins(server)
    history = ada.get("/desk/settings/history?path=workflows/lost.yaml")
    assert send(ada, "/desk/settings/history", history, undo=hidden(history, "undo")).status_code == 303
    assert (place / "a/workflows/lost.yaml").read_text() == LOST
    assert begins(server)


def test_a_new_one_is_written_and_removed(ada, place):
    page = ada.get(f"{PAGE}/new")
    wrong = send(ada, f"{PAGE}/new", page, base="", file="../x", text="steps: [{end: x}]")
    assert wrong.status_code == 422 and "Expected a name such as" in wrong.text
    taken = send(ada, f"{PAGE}/new", page, base="", file="lost", text="steps: [{end: x}]")
    assert taken.status_code == 422 and "There is a file lost.yaml already" in taken.text
    made = send(
        ada, f"{PAGE}/new", page, base="", file="late", text="title: Late\nexamples: [it is late]\nsteps: [{end: x}]\n"
    )
    assert made.status_code == 303
    assert "Offered" in row(ada.get(PAGE), "late")
    page = ada.get(f"{PAGE}/edit?file=late.yaml")
    gone = send(ada, f"{PAGE}/edit", page, base=hidden(page, "base"), file="late.yaml", do="remove")
    assert gone.status_code == 303
    assert not (place / "a/workflows/late.yaml").exists()


def test_a_file_that_cannot_be_read_is_named_with_its_line_and_can_be_mended(ada, place):
    (place / "odd.yaml").rename(place / "a/workflows/odd.yaml")
    page = ada.get(PAGE)
    assert (
        "workflows/odd.yaml cannot be read" in page.text
        and "edit?file=odd.yaml" in page.text
        and ">Line 3</a>" in page.text
    )
    edit = ada.get(f"{PAGE}/edit?file=odd.yaml")
    assert "sya: oops" in edit.text
    good = "examples: [x y z]\nsteps:\n  - say: well\n"
    saved = send(ada, f"{PAGE}/edit", edit, base=hidden(edit, "base"), file="odd.yaml", do="save", text=good)
    assert saved.status_code == 303
    assert "cannot be read" not in ada.get(PAGE).text
    (place / "a/workflows/odd.yaml").unlink()
