"""The second shop directory: as good as the first, and without a word of it."""

from pathlib import Path

from server.shop import load_shop
from tests.demo.support import ROOT, client_for

NURSERY = ROOT / "tests" / "shops" / "allotment"


def test_it_loads_without_complaint_and_is_shown_on_the_plain_page(tmp_path: Path) -> None:
    shop = load_shop(NURSERY, data=tmp_path, environment={"THISTLEDOWN_IDENTITY_SECRET": "x" * 40})
    assert [str(problem) for problem in shop.problems] == []
    client = client_for(shop, directory=NURSERY)
    home = client.get("/").text
    assert "Thistledown Nursery" in home
    assert home.count('href="/help/') == 12
    assert "Foxglove, monkshood" in client.get("/help/poisonous").text


def test_the_server_and_the_demo_pages_know_neither_shop() -> None:
    files = [*(ROOT / "server" / "http").glob("demo*.py"), *(ROOT / "widget" / "demo").iterdir()]
    files += (ROOT / "widget" / "templates").glob("demo*.html")
    assert len(files) >= 7
    for file in files:
        text = file.read_text(encoding="utf-8").lower()
        assert not [word for word in ("hobnail", "larch", "thistledown", "cus_", "innsbruck") if word in text], file
