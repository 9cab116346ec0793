"""Mistakes in help articles are found with their line.

What an article means for answers is retrieval's, and tested there.
"""

from pathlib import Path

import pytest

from server.site import check_articles


def found(root: Path, **articles: str) -> list[tuple[str, int, int, str, str]]:
    """Problems as (file, line, column, severity, message); `__` in a name is `/`."""
    for name, text in articles.items():
        stem = name.replace("__", "/")
        path = root / (stem.removesuffix("_html") + ".html" if stem.endswith("_html") else stem + ".md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return [
        (problem.file.relative_to(root).as_posix(), problem.line, problem.column, problem.severity, problem.message)
        for problem in check_articles(root)
    ]


def test_good_articles_have_no_problems(tmp_path):
    assert (
        found(
            tmp_path,
            returns="---\ntitle: Returns\nurl: /help/returns\nlocale: en\naudience: all\ntags: [a, b]\nlayout: x\n---\nText.\n",
            de__returns="---\ntitle: Rückgabe\nurl: /help/returns\nlocale: de\ntags: a, b\n---\n[zurück](../returns.md#wie)\n",
            plain="# Plain\n\n[de](de/returns), [web](https://x.example/y), [top](#plain), [root](/shop), [mail](mailto:a@b.c)\n",
            page_html="<title>Page</title><p><a href='returns.md'>r</a></p>",
        )
        == []
    )


BROKEN = [
    ("Text only.\n", 1, 1, "warning", "no title"),
    ("## Only a small heading\n", 1, 1, "warning", "no title"),
    ("   \n", 1, 1, "warning", "the article is empty"),
    ("---\ntitle: A\n", 1, 1, "error", "front matter begins here and never ends"),
    ("---\ntitle: A\nurl: help/a\n---\n", 3, 6, "error", "url: expected a link that starts with https:// or /"),
    ("---\ntitle: A\nurl: javascript:alert(1)\n---\n", 3, 6, "error", "url: expected a link"),
    ("---\ntitle: A\nlocale: German!\n---\n", 3, 9, "error", "locale: expected a language tag"),
    ("---\ntitle: A\ntitle: B\n---\n", 3, 1, "error", "`title` is here twice; first in line 2"),
    ("---\ntitle: A: B\n---\n# A\n", 2, 9, "error", "put the text in quotes"),
    ("---\n- a\n---\n# A\n", 2, 1, "error", "expected keys and values"),
    ("---\ntitel: A\n---\n# A\n", 2, 1, "warning", "the key `titel` means nothing here; did you mean `title`?"),
    ("# A\n\nSee [b](b.md).\n", 3, 9, "warning", "the link 'b.md' leads to no article"),
    (
        "---\ntitle: A\n---\n\nOne\ntwo [b](../b.md#x) three\n",
        6,
        9,
        "warning",
        "the link '../b.md#x' leads to no article",
    ),
    ("# A\n\n- x\n- [b][ref]\n\n[ref]: gone.md\n", 4, 1, "warning", "the link 'gone.md' leads to no article"),
    ("# A\n\n| a |\n|---|\n| [b](gone.md) |\n", 5, 7, "warning", "the link 'gone.md' leads to no article"),
    ("# A [b](ü.md)\n", 1, 9, "warning", "leads to no article"),
]


@pytest.mark.parametrize(
    ("text", "line", "column", "severity", "message"), BROKEN, ids=[case[0][:25] for case in BROKEN]
)
def test_a_mistake_in_an_article_is_found_with_its_place(tmp_path, text, line, column, severity, message):
    ((_, at, in_line, found_severity, said),) = found(tmp_path, a=text)
    assert (at, in_line, found_severity) == (line, column, severity), said
    assert message in said


def test_links_in_code_are_no_links(tmp_path):
    assert found(tmp_path, a="# A\n\n`[b](b.md)`\n\n```\n[c](c.md)\n```\n") == []


def test_a_broken_link_in_html_is_found_with_its_place(tmp_path):
    problems = found(tmp_path, a_html="<h1>A</h1>\n<p>x <a href='gone.html'>b</a></p>\n")
    assert [(name, line, column) for name, line, column, *_ in problems] == [("a.html", 2, 6)]


def test_html_without_a_title_is_warned_of(tmp_path):
    ((_, _, _, severity, message),) = found(tmp_path, a_html="<p>x</p>")
    assert (severity, message[:8]) == ("warning", "no title")


def test_two_articles_of_one_language_with_one_url_are_an_error(tmp_path):
    problems = found(tmp_path, a="---\ntitle: A\nurl: /x\n---\n", b="---\ntitle: B\nurl: /x\n---\n")
    assert problems == [("b.md", 3, 6, "error", "the url '/x' is also that of a.md")]


def test_an_article_that_is_no_utf8_is_an_error(tmp_path):
    (tmp_path / "a.md").write_bytes(b"# A\n\nCaf\xe9\n")
    ((name, line, column, severity, message),) = found(tmp_path)
    assert (name, line, column, severity) == ("a.md", 3, 4, "error")
    assert "expected UTF-8, got the byte 0xe9" in message


def test_hidden_files_and_other_kinds_are_left_alone(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.md").write_text("")
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    assert found(tmp_path, a="# A\n", _dot="") == [("_dot.md", 1, 1, "warning", "the article is empty")]


def test_a_shop_without_articles_is_warned_of(tmp_path):
    assert "has no articles" in check_articles(tmp_path)[0].message
    assert "there is no help folder" in check_articles(tmp_path / "help")[0].message
