"""/desk/settings over HTTP, with a real server: what is saved is what a developer would write, and holds at once."""

import asyncio
import difflib
import html

import pytest
from websockets import InvalidStatus

from tests.e2e.desk.colleague import Colleague, add_staff
from tests.e2e.desk.forms import Sheet, message_at
from tests.serving import Client, Server, write_shop

SITE = """\
# Our shop.
key: pk_test
name: Test Shop
origins:
  - https://shop.example   # the live one
greeting: "Welcome!"
theme: {accent: "#123456", dark: auto}
limits: {messages_per_minute: 600}
hours:
  timezone: Europe/Vienna
  weekly:
    mon-fri: 09:00-17:00
    # the market
    saturday: ["08:00-12:00"]
  holidays: [2026-12-25]
identity: {secret_env: TEST_SECRET}
canned:
  - name: late
    # said with a heavy heart
    text: Sorry, {{customer}}.
"""
TOOLS = (
    "# What is allowed.\ntools:\n  tell_time: {permission: auto}\n  move_parcel: {permission: confirm}  # they agree\n"
)
PLUGIN = '''
from tools import Caller, tool

def setup(kit):
    @kit.tools.add
    @tool(scope="time.read", effect="read", examples=["what time is it", "tell me the time"], reply="It is noon.")
    async def tell_time(caller: Caller) -> str:
        """Tell the time."""
        return "noon"

    @kit.tools.add
    @tool(scope="parcels.move", effect="write", idempotent=True, examples=["move my parcel"], reply="Moved.")
    async def move_parcel(caller: Caller) -> str:
        """Bring the parcel to the neighbour."""
        return "moved"
'''
PAGES = ("look", "greeting", "hours", "origins", "reasoning", "canned", "permissions", "history")
FORMS = tuple(page for page in PAGES if page != "history")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("settings")


@pytest.fixture(scope="module")
def server(place):
    shops = [write_shop(place / "a", plugin=PLUGIN), write_shop(place / "b", key="pk_other", name="Other <Shop>")]
    (place / "a/site.yaml").write_text(SITE)
    (place / "a/tools.yaml").write_text(TOOLS)
    for email, role, site in (
        ("ada@example.com", "admin", None),
        ("bob@example.com", "agent", None),
        ("eve@example.com", "admin", "pk_other"),
    ):
        add_staff(place / "data", email, role=role, site=site)
    with Server(shops, place / "data") as running:
        yield running


@pytest.fixture
def signed_in(server):
    made = []

    def make(email="ada@example.com"):
        one = Colleague(server, email)
        assert one.sign_in().status_code == 303
        made.append(one.http)
        return one.http

    yield make
    for http in made:
        http.close()


def opened(http, section, having=None, site="pk_test"):
    answer = http.get(f"/desk/settings/{section}", params={"site": site})
    assert answer.status_code == 200, answer.text
    return Sheet(http, answer, f"/desk/settings/{section}", having)


def saved(http, section, **changes):
    """Change these fields, and see that it was saved; the page that says so."""
    answer = opened(http, section).send(**changes)
    assert answer.status_code == 303, answer.text
    page = http.get(answer.headers["location"])
    assert "Saved:" in page.text
    return page


def ruled(http, tool, **changes):
    answer = opened(http, "permissions", {"value": tool, "name": "tool"}).send(**changes)
    assert answer.status_code == 303, answer.text
    return http.get(answer.headers["location"])


def lines_changed(before, after):
    """The lines that went and came."""
    found = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    return [(line[0], line[2:].strip()) for line in found]


async def welcome(server, **fields):
    async with Client(server) as customer:
        return (await customer.hello(**fields))["site"]


async def said(server, *texts):
    """What a customer gets to read who says this."""
    async with Client(server) as customer:
        await customer.hello()
        for text in texts:
            assert await customer.answered(await customer.say(text))
        return [text for role, text in customer.texts() if role == "agent"]


