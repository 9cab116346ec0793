"""A help center as its writers see it: titles, mistakes, words that are looked for, and files that change meanwhile."""

import os

import pytest

from server.shop.shelf import Shelf, documents_of
from tests.serving import RETURNS

ARTICLES = {
    "returns.md": RETURNS,
    "delivery/abroad.md": "---\ntags: [delivery]\n---\n# Abroad\n\nWe ship to **Zürich** within 5 days. See [nothing](gone.md).\n",
    "old.html": "<title>Old page</title><p>Printed in 1990.</p>",
    "broken.md": "---\ntitle: [unclosed\n---\n# Broken\n",
    ".hidden.md": "# Hidden\n",
}


@pytest.fixture
def folder(tmp_path):
    for path, text in ARTICLES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


def by_path(shelf, folder):
    return {one.path: one for one in shelf.articles(folder, locale="en")}


def test_every_article_is_there_with_its_title_and_what_is_wrong_with_it(folder):
    found = by_path(Shelf(), folder)
    assert list(found) == ["broken.md", "delivery/abroad.md", "old.html", "returns.md"]
    assert {path: one.title for path, one in found.items()} == {
        "broken.md": "broken.md",
        "delivery/abroad.md": "Abroad",
        "old.html": "Old page",
        "returns.md": "Returns",
    }
    assert [problem.severity for problem in found["broken.md"].problems] == ["error"]
    [link] = found["delivery/abroad.md"].problems
    assert (link.line, link.message) == (6, "the link 'gone.md' leads to no article")
    assert [path for path, one in found.items() if not one.editable] == ["old.html"]
    assert found["returns.md"].problems == ()


def test_a_change_is_seen_and_what_stays_is_not_read_again(folder):
    shelf = Shelf()
    before = shelf.articles(folder, locale="en")
    assert shelf.articles(folder, locale="en") is before
    (folder / "returns.md").write_text("# Sending back\n\nWithin 30 days.\n", encoding="utf-8")
    os.utime(folder / "returns.md", ns=(1, 1))
    (folder / "broken.md").unlink()
    found = by_path(shelf, folder)
    assert found["returns.md"].title == "Sending back"
    assert "broken.md" not in found


def test_no_folder_has_no_articles(tmp_path):
    assert Shelf().articles(tmp_path / "help", locale="en") == ()


@pytest.mark.parametrize(
    ("query", "path", "words"),
    [("zurich", "delivery/abroad.md", "We ship to Zürich"), ("RETURN unworn", "returns.md", "any unworn item"),
     ("print", "old.html", "Printed in 1990."), ("abroad 5", "delivery/abroad.md", "within 5 days")],
)  # fmt: skip
def test_words_are_found_whatever_their_accents_and_ends(folder, query, path, words):
    found = {one.path: one.excerpt(query) for one in Shelf().articles(folder, locale="en")}
    assert [one for one, piece in found.items() if piece is not None] == [path]
    assert words in found[path]


def test_an_article_that_lacks_one_of_the_words_is_not_found(folder):
    found = by_path(Shelf(), folder)
    assert found["returns.md"].excerpt("returns zürich") is None
    assert found["returns.md"].excerpt("") is None


def test_only_articles_with_one_of_the_tags_are_answered_from(folder):
    articles = Shelf().articles(folder, locale="en")
    assert [one.path for one in documents_of(articles, ["delivery"])] == ["delivery/abroad.md"]
    assert len(documents_of(articles, [])) == 3
