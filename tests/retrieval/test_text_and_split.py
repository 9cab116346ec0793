"""Words, sentences, Markdown and HTML: what a reader sees, and exactly where it stands in the file."""

import random

import pytest

from retrieval.blocks import Anchors
from retrieval.sources import MarkdownFolder, make_document
from retrieval.split import MOST_WORDS, split
from retrieval.text import number, sentences, stem, terms
from retrieval.types import SourceError


def spans(text: str, path: str = "a.md") -> list[tuple[str, str]]:
    """(raw, readable) of every span."""
    document = make_document(path, text)
    return [(text[s.start : s.end], s.text) for p in split("s", document) for s in p.spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We ship to e.g. Norway. It costs 3.50 €.", ["We ship to e.g. Norway.", "It costs 3.50 €."]),
        ("Open 9 a.m. to 5 p.m. We rest on Sunday.", ["Open 9 a.m. to 5 p.m.", "We rest on Sunday."]),
        ("Dr. Smith says no! “Really?” Yes.", ["Dr. Smith says no!", "“Really?”", "Yes."]),
        ("See v1.2 at example.com. Done.", ["See v1.2 at example.com.", "Done."]),
        ("A line\nthat goes on. Next\none.", ["A line\nthat goes on.", "Next\none."]),
        ("One\r\n\r\nTwo", ["One", "Two"]),
        ("Thanks 😀. Bye 👩‍👩‍👧!", ["Thanks 😀.", "Bye 👩‍👩‍👧!"]),
        ("Das gilt z. B. nicht. Am 24. Dezember ist zu.", ["Das gilt z. B. nicht.", "Am 24. Dezember ist zu."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text, expected):
    assert [text[a:b] for a, b in sentences(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,299.00", "1299"),
        ("1.299,00", "1299"),
        ("7.50", "7.5"),
        ("1'000", "1000"),
        ("24.12.2026", "24.12.2026"),
        ("007", "7"),
    ],
)
def test_a_number_has_one_form_however_it_is_written(text, expected):
    assert number(text) == expected


def test_words_of_one_stem_are_one_term_and_stop_words_are_none():
    assert terms("How do I return my returns?") == ["return", "return"]
    assert stem("Rückgaben".lower(), "de") == stem("rückgabe", "de")


def test_markdown_spans_are_slices_without_the_marks_around_them():
    text = "# T\n\nReturn **any item**\nwithin [30 days](https://x/y_(z)). See `code`.\n\n- One. Two.\n- Three\n"
    assert spans(text) == [
        ("Return **any item**\nwithin [30 days](https://x/y_(z)).", "Return any item within 30 days."),
        ("See `code`.", "See code."),
        ("One.", "One."),
        ("Two.", "Two."),
        ("Three", "Three"),
    ]


def test_a_table_row_says_its_header_and_is_one_slice():
    text = "| Country | Cost |\n|---|---|\n| Norway | 5 &euro; |\n| **Spain** | |\n"
    assert spans(text) == [("Norway | 5 &euro;", "Country: Norway; Cost: 5 €"), ("**Spain** |", "Country: Spain")]


def test_windows_line_ends_front_matter_quotes_and_code_keep_exact_offsets():
    text = "---\r\ntitle: X\r\n---\r\n\r\n> Said\r\n> twice.\r\n\r\n```py\r\nrun = 1\r\n```\r\n\r\nEnd 😀.\r\n"
    assert spans(text) == [("Said\r\n> twice.", "Said twice."), ("run = 1", "run = 1"), ("End 😀.", "End 😀.")]


def test_headings_become_paths_and_githubs_anchors():
    text = "# T\n\nIntro.\n\n## What's *new*?\n\nA.\n\n### Deep\n\nB.\n\n## What's new?\n\nC.\n\n## Own {#mine}\n\nD.\n"
    made = split("s", make_document("a.md", f"---\nurl: https://h/a\n---\n{text}"))
    assert [(p.heading, p.url) for p in made] == [
        ("", "https://h/a"),
        ("What's new?", "https://h/a#whats-new"),
        ("What's new? > Deep", "https://h/a#deep"),
        ("What's new?", "https://h/a#whats-new-1"),
        ("Own", "https://h/a#mine"),
    ]


def test_anchors_are_numbered_around_headings_that_look_numbered():
    anchors = Anchors()
    assert [anchors.of(h) for h in ("A", "A", "A-1", "A", "Größe & Maß", "日本 語")] == [
        "a", "a-1", "a-1-1", "a-2", "größe--maß", "日本-語",
    ]  # fmt: skip


def test_html_gives_text_headings_ids_and_slices():
    text = (
        "<html><head><title>T</title><style>p{}</style></head><body><nav>No.</nav><main><h1>Ship &amp; go</h1>"
        "<p>We ship\n to <b>Norway</b>&nbsp;now. It costs 5&euro;.</p><h2 id=cost>Cost</h2>"
        "<ul><li>One<li>Two.</ul><table><tr><th>A<th>B</tr><tr><td>1</td><td>2</td></tr></table>"
        "<script>alert('x')</script></main><footer>No.</footer></body></html>"
    )
    document = make_document("a.html", text, base_url="https://h")
    assert document.title == "Ship & go"
    assert spans(text, "a.html") == [
        ("We ship\n to <b>Norway</b>&nbsp;now.", "We ship to Norway now."),
        ("It costs 5&euro;.", "It costs 5€."),
        ("One", "One"),
        ("Two.", "Two."),
        ("1</td><td>2", "A: 1; B: 2"),
    ]
    assert split("s", document)[-1].url == "https://h/a#cost"


def test_a_long_section_is_cut_between_paragraphs_into_even_passages():
    paragraphs = [f"Paragraph {n} " + "word " * 55 + "end." for n in range(10)]
    made = split("s", make_document("a.md", "\n\n".join(paragraphs)))
    sizes = [len(p.text.split()) for p in made]
    assert all(100 <= size <= MOST_WORDS for size in sizes)
    assert [s.text for p in made for s in p.spans] == paragraphs


def test_one_endless_paragraph_is_cut_between_sentences():
    text = " ".join(f"Sentence number {n} has exactly seven words." for n in range(200))
    made = split("s", make_document("a.md", text))
    assert all(len(p.text.split()) <= MOST_WORDS for p in made)
    assert sum(len(p.spans) for p in made) == 200


def test_every_offset_of_any_markdown_holds():
    pieces = [
        "# H", "## Sub {#x}", "- item *one*", "  - deeper [l](u)", "1. first", "> quote", "```", "code()", "| a | b |", "|---|---|",
        "| 1 | 2 \\| 3 |", "Text with `tick` & &amp; **bold**.", "\tTab", "<div>html <b>x</b></div>", "", "", "😀 émoji!",
        "***", "Setext", "===",
        "[ref]: http://x", "![img](a.png) alt", "a\\*b", "x\u2028y", "<!-- no", "-->",
    ]  # fmt: skip
    dice = random.Random(3)
    for _ in range(400):
        end = dice.choice(["\n", "\r\n", "\n"])
        text = end.join(dice.choice(pieces) for _ in range(dice.randint(1, 14)))
        for path in ("a.md", "a.html"):
            document = make_document(path, text)
            for passage in split("s", document):
                assert text[passage.start : passage.end] == passage.raw
                for span in passage.spans:
                    assert passage.start <= span.start < span.end <= passage.end
                    assert text[span.start : span.end].strip()
                    assert span.text.strip()


async def test_a_folder_gives_its_articles_with_what_their_front_matter_says(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.md").write_text("no")
    (tmp_path / "a" / "01-sale_items.md").write_text("Text.")
    (tmp_path / "b.md").write_text("---\ntitle: B\naudience: staff\nlocale: de\ntags: [x, y]\n---\nText.")
    (tmp_path / "c.txt").write_text("no")
    first, second = await MarkdownFolder(tmp_path, base_url="https://h/").documents()
    assert (first.path, first.title, first.url) == ("a/01-sale_items.md", "Sale items", "https://h/a/01-sale_items")
    assert (second.title, second.audience, second.locale, second.tags) == ("B", "staff", "de", ("x", "y"))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"---\ntitle: [a\n---\nx", r"bad\.md:\d: front matter is not YAML"),
        (b"---\n- a\n---\nx", "expected `key: value`"),
        (b"---\ntitle: {a: 1}\n---\nx", "title: expected text"),
        (b"one\ntwo \xff", r"bad\.md:2: expected UTF-8"),
    ],
)
async def test_a_broken_article_is_named_with_its_line(tmp_path, raw, message):
    (tmp_path / "bad.md").write_bytes(raw)
    with pytest.raises(SourceError, match=message):
        await MarkdownFolder(tmp_path).documents()
