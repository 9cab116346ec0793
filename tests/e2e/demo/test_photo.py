"""A damaged item with a photo in the demo shop, in a real browser, with the offline engine: sent, or left out."""

import io
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.e2e.demo.test_actions import press, said, signed_in
from tests.e2e.demo.test_demo_shop import chat
from tests.e2e.desk.colleague import Colleague, add_staff
from tests.serving import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def page(chromium: Browser, server: Server, wrong: list[str]) -> Iterator[Page]:
    context = chromium.new_context(base_url=server.url, locale="en-GB", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(f"error on the page: {error}"))
    yield page
    context.close()
    assert wrong == []


def photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (120, 60, 20)).save(out, "JPEG")
    return out.getvalue()


def reports(server: Server) -> list[tuple[str, str | None]]:
    """What was wrong, and the photo, of each report in the shop's own ledger."""
    [file] = Path(server.data).rglob("ledger.sqlite")
    with sqlite3.connect(file) as db:
        return db.execute(
            "SELECT problem, photo FROM reports LEFT JOIN report_photos ON report = n ORDER BY n"
        ).fetchall()


def asked_for_a_photo(page: Page) -> None:
    signed_in(page, "Mara Lindner")
    chat(page, "my item arrived damaged")
    press(page, "Damaged or wrong item")
    said(page, re.compile("Which order is it from"))
    chat(page, "1042")
    said(page, re.compile("Which item is it"))
    press(page, "Alpin boots (41)")
    said(page, re.compile("What is wrong with it"))
    chat(page, "the sole comes off")
    said(page, re.compile("A photo helps us"))


def test_a_photo_is_sent_in_the_chat_and_staff_open_it_from_the_report(page: Page, server: Server) -> None:
    asked_for_a_photo(page)
    with page.expect_file_chooser() as chosen:
        press(page, "Send a photo or PDF")
    chosen.value.set_files({"name": "IMG_2041.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    said(page, re.compile("a replacement or a refund"))
    chat(page, "a replacement please")
    said(page, re.compile("A colleague has to approve this first"))
    problem, path = reports(server)[-1]
    assert problem == "the sole comes off"
    add_staff(server.data, "ada@example.com", role="admin")
    ada = Colleague(server, "ada@example.com")
    ada.sign_in()
    found = ada.http.get(path, follow_redirects=True)
    assert found.status_code == 200
    assert found.headers["content-type"].startswith("image/")
    ada.http.close()


def test_without_a_photo_it_goes_on(page: Page, server: Server) -> None:
    asked_for_a_photo(page)
    press(page, "I have no photo")
    said(page, re.compile("a replacement or a refund"))
    chat(page, "a refund")
    said(page, re.compile("A colleague checks the refund"))
    assert reports(server)[-1] == ("the sole comes off", None)