def test_only_admins_of_the_shop_see_and_change_its_settings(server, signed_in, place):
    before = (place / "a/site.yaml").read_text()
    with Colleague(server, "nobody@example.com").http as http:
        assert {http.get(f"/desk/settings/{page}").headers["location"] for page in PAGES} == {"/desk/login"}
    ada, bob, eve = (signed_in(f"{name}@example.com") for name in ("ada", "bob", "eve"))
    assert [bob.get(f"/desk/settings/{page}").status_code for page in PAGES] == [403] * len(PAGES)
    assert [eve.get(f"/desk/settings/{page}?site=pk_test").status_code for page in PAGES] == [404] * len(PAGES)
    assert "Other &lt;Shop&gt;" in eve.get("/desk/settings/look").text
    for section in FORMS:
        sheet = opened(ada, section)
        for http in (bob, eve):
            sheet.http = http
            assert sheet.send().status_code == 403
        sheet.http = ada
        assert sheet.send(csrf="guessed").status_code == 403
        ada.headers["Origin"] = "https://evil.example"
        assert sheet.send().status_code == 403
        ada.headers["Origin"] = server.url
    assert (place / "a/site.yaml").read_text() == before


@pytest.mark.parametrize("section", FORMS)
def test_a_form_that_nobody_touched_changes_nothing(signed_in, place, section):
    before = [(place / "a" / name).read_bytes() for name in ("site.yaml", "tools.yaml")]
    ada = signed_in()
    answer = opened(ada, section).send()
    assert answer.status_code == 303
    assert "Nothing was different" in ada.get(answer.headers["location"]).text
    assert [(place / "a" / name).read_bytes() for name in ("site.yaml", "tools.yaml")] == before


def test_a_greeting_holds_for_the_next_customer_and_only_its_lines_change(server, signed_in, place):
    file = place / "a/site.yaml"
    before = file.read_text()
    fields = {"greeting.de": "Grüß Gott: was gibt’s?", "greeting.+tag": "fr", "greeting.+": "Salut !"}
    page = saved(signed_in(), "greeting", **fields)
    assert "It holds from now on" in page.text
    assert asyncio.run(welcome(server, locale="de"))["greeting"] == "Grüß Gott: was gibt’s?"
    assert asyncio.run(welcome(server, locale="fr"))["greeting"] == "Salut !"
    assert asyncio.run(welcome(server, locale="en"))["greeting"] == "Welcome!"
    assert set(lines_changed(before, file.read_text())) == {
        ("-", 'greeting: "Welcome!"'),
        ("+", "greeting:"),
        ("+", "en: Welcome!"),
        ("+", 'de: "Grüß Gott: was gibt’s?"'),
        ("+", "fr: Salut !"),
    }


def test_the_look_holds_for_the_next_customer(server, signed_in, place):
    before = (place / "a/site.yaml").read_text()
    fields = {
        "theme.accent": "#abcdef",
        "theme.radius": "8",
        "theme.launcher": "chat",
        "theme.chips.en": "One\n\n Two \n",
    }
    saved(signed_in(), "look", **fields)
    theme = asyncio.run(welcome(server))["theme"]
    assert (theme["accent"], theme["radius"], theme["launcher"], theme["chips"]) == (
        "#abcdef",
        8,
        "chat",
        ["One", "Two"],
    )
    assert {line for sign, line in lines_changed(before, (place / "a/site.yaml").read_text()) if sign == "-"} == {
        'theme: {accent: "#123456", dark: auto}'
    }


def test_a_mistake_is_said_at_its_field_and_what_was_typed_stays(signed_in, place):
    before = (place / "a/site.yaml").read_text()
    ada = signed_in()
    for section, field, typed, said_of_it in (
        ("look", "theme.accent", "greenish", "Expected a colour"),
        ("look", "theme.radius", "99", "less than or equal to 32"),
        ("hours", "hours.timezone", "Mars/Base", "Expected a time zone"),
        ("hours", "hours.weekly.sat", "9 to 5", "Expected a span"),
        ("hours", "hours.weekly.sun", "12:00-10:00", "ends after it starts"),
        ("hours", "hours.holidays", "2026-12-25\nChristmas", "Expected a day"),
        ("origins", "origins", "https://a.example\nhttps://*.b.example", "list each origin"),
        ("canned", "canned[1].text", "Dear {{custmer}}", "Expected one of"),
    ):
        answer = opened(ada, section).send(**{field: typed})
        assert answer.status_code == 422, section
        assert said_of_it in message_at(answer, field)
        assert Sheet(ada, answer, f"/desk/settings/{section}").fields[field] == typed
    for typed in ("many", "1,000", "-5", "1.23456"):
        answer = opened(ada, "permissions", {"value": "move_parcel"}).send(per_conversation=typed)
        assert answer.status_code == 422, typed
        assert any(word in message_at(answer, "per_conversation") for word in ("number", "decimal")), typed
    assert (place / "a/site.yaml").read_text() == before
    assert (place / "a/tools.yaml").read_text() == TOOLS


