"""/desk/insights as a browser gets it: who may see what, the numbers of real conversations, the CSV files."""

import asyncio
import csv
import io

import pytest

from tests.e2e.desk.colleague import Colleague, add_staff
from tests.serving import Client, Server, write_shop

PLAIN = "=1+1 do you wrap presents?"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    place = tmp_path_factory.mktemp("insights")
    shops = [write_shop(place / "a"), write_shop(place / "b", key="pk_other", name="Other <Shop>")]
    for email, role, site in (
        ("ada@example.com", "admin", None),
        ("bob@example.com", "agent", None),
        ("eve@example.com", "admin", "pk_other"),
    ):
        add_staff(place / "data", email, role=role, site=site)
    with Server(shops, place / "data") as running:
        asyncio.run(chats(running))
        yield running


async def chats(server):
    """Two customers of the first shop: one is answered out of an article, one asks what no article says."""
    for text in ("How long do I have to return an item?", PLAIN):
        async with Client(server) as customer:
            await customer.hello()
            assert await customer.answered(await customer.say(text))


@pytest.fixture
def signed_in(server):
    made = []

    def make(email):
        one = Colleague(server, email)
        assert one.sign_in().status_code == 303
        made.append(one.http)
        return one.http

    yield make
    for http in made:
        http.close()


def rows(answer):
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))


def test_nobody_who_is_not_signed_in_sees_anything(server):
    with Colleague(server, "nobody@example.com").http as http:
        for path in ("/desk/insights", "/desk/insights.csv", "/desk/insights/gaps.csv"):
            answer = http.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/desk/login")


def test_an_admin_sees_what_was_asked_in_vain_and_numbers_with_their_meaning(signed_in):
    page = signed_in("ada@example.com").get("/desk/insights?days=7")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "style=" not in page.text
    assert "Conversations in which the customer wrote something" in page.text
    assert "1 customer asked about this" in page.text
    assert "2 model calls" in page.text
    assert "Other &lt;Shop&gt;" in page.text
    assert PLAIN in page.text
    assert "/desk/settings/articles/new?site=pk_test&amp;question=%3D1%2B1%20do%20you%20wrap%20presents%3F" in page.text
    assert "How long do I have to return an item?" not in page.text


def test_the_csv_has_the_same_numbers_and_no_formula(signed_in):
    ada = signed_in("ada@example.com")
    numbers = rows(ada.get("/desk/insights.csv?days=7"))
    assert [row["conversations"] for row in numbers if row["day"] == "all"] == ["2"]
    assert sum(int(row["conversations"]) for row in numbers if row["site"] == "pk_test") == 2
    [gap] = rows(ada.get("/desk/insights/gaps.csv?days=7"))
    assert gap["question"] == f"'{PLAIN}"
    assert gap["customers"] == "1"


def test_an_agent_sees_their_own_conversations_and_nobodys_questions(signed_in):
    bob = signed_in("bob@example.com")
    page = bob.get("/desk/insights?days=7")
    assert "that you have had" in page.text
    assert PLAIN not in page.text
    assert rows(bob.get("/desk/insights.csv"))[-1]["conversations"] == "0"
    assert bob.get("/desk/insights/gaps.csv").status_code == 403


def test_an_admin_of_one_shop_sees_no_other(signed_in):
    eve = signed_in("eve@example.com")
    page = eve.get("/desk/insights?days=7")
    assert PLAIN not in page.text
    assert "pk_test" not in page.text
    assert rows(eve.get("/desk/insights.csv"))[-1]["conversations"] == "0"
    assert eve.get("/desk/insights?site=pk_test").status_code == 404
    assert eve.get("/desk/insights.csv?site=pk_other").status_code == 200


def test_other_numbers_of_days_are_refused_with_those_there_are(signed_in):
    answer = signed_in("ada@example.com").get("/desk/insights?days=8")
    assert answer.status_code == 400
    assert "7, 30, 90, 365" in answer.text
