"""/desk/settings/articles over HTTP, with a real server: what is found and cited, and that what is written is answered from."""

import asyncio
import html
import re

import pytest

from tests.e2e.desk.colleague import Colleague, add_staff
from tests.serving import RETURNS, Client, Server, write_shop

QUESTION = "How long do I have to return an item?"
ARTICLES = {
    "returns.md": RETURNS,
    "delivery/abroad.md": "---\nlocale: en\n---\n# Delivery abroad\n\nParcels to Norway take six days. See [boots](boots.md).\n",
    "old.html": "<title>Old page</title><p>We were founded in 1990.</p>",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("articles")


@pytest.fixture(scope="module")
def server(place):
    shops = [write_shop(place / "a", articles=ARTICLES), write_shop(place / "b", key="pk_other", name="Other")]
    for email, role, site in (
        ("ada@example.com", "admin", None),
        ("bob@example.com", "agent", None),
        ("eve@example.com", "admin", "pk_other"),
    ):
        add_staff(place / "data", email, role=role, site=site)
    with Server(shops, place / "data") as running:
        assert asyncio.run(asked(running, QUESTION))
        yield running


async def asked(server, text):
    """What a customer is answered."""
    async with Client(server) as customer:
        await customer.hello()
        assert await customer.answered(await customer.say(text))
        return customer.texts()[-1][1]


@pytest.fixture(scope="module")
def signed_in(server):
    known = {}

    def make(email="ada@example.com"):
        if email not in known:
            known[email] = Colleague(server, email)
            assert known[email].sign_in().status_code == 303
        return known[email].http

    yield make
    for one in known.values():
        one.http.close()


def hidden(page, name):
    return html.unescape(re.search(rf'name="{name}" value="([^"]*)"', page.text)[1])


def send(http, to, page, /, **fields):
    """Send a form of that page, as a browser would."""
    common = {name: hidden(page, name) for name in ("csrf", "site")}
    return http.post(to, data={**common, **fields})


def edit(http, path, **query):
    return http.get("/desk/settings/articles/edit", params={"site": "pk_test", "path": path, **query})


def synced(http):
    """Wait until no sync is under way: each look waits for its end, for a second."""
    while http.get("/desk/settings/articles/sync?site=pk_test").json()["running"]:
        pass


def test_only_admins_of_the_shop_see_its_articles(server, signed_in):
    paths = ("/desk/settings/articles", "/desk/settings/articles/new", "/desk/settings/articles/edit?path=returns.md")
    with Colleague(server, "nobody@example.com").http as http:
        assert [http.get(path).status_code for path in paths] == [303] * 3
    assert [signed_in("bob@example.com").get(path).status_code for path in paths] == [403] * 3
    assert signed_in("eve@example.com").get("/desk/settings/articles?site=pk_test").status_code == 404


def test_the_list_has_every_article_with_what_is_wrong_with_it_and_how_often_it_was_cited(signed_in):
    page = signed_in().get("/desk/settings/articles?site=pk_test")
    assert page.status_code == 200
    rows = re.findall(r"<li>.*?</li>", page.text.partition('id="articles"')[2], re.S)
    assert [re.search(r"<b>(.*?)</b>", row)[1] for row in rows] == ["Delivery abroad", "Old page", "Returns"]
    assert ["Cited once" in row for row in rows] == [False, False, True]
    assert ["1 problem" in row for row in rows] == [True, False, False]
    assert all("In use" in row for row in rows)
    assert "What the agent knows is what the articles say" in page.text


def test_a_search_shows_what_the_agent_would_find_and_what_has_the_words(signed_in):
    page = signed_in().get("/desk/settings/articles", params={"site": "pk_test", "q": "NORWAY parcel"})
    found, with_words = page.text.split('id="found"')[1].split('id="articles"')
    assert "Parcels to Norway take six days." in found
    assert "1 of 3" in with_words
    assert "Delivery abroad" in with_words and "Old page" not in with_words


def test_what_is_saved_is_indexed_and_answered_from_and_can_be_taken_back(server, signed_in, place):
    ada = signed_in()
    page = edit(ada, "returns.md")
    text = RETURNS.replace("30 days", "47 days")
    answer = send(
        ada, "/desk/settings/articles/edit", page, base=hidden(page, "base"), path="returns.md", do="save", text=text
    )
    assert answer.status_code == 303
    assert (place / "a/help/returns.md").read_text() == text
    synced(ada)
    assert "47 days" in asyncio.run(asked(server, QUESTION))
    history = ada.get("/desk/settings/history?site=pk_test")
    assert "Changed the article returns.md" in history.text and "ada@example.com" in history.text
    undone = send(ada, "/desk/settings/history", history, undo=hidden(history, "undo"))
    assert undone.status_code == 303
    assert (place / "a/help/returns.md").read_text() == RETURNS
    synced(ada)
    assert "30 days" in asyncio.run(asked(server, QUESTION))


def test_a_preview_shows_what_was_typed_and_writes_nothing(signed_in, place):
    ada = signed_in()
    page = edit(ada, "returns.md")
    typed = "# Sending back\n\n<script>alert(1)</script> Within **9 days**.\n"
    shown = send(
        ada,
        "/desk/settings/articles/edit",
        page,
        base=hidden(page, "base"),
        path="returns.md",
        do="preview",
        text=typed,
    )
    assert shown.status_code == 200
    assert "<strong>9 days</strong>" in shown.text
    assert "<script>alert" not in shown.text
    assert "What the agent reads: 1 passage" in shown.text
    assert (place / "a/help/returns.md").read_text() == RETURNS


def test_an_article_with_errors_is_not_saved_and_what_was_typed_stays_with_the_line(signed_in, place):
    ada = signed_in()
    page = edit(ada, "returns.md")
    typed = "---\ntitle: Returns\ntags: [a\n---\nWords & more\n"
    answer = send(
        ada, "/desk/settings/articles/edit", page, base=hidden(page, "base"), path="returns.md", do="save", text=typed
    )
    assert answer.status_code == 422
    assert "Nothing was saved" in answer.text and 'data-line="' in answer.text
    assert html.escape(typed, quote=False) in answer.text.replace("&#34;", '"')
    assert (place / "a/help/returns.md").read_text() == RETURNS


def test_a_change_made_meanwhile_is_not_overwritten_but_shown(signed_in, place):
    ada = signed_in()
    file = place / "a/help/delivery/abroad.md"
    before = file.read_text()
    page = edit(ada, "delivery/abroad.md")
    file.write_text(before + "\nAnd to Sweden.\n")
    answer = send(
        ada, "/desk/settings/articles/edit", page, base=hidden(page, "base"), path="delivery/abroad.md", do="save",
        text=before + "\nMine.\n",
    )  # fmt: skip
    assert answer.status_code == 409
    assert "And to Sweden." in answer.text and "Mine." in answer.text
    assert file.read_text() == before + "\nAnd to Sweden.\n"
    listed = ada.get("/desk/settings/articles?site=pk_test")
    assert "1 article has changed since the last sync" in listed.text
    assert send(ada, "/desk/settings/articles", listed).status_code == 303
    synced(ada)
    after = ada.get("/desk/settings/articles?site=pk_test")
    assert "0 added, 1 changed, 0 removed, 2 unchanged" in after.text
    file.write_text(before)
    assert send(ada, "/desk/settings/articles", after).status_code == 303
    synced(ada)


def test_a_sync_that_fails_says_why_and_what_was_indexed_is_still_found(server, signed_in, place):
    ada = signed_in()
    bad = place / "a/help/bad.md"
    bad.write_bytes(b"# Bad\n\n\xff\n")
    listed = ada.get("/desk/settings/articles?site=pk_test")
    assert "Cannot be read" in listed.text
    assert send(ada, "/desk/settings/articles", listed).status_code == 303
    synced(ada)
    after = ada.get("/desk/settings/articles?site=pk_test")
    assert "The last sync failed" in after.text and "help/bad.md:3: expected UTF-8" in after.text
    assert str(place) not in after.text
    assert "is not saved as UTF-8" in edit(ada, "bad.md").text
    assert "30 days" in asyncio.run(asked(server, QUESTION))
    bad.unlink()
    assert send(ada, "/desk/settings/articles", after).status_code == 303
    synced(ada)
    assert "The last sync failed" not in ada.get("/desk/settings/articles?site=pk_test").text


def test_an_article_is_written_from_a_question_and_removed_again(server, signed_in, place):
    ada = signed_in()
    question = "Do you wrap presents?"
    page = ada.get("/desk/settings/articles/new", params={"site": "pk_test", "question": question})
    assert 'value="Do you wrap presents"' in page.text
    fields = {"title": "Gift wrapping: yes", "text": "We wrap presents for 3 euros.", "path": "", "url": "/help/gifts"}
    answer = send(ada, "/desk/settings/articles/new", page, base="", tags="gifts, extras", locale="", **fields)
    assert answer.status_code == 303
    file = place / "a/help/gift-wrapping-yes.md"
    written = "---\nurl: /help/gifts\ntags:\n  - gifts\n  - extras\n---\n# Gift wrapping: yes\n\nWe wrap presents for 3 euros.\n"
    assert file.read_text() == written
    synced(ada)
    assert "3 euros" in asyncio.run(asked(server, question))
    again = send(ada, "/desk/settings/articles/new", page, base="", tags="", locale="", **fields)
    assert again.status_code == 422
    assert "There is an article gift-wrapping-yes.md already" in again.text
    page = edit(ada, "gift-wrapping-yes.md")
    gone = send(
        ada, "/desk/settings/articles/edit", page, base=hidden(page, "base"), path="gift-wrapping-yes.md", do="remove"
    )
    assert gone.status_code == 303
    assert not file.exists()
    synced(ada)
    assert "3 euros" not in asyncio.run(asked(server, question))


@pytest.mark.parametrize("path", ["../site.yaml", "/etc/passwd", ".hidden.md", "a/../../b.md", "x.txt"])
def test_no_file_but_an_article_is_shown_or_written(signed_in, place, path):
    ada = signed_in()
    assert edit(ada, path).status_code == 303
    page = ada.get("/desk/settings/articles/new?site=pk_test")
    before = sorted((place / "a").rglob("*"))
    answer = send(ada, "/desk/settings/articles/new", page, base="", title="X", text="x", path=path)
    assert answer.status_code == 422
    assert sorted((place / "a").rglob("*")) == before


def test_forms_of_other_pages_are_refused(server, signed_in):
    ada = signed_in()
    page = edit(ada, "returns.md")
    fields = {"site": "pk_test", "path": "returns.md", "do": "remove", "base": hidden(page, "base")}
    for csrf, origin in (("wrong", server.url), (hidden(page, "csrf"), "https://evil.example")):
        answer = ada.post("/desk/settings/articles/edit", data={**fields, "csrf": csrf}, headers={"Origin": origin})
        assert answer.status_code == 403
    assert edit(ada, "returns.md").status_code == 200


def test_html_is_shown_and_not_edited_here(signed_in):
    page = edit(signed_in(), "old.html")
    assert page.status_code == 200
    assert "We were founded in 1990." in page.text
    assert "readonly" in page.text and 'value="save"' not in page.text