def test_each_day_of_the_week_is_changed_by_itself(signed_in, place):
    file = place / "a/site.yaml"
    before = file.read_text()
    fields = {
        "hours.weekly.wed": "09:00-12:00, 13:00-17:00",
        "hours.weekly.sat": "",
        "hours.holidays": "2026-12-25\n2026-12-26 Boxing day",
    }
    saved(signed_in(), "hours", **fields)
    assert set(lines_changed(before, file.read_text())) == {
        ("-", 'saturday: ["08:00-12:00"]'),
        ("+", "saturday: []"),
        ("+", "wednesday:"),
        ("+", "- 09:00-12:00"),
        ("+", "- 13:00-17:00"),
        ("-", "holidays: [2026-12-25]"),
        ("+", "holidays:"),
        ("+", '- "2026-12-25"'),
        ("+", '- date: "2026-12-26"'),
        ("+", "name: Boxing day"),
    }
    sheet = opened(signed_in(), "hours")
    assert sheet.fields["hours.weekly.tue"] == "09:00-17:00"
    assert sheet.fields["hours.weekly.wed"] == "09:00-12:00, 13:00-17:00"
    assert sheet.fields["hours.weekly.sat"] == ""
    assert sheet.fields["hours.holidays"] == "2026-12-25\n2026-12-26 Boxing day"


def test_pages_are_let_in_and_shut_out_at_once(server, signed_in):
    async def can_chat(origin):
        try:
            async with Client(server, origin=origin) as customer:
                return await customer.hello() is not None
        except InvalidStatus:
            return False

    new = "https://new.example"
    assert not asyncio.run(can_chat(new))
    saved(signed_in(), "origins", origins=f"https://shop.example\n{new}")
    assert asyncio.run(can_chat(new))
    assert asyncio.run(can_chat("https://shop.example"))
    saved(signed_in(), "origins", origins="https://shop.example")
    assert not asyncio.run(can_chat(new))


def test_reasoning_that_is_switched_off_reaches_nobody_any_more(server, signed_in):
    saved(signed_in(), "reasoning", reasoning="off")
    assert asyncio.run(welcome(server))["reasoning"] == "off"
    saved(signed_in(), "reasoning", reasoning="steps")
    assert asyncio.run(welcome(server))["reasoning"] == "steps"


def test_a_tool_that_is_switched_off_is_not_called_any_more_and_comes_back(server, signed_in, place):
    ada = signed_in()
    assert asyncio.run(said(server, "what time is it")) == ["It is noon."]
    page = ruled(ada, "tell_time", enabled=None)
    assert "Permissions of tell_time: on 1 → none" in html.unescape(page.text)
    assert "tell_time: {permission: auto, enabled: false}" in (place / "a/tools.yaml").read_text()
    assert "It is noon." not in asyncio.run(said(server, "what time is it"))
    ruled(ada, "tell_time", enabled="1")
    assert (place / "a/tools.yaml").read_text() == TOOLS
    assert asyncio.run(said(server, "what time is it")) == ["It is noon."]


def test_a_call_that_waits_is_judged_by_the_rules_of_the_moment_at_which_it_would_run(server, signed_in):
    async def agree_after(change):
        async with Client(server) as customer:
            await customer.hello()
            await customer.say("move my parcel")
            asked = await customer.event(lambda e: e["kind"] == "call.asked")
            await asyncio.to_thread(change)
            await customer.send({"t": "decide", "call": asked["body"]["call"], "approve": True})
            decided = await customer.event(lambda e: e["kind"] == "call.decided")
            assert await customer.event(lambda e: e["kind"] == "turn.ended" and e["seq"] > decided["seq"])
            return [text for role, text in customer.texts() if role == "agent"]

    ada = signed_in()
    assert "Moved." in asyncio.run(agree_after(lambda: None))
    assert "Moved." not in asyncio.run(agree_after(lambda: ruled(ada, "move_parcel", permission="deny")))
    ruled(ada, "move_parcel", permission="confirm")
    assert "Moved." in asyncio.run(agree_after(lambda: None))


