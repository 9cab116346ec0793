"""`mail.page` of site.yaml: the shop's page that links in mails open."""

from pathlib import Path

import pytest

from server.site import Site, check, parse_yaml

HEAD = "key: pk_a\nname: A\norigins: [https://shop.example]\n"


@pytest.mark.parametrize(
    ("page", "about"),
    [
        ("https://other.example/chat", "expected mail.page on one of the `origins`"),
        ("http://shop.example/chat", "expected mail.page on one of the `origins`"),
        ("/chat", "expected a whole address without #"),
        ("https://shop.example/#/chat", "expected a whole address without #"),
        ("javascript:alert(1)", "expected"),
    ],
)
def test_a_page_that_cannot_show_the_chat_is_an_error_at_its_line(page, about):
    found = []
    document = parse_yaml(f'{HEAD}mail:\n  page: "{page}"\n', Path("site.yaml"), found)
    assert check(Site, document, found) is None
    assert "site.yaml:5:" in str(found[0])
    assert about in str(found[0])


@pytest.mark.parametrize("page", ["https://shop.example/help/chat?from=mail", "https://SHOP.example:443/chat"])
def test_a_page_on_one_of_the_origins_is_fine(page):
    found = []
    document = parse_yaml(f'{HEAD}mail:\n  page: "{page}"\n', Path("site.yaml"), found)
    site = check(Site, document, found)
    assert found == []
    assert site.mail.page == page
