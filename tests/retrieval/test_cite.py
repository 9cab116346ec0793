"""Citations against answers that try to pass off what the help center does not say."""

import dataclasses

import pytest

from retrieval.cite import cite
from retrieval.sources import make_document
from retrieval.split import split

DOCUMENT = make_document(
    "help.md",
    """# Returns

You can return **any item** within 30 days of delivery. Sale items can be returned within 14 days. We do not refund
shipping costs. Exchanges are not free, shipping is free.

## Countries

We ship to Sweden, Norway and Denmark. Delivery to Sweden costs €5.90. Orders placed before 2 pm leave the same day 😀.

| Size | Weight |
|---|---|
| Tent X200 | 2.4 kg |
""",
)
PASSAGES = split("s", DOCUMENT)


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        (
            "You can return any item within 30 days of delivery. [1]",
            "You can return **any item** within 30 days of delivery.",
        ),
        ("Sale items may be returned within 14 days [1].", "Sale items can be returned within 14 days."),
        ("Sale items: fourteen days [1]", "Sale items can be returned within 14 days."),
        ("We don't refund shipping costs.[1]", "We do not refund\nshipping costs."),
        ("Shipping is free. [1]", "Exchanges are not free, shipping is free."),
        ("Delivery to Sweden costs 5,90 € [2].", "Delivery to Sweden costs €5.90."),
        ("Orders placed before 2 pm leave the same day 😀. [2]", "Orders placed before 2 pm leave the same day 😀."),
        ("The tent X200 has a weight of 2.4 kg [2]", "Tent X200 | 2.4 kg"),
    ],
)
def test_what_the_passage_says_is_cited_with_the_shortest_exact_slice(text, quote):
    done = cite(text, PASSAGES)
    (citation,) = done.citations
    assert citation.quote == quote == DOCUMENT.text[citation.start : citation.end]
    assert (citation.n, citation.hash, done.unsupported) == (1, DOCUMENT.hash, ())
    assert "[1]" in done.text


@pytest.mark.parametrize(
    "text",
    [
        "Sale items can be returned within 41 days. [1]",  # a number that is not there
        "Sale items can be returned within 30 weeks. [1]",  # its unit is not
        "Sale items can be returned within 14 months. [1]",
        "Delivery to Sweden costs $5.90 [2]",  # another currency
        "Delivery to Sweden costs 5.90 percent [2]",
        "Sale items cannot be returned within 14 days. [1]",  # no where it says yes
        "You can't return any item within 30 days of delivery. [1]",
        "We refund shipping costs. [1]",  # yes where it says no
        "Exchanges are free. [1]",
        "Orders placed after 2 pm leave the same day [2]",  # the opposite
        "We ship to Finland. [2]",  # a name that is not there
        "The tent X300 has a weight of 2.4 kg [2]",
        "We ship to Sweden on Saturday [2]",
        "We ship to Norway. [1]",  # the other passage
        "We ship to Norway. [3]",  # no passage
        "We ship to Norway. [0]",
        "Our founder loves mountain goats. [1]",
        "Yes. [1]",
    ],
)
def test_what_the_passage_does_not_say_loses_its_marker_and_is_reported(text):
    done = cite(text, PASSAGES)
    assert done.citations == ()
    assert len(done.unsupported) == 1
    assert "[" not in done.text


def test_markers_are_numbered_by_first_use_and_the_same_slice_has_one_number():
    done = cite("We ship to Norway [2]. Sale items: 14 days [1]. We ship to Norway [2].", PASSAGES)
    assert done.text == "We ship to Norway [1]. Sale items: 14 days [2]. We ship to Norway [1]."
    assert [citation.n for citation in done.citations] == [1, 2]


def test_of_several_markers_only_those_that_support_stay():
    done = cite("We ship to Norway [1, 2][9].", PASSAGES)
    assert (done.text, done.unsupported) == ("We ship to Norway [1].", ())


@pytest.mark.parametrize("mark", ["- ", "* ", "2. "])
def test_the_mark_of_a_list_is_no_word_of_what_is_quoted(mark):
    text = "Country: Malta; Express: not available; Standard: €9"
    table = "# Post\n\n| Country | Express | Standard |\n|---|---|---|\n| Malta | not available | €9 |\n| Cyprus | €20 | €9 |\n"
    passages = split("s", make_document("post.md", table))
    (citation,) = cite(f"{mark}{text} [1]", passages).citations
    assert citation.quote == "Malta | not available | €9"


def test_each_list_item_is_a_sentence_of_its_own():
    done = cite("- We ship to Norway [2]\n- We ship to Chile [2]\n", PASSAGES)
    assert done.text == "- We ship to Norway [1]\n- We ship to Chile\n"
    assert done.unsupported == ("- We ship to Chile",)


@pytest.mark.parametrize(
    "text",
    [
        "Use `list[1]` here",
        "```\na[1]\n```",
        "See [1](https://x)",
        "[see [1] there](https://x)",
        r"Say \[1] so",
        "https://x/?a[1]=2 there",
    ],
)
def test_brackets_in_code_links_and_addresses_are_no_markers(text):
    done = cite(text, PASSAGES)
    assert (done.text, done.citations, done.unsupported) == (text, (), ())


@pytest.mark.parametrize(
    "text", ["", "[1]", "[1] [2]\n[3]", " \n", "[", "[999]", "😀[1]", "[1][1][1] x [2", "`[1]", "\u202e[1]"]
)
def test_odd_texts_break_nothing_and_keep_their_words(text):
    done = cite(text, PASSAGES)
    assert done.citations == ()
    assert cite(text, []).citations == ()


def test_a_passage_whose_offsets_do_not_fit_its_raw_text_is_never_cited():
    broken = [dataclasses.replace(passage, end=passage.end + 1) for passage in PASSAGES]
    assert cite("We ship to Norway. [2]", broken).citations == ()


def test_text_without_markers_comes_back_as_it_was():
    text = "Hello!\r\n\r\nWe ship  to Norway.\n"
    assert cite(text, PASSAGES).text == text
