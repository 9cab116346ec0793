"""Demo pages: every page opens under a strict policy, articles show what citations point at, nothing leaves the folder."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from retrieval.sources import MarkdownFolder
from retrieval.split import split
from retrieval.types import Document, text_hash
from server.http.demo_pages import render
from server.shop import Shop, load_shop
from tests.demo.support import SHOP, client_for

ARTICLES = MarkdownFolder(SHOP / "help").read()


@pytest.mark.parametrize(
    "path", ["/", "/product?item=ridge-tent", "/product?item=none", "/cart", "/help", "/help/returns"]
)
def test_a_page_opens_and_runs_only_what_has_the_nonce_or_is_our_own(client: TestClient, path: str) -> None:
    first, second = client.get(path), client.get(path)
    assert first.status_code == 200
    policy = first.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert policy != second.headers["content-security-policy"]  # a nonce is used once
    assert not re.search(r"<[^>]+\son\w+=|<[^>]+\sstyle=|<style|<script(?![^>]*\ssrc=)", first.text)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", first.text)


def test_the_chat_is_embedded_by_exactly_one_script_tag(client: TestClient) -> None:
    for path in ("/", "/help/returns", "/cart"):
        assert client.get(path).text.count('src="/widget.js" data-site="pk_demo_hobnail" data-open="first"') == 1


def test_every_product_has_a_page_and_a_drawing(client: TestClient) -> None:
    home = client.get("/").text
    links = set(re.findall(r'href="(/product\?item=[a-z0-9-]+)"', home))
    assert len(links) == 25
    for link in links:
        page = client.get(link).text
        drawing = re.search(r'class="pic big.*?<svg[^>]*>(.*?)</svg>', page, re.S)
        assert drawing
        assert drawing.group(1).count("<path") + drawing.group(1).count("<circle") >= 2


def test_every_citation_of_every_article_opens_at_its_heading(client: TestClient) -> None:
    for article in ARTICLES:
        for passage in split("pk_demo_hobnail", article):
            path, _, anchor = passage.url.partition("#")
            page = client.get(path)
            assert page.status_code == 200
            assert not anchor or f'id="{anchor}"' in page.text, passage.url


def test_links_between_articles_are_links_between_pages(client: TestClient) -> None:
    for article in ARTICLES:
        page = client.get(article.url).text
        main = page[page.index('class="prose"') : page.index("</article>")]
        assert ".md" not in main
        for link in re.findall(r'href="(/help/[^"]+)"', main):
            assert client.get(link).status_code == 200


def test_unknown_pages_and_articles_are_not_found(client: TestClient) -> None:
    for path in (
        "/nothing",
        "/help/nothing",
        "/index",
        "/_layout",
        "/_layout.html",
        "/products.json",
        "/static/none.css",
    ):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/../products.json",
        "/static/..%2fproducts.json",
        "/static/%2e%2e/%2e%2e/site.yaml",
        "/static/..%5c..%5csite.yaml",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/help/..%2f..%2fsite.yaml",
        "/help/%2e%2e/%2e%2e/plugin.py",
        "/demo/..%2fpanel.js",
        "/demo/%2e%2e%2f__init__.py",
        "/%2e%2e/site.yaml",
        "/static/%00",
    ],
)
def test_no_path_leaves_its_folder(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "pk_demo_hobnail" not in answer.text
    assert "slug" not in answer.text


def test_a_link_out_of_the_static_folder_is_not_followed(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "storefront" / "static").mkdir(parents=True)
    (tmp_path / "storefront" / "index.html").write_text("<p>{{ site.name }}</p>", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (tmp_path / "storefront" / "static" / "out.txt").symlink_to(tmp_path / "secret.txt")
    client = client_for(shop, directory=tmp_path)
    assert client.get("/").text == "<p>Hobnail &amp; Larch</p>"
    assert client.get("/static/out.txt").status_code == 404


def test_a_storefront_cannot_take_the_servers_own_names(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "storefront").mkdir()
    for name in ("index", "about", "healthz", "v1", "desk", "widget", "_part", "Über"):
        (tmp_path / "storefront" / f"{name}.html").write_text("x", encoding="utf-8")
    client = client_for(shop, directory=tmp_path)
    assert client.get("/about").status_code == 200
    for name in ("healthz", "v1", "desk", "widget", "_part", "Über"):
        assert client.get(f"/{name}").status_code == 404


def test_a_template_cannot_reach_out_of_its_sandbox(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "storefront").mkdir()
    attack = "{{ ''.__class__.__mro__ }}{{ site.__init__.__globals__ }}"
    (tmp_path / "storefront" / "index.html").write_text(attack, encoding="utf-8")
    client = TestClient(client_for(shop, directory=tmp_path).app, raise_server_exceptions=False)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "object" not in answer.text


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "![x](https://evil.example/a.png)",
        '## a {#x" onclick="alert(1)}',
        '[x](https://e.example/"onclick=alert(1))',
    ],
)
@pytest.mark.parametrize("ending", ["md", "html"])
def test_nothing_in_an_article_runs_or_loads(text: str, ending: str) -> None:
    document = Document(f"a.{ending}", "A", "/help/a", None, None, text, text_hash(text))
    html = str(render(document, {}))
    for tag in re.findall(r"<[a-zA-Z][^>]*>", html):
        assert not re.match(r"<(script|img|iframe|style)", tag)
        assert not re.search(
            r"""\son\w+\s*=|href="(javascript|data):""", re.sub(r'"[^"]*"', lambda m: m[0].replace(" on", ""), tag)
        )


