"""The preview of an article: what is written is shown, and nothing of it does anything."""

import pytest
from bs4 import BeautifulSoup

from server.http.preview import preview


def shown(text, path="returns/returns.md"):
    known = {"returns/boots.md": "/edit?path=returns/boots.md", "delivery.md": "/edit?path=delivery.md"}
    return str(preview(text, path, known.get))


def test_markdown_is_drawn_below_the_pages_own_headings_and_without_front_matter():
    html = shown("---\ntitle: Secret\n---\n# Returns\n\n## How *long*\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert "<h4>Returns</h4>" in html and "<h5>How <em>long</em></h5>" in html and "<td>2</td>" in html
    assert "Secret" not in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "![x](https://evil.example/x.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
        "[x](vbscript:x 'onmouseover=alert(1)')",
        '[x](https://a.example "\\" onmouseover=\\"alert(1)")',
    ],
)
def test_nothing_in_it_runs_or_loads(text):
    for tag in BeautifulSoup(shown(text), "html.parser").find_all(True):
        assert tag.name in ("p", "a")
        assert set(tag.attrs) <= {"href", "title", "target", "rel"}
        assert tag.get("href", "https://").startswith(("https://", "mailto:"))


def test_links_lead_to_other_articles_here_or_out_of_the_desk_or_nowhere():
    html = shown("[a](boots.md#worn) [b](../delivery) [c](https://x.example/y) [d](gone.md) [e](../../../etc/passwd)")
    assert html.count("href=") == 3
    assert '<a href="/edit?path=returns/boots.md">a</a>' in html
    assert '<a href="/edit?path=delivery.md">b</a>' in html
    assert 'href="https://x.example/y" target="_blank" rel="noopener noreferrer"' in html
