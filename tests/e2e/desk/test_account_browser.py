"""A colleague's picture in Chromium: chosen on the account page, shown there and to a customer, and taken away again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.desk.colleague import add_staff
from tests.e2e.widget.steps import violations
from tests.serving import Server, write_shop


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("account")
    shop = write_shop(directory / "shop")
    (directory / "script.json").write_text(json.dumps({"rules": []}))
    add_staff(directory / "data", "ada@example.com")
    with Server(shop, directory / "data", SHOPBELL_MODEL=f"scripted:{directory / 'script.json'}") as running:
        yield running


def test_a_picture_is_chosen_shown_and_taken_away(browsers, server: Server, tmp_path: Path) -> None:
    face, text = tmp_path / "ada.png", tmp_path / "ada.txt"
    Image.new("RGB", (800, 600), "teal").save(face)
    text.write_text("not a picture")
    page = browsers("ada@example.com")
    page.goto(f"{server.url}/desk/account")
    picture = page.get_by_role("img", name="Your picture")
    expect(picture).to_be_hidden()
    page.get_by_label("A picture").set_input_files(text)
    expect(page.get_by_role("alert")).to_contain_text("Expected an image")
    page.get_by_label("A picture").set_input_files(face)
    expect(page.get_by_role("status")).to_have_text("Customers see this picture now.")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(picture).to_be_visible()
    page.wait_for_function("document.getElementById('face').naturalWidth === 192")
    page.reload()
    page.wait_for_function("document.getElementById('face').naturalWidth === 192")
    page.get_by_role("button", name="Take the picture away").click()
    expect(page.get_by_role("status")).to_have_text("Customers see your initials now.")
    expect(picture).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_account_page(browsers, server: Server, scheme: str) -> None:
    page = browsers("ada@example.com", color_scheme=scheme, viewport={"width": 390, "height": 780})
    page.goto(f"{server.url}/desk/account")
    expect(page.get_by_text("ada@example.com")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