def test_canned_replies_are_added_changed_and_removed_and_the_desk_offers_them(server, signed_in, place):
    async def offered():
        one = Colleague(server, "ada@example.com")
        one.sign_in()
        await one.open()
        [site] = [one for one in one.frames[0]["sites"] if one["key"] == "pk_test"]
        await one.close()
        return [(reply["name"], reply["text"]) for reply in site["canned"]]

    ada = signed_in()
    fields = {"canned[2].name": "bye", "canned[2].text": "Bye, {{customer}}.\n\nYours"}
    saved(ada, "canned", **fields)
    assert asyncio.run(offered()) == [("late", "Sorry, {{customer}}."), ("bye", "Bye, {{customer}}.\n\nYours")]
    assert "    # said with a heavy heart\n" in (place / "a/site.yaml").read_text()
    saved(ada, "canned", **{"canned[1].remove": "1"})
    assert [name for name, _ in asyncio.run(offered())] == ["bye"]
    answer = opened(ada, "canned").send(**{"canned[2].name": "bye", "canned[2].text": "Again"})
    assert "got &#39;bye&#39; again" in answer.text
    saved(ada, "canned", **{"canned[1].remove": "1"})
    assert asyncio.run(offered()) == []


def test_a_file_that_changed_meanwhile_is_shown_and_not_overwritten(server, signed_in, place):
    file = place / "a/site.yaml"
    ada = signed_in()
    sheet = opened(ada, "greeting")
    by_hand = file.read_text().replace("name: Test Shop", "name: Changed by hand  # today")
    file.write_text(by_hand)
    answer = sheet.send(**{"greeting.en": "Another greeting"})
    assert answer.status_code == 409
    assert file.read_text() == by_hand
    page = html.unescape(answer.text)
    assert "has been changed" in page
    assert page.count("Changed by hand") >= 2  # in both texts
    # Made again, it is made in what the file says now.
    again = Sheet(ada, answer, "/desk/settings/greeting").send()
    assert again.status_code == 303
    assert "name: Changed by hand  # today" in file.read_text()
    assert "Another greeting" in file.read_text()
    assert asyncio.run(welcome(server))["name"] == "Changed by hand"


def test_every_change_is_in_the_history_and_can_be_taken_back(server, signed_in, place):
    file = place / "a/site.yaml"
    ada = signed_in()
    before = file.read_text()
    page = saved(ada, "greeting", **{"greeting.en": "A passing greeting"})
    listed = ada.get("/desk/settings/history?site=pk_test").text
    assert "Greeting: en" in listed and "ada@example.com" in listed and "<ins>" in listed
    answer = Sheet(ada, page, "/desk/settings/history").send()
    assert answer.status_code == 303
    assert file.read_text() == before
    assert asyncio.run(welcome(server))["greeting"] != "A passing greeting"
    assert "Taken back: Greeting: en" in ada.get(answer.headers["location"]).text
    # What was taken back already, and what is older than another change, is not written over what is there.
    conflict = Sheet(ada, page, "/desk/settings/history").send()
    assert conflict.status_code == 409
    assert file.read_text() == before
    assert Sheet(ada, page, "/desk/settings/history").send(undo="999999").status_code == 404


def test_a_file_that_was_broken_by_hand_is_shown_with_its_line_and_the_shop_goes_on(server, signed_in, place):
    file = place / "a/site.yaml"
    good = file.read_text()
    ada = signed_in()
    sheet = opened(ada, "greeting")
    try:
        file.write_text(good + "colour: red\n")
        answer = ada.get("/desk/settings/look?site=pk_test")
        assert answer.status_code == 409
        assert f"site.yaml:{len(good.splitlines()) + 1}:1" in answer.text and "unknown key" in answer.text
        assert sheet.send(**{"greeting.en": "Lost?"}).status_code == 409
        assert asyncio.run(welcome(server))["name"]
    finally:
        file.write_text(good)
