"""The demo shop's articles: complete, and of one mind about every number."""

import re

import pytest

from retrieval.markdown import front_matter_end
from retrieval.sources import MarkdownFolder
from retrieval.types import Document
from tests.demo.support import SHOP

ARTICLES = MarkdownFolder(SHOP / "help").read()
BY_PATH = {article.path: article for article in ARTICLES}


def body(path: str) -> str:
    article = BY_PATH[path]
    return article.text[front_matter_end(article.text) :]


def section(path: str, heading: str) -> str:
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", body(path), re.M | re.S)
    assert found, f"{path} has no section {heading!r}"
    return found.group(1)


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("article", ARTICLES, ids=lambda article: article.path)
def test_an_article_has_a_title_a_url_of_its_own_and_some_words(article: Document) -> None:
    assert article.url.startswith("/help/")
    assert [other.path for other in ARTICLES if other.url == article.url] == [article.path]
    assert body(article.path).startswith(f"# {article.title}\n")
    assert len(body(article.path).split()) >= 90


def test_there_are_about_thirty_articles_and_three_in_german() -> None:
    assert 28 <= sum(article.locale is None for article in ARTICLES) <= 40
    assert sum(article.locale == "de" for article in ARTICLES) == 3


def test_norway_and_price_matching_are_nowhere_so_that_they_are_really_unknown() -> None:
    everything = "\n".join(article.text for article in ARTICLES).lower()
    for unknown in ("norway", "norwegen", "price match", "match the price", "price guarantee", "cheaper", "elsewhere"):
        assert unknown not in everything


def test_the_list_of_countries_has_as_many_as_it_says_in_both_languages() -> None:
    listed = re.findall(r"^- (.+)$", section("delivery/where-we-ship.md", "Countries we ship to"), re.M)
    german = re.search(r"15 Länder: (.+)\.$", section("de/versand.md", "Wohin wir liefern"), re.M)
    assert german
    assert len(listed) == len(set(listed)) == 15
    assert len(re.split(r", | und ", german.group(1))) == 15
    assert "these 15 countries" in body("delivery/where-we-ship.md")


def test_the_german_shipping_costs_are_the_english_ones() -> None:
    def numbers(table: list[list[str]]) -> list[list[str]]:
        return [re.findall(r"\d+(?:[.,]\d+)?", " ".join(row).replace(",", ".")) for row in table]

    english = numbers(rows(body("delivery/shipping-costs.md")))
    assert english == numbers(rows(section("de/versand.md", "Was der Versand kostet")))
    assert english[0] == ["4.90", "9.90", "80"]


def test_the_periods_of_return_are_the_same_wherever_they_are_told() -> None:
    assert "within 30 days of delivery" in section("returns/returns.md", "How long you have")
    assert "within 14 days of delivery" in section("returns/returns.md", "Sale items")
    assert "30 days, or 14 days for sale items" in body("returns/exchanges.md")
    german = section("de/rueckgabe.md", "Wie lange Sie Zeit haben")
    assert re.findall(r"(\d+) Tagen", german) == ["30", "14"]


def test_refunds_take_equally_long_in_both_languages() -> None:
    english = {row[0]: row[1] for row in rows(section("returns/refunds.md", "How long a refund takes"))}
    german = section("de/rueckgabe.md", "Wie lange die Erstattung dauert")
    assert english["Card, Apple Pay, Google Pay"] == "3 to 5 working days"
    assert "innerhalb von 3 Werktagen" in german
    assert "bei Kartenzahlung 3 bis 5 Werktage" in german
    assert english["PayPal"] == "1 working day"
    assert "bei PayPal 1 Werktag " in german


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"return label (?:costs|of) (€[\d.]+)", {"€5.90"}),
        (r"Patch[^|]*\| from (€\d+)", {"€15"}),
        (r"[Rr]esoling[^|\n]*\| (€\d+)", {"€79"}),
        (r"Points last (\d+) months", {"24"}),
        (r"Saturday,? (\d+:\d\d–\d+:\d\d)", {"9:00–17:00"}),
        (r"Monday to Friday (\d+:\d\d–\d+:\d\d)", {"9:00–18:00"}),
        (r"skis? are ready in (\d+) working days", {"2"}),
    ],
)
def test_a_fact_has_one_value_in_all_articles(pattern: str, expected: set[str]) -> None:
    assert {match for article in ARTICLES for match in re.findall(pattern, article.text, re.I)} == expected


def test_links_between_articles_lead_to_articles() -> None:
    for article in ARTICLES:
        for link in re.findall(r"\]\(([^)#:]+\.md)\)", article.text):
            assert (SHOP / "help" / article.path).parent.joinpath(link).resolve().is_file(), (article.path, link)