def test_articles_for_staff_are_not_shown(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "help").mkdir()
    (tmp_path / "help" / "inner.md").write_text("---\naudience: staff\n---\n# Inner\nSecret terms.", encoding="utf-8")
    (tmp_path / "help" / "open.md").write_text("# Open\nFor all.", encoding="utf-8")
    client = client_for(shop, directory=tmp_path)
    assert client.get("/help/inner").status_code == 404
    assert "Inner" not in client.get("/help").text
    assert "For all." in client.get("/help/open").text


def test_an_edited_article_is_seen_at_once(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "help").mkdir()
    (tmp_path / "help" / "a.md").write_text("# A\nOld words.", encoding="utf-8")
    client = client_for(shop, directory=tmp_path)
    assert "Old words." in client.get("/help/a").text
    (tmp_path / "help" / "a.md").write_text("# A\nQuite new words.", encoding="utf-8")
    assert "Quite new words." in client.get("/help/a").text


def test_a_shop_without_a_storefront_gets_a_plain_page_with_the_chat_and_its_articles(tmp_path: Path) -> None:
    (tmp_path / "shop" / "help").mkdir(parents=True)
    (tmp_path / "shop" / "site.yaml").write_text("key: pk_plain\nname: <b>Plain</b>\n", encoding="utf-8")
    (tmp_path / "shop" / "help" / "a.html").write_text("<h1>About</h1><p onclick=x>Hello</p>", encoding="utf-8")
    shop = load_shop(tmp_path / "shop", data=tmp_path / "data", environment={})
    client = client_for(shop, directory=tmp_path / "shop")
    home = client.get("/").text
    assert "&lt;b&gt;Plain" in home
    assert 'src="/widget.js" data-site="pk_plain"' in home
    assert 'href="/help/a"' in home
    assert "<p>Hello</p>" in client.get("/help/a").text
    assert client.get("/demo/page.css").status_code == 200


@pytest.mark.parametrize("number", ["RT-0001", "EX-0012"])
def test_the_label_of_a_return_has_its_number_and_the_shops_address(client: TestClient, number: str) -> None:
    page = client.get(f"/label?number={number}").text
    assert page.count(number) >= 2
    assert "6020 Innsbruck" in page


@pytest.mark.parametrize("number", ["", "0001", "<script>", "RT-<b>", "RT-" + "9" * 40])
def test_what_is_no_number_of_a_return_has_no_label_and_cannot_write_into_the_page(
    client: TestClient, number: str
) -> None:
    page = client.get("/label", params={"number": number}).text
    assert "<b>" not in page.split("<main", 1)[1].split("</main", 1)[0]
    assert "<script>" not in page
    assert "9999" not in page
