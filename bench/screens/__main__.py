"""Screens: writes the pictures of docs/screens. It starts what it needs and stops it again; it needs Chromium.

    .venv/bin/python -m bench.screens [--only NAME …] [--to DIRECTORY]

`--only desk-queue` takes the pictures of one view, `--only chat` those of all whose names begin like that.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, async_playwright

from bench.screens import views
from bench.screens.camera import Camera, View
from bench.screens.past import month, morning
from bench.screens.today import ADA, held, serving, settled, signed_in
from tests.e2e.whole.test_whole import ARGS
from tests.serving import ROOT

CHROMIUM: Final = "/usr/bin/chromium"


async def shoot(camera: Camera, found: Sequence[View], only: Sequence[str]) -> int:
    """Take those that were asked for; how many bytes they have."""
    size = 0
    for view in found:
        if only and not any(view.name.startswith(name) for name in only):
            continue
        files = await camera.take(view)
        size += sum(file.stat().st_size for file in files)
        print(f"{view.name}: {', '.join(f'{file.stat().st_size / 1000:.0f}' for file in files)} kB", flush=True)
    return size


async def of_today(browser: Browser, place: Path, to: Path, only: Sequence[str]) -> int:
    """The desk and the chat: a shop where customers write now."""
    data = place / "today"
    await morning(data, time.time_ns() // 1_000_000)
    with serving(place / "today-shop", data, always_open=True) as server:
        async with held(server) as today:
            asked = [(views.desk(today), today.cookie), (views.login(server) + views.chat(today), None)]
            return sum([await shoot(Camera(browser, to, server.url, who), some, only) for some, who in asked])


async def of_month(browser: Browser, place: Path, to: Path, only: Sequence[str]) -> int:
    """Settings and insights: a shop that has had a month."""
    data = place / "month"
    await month(data, time.time_ns() // 1_000_000)
    with serving(place / "month-shop", data, always_open=False) as server:
        ada = signed_in(server, ADA)
        settled(ada)
        camera = Camera(browser, to, server.url, ("shopbell_desk", ada.http.cookies["shopbell_desk"]))
        try:
            return await shoot(camera, views.insights(server) + views.settings(server), only)
        finally:
            ada.http.close()


def wanted(only: Sequence[str], *prefixes: str) -> bool:
    """Whether any of these pictures are asked for: else their shop need not be started."""
    return not only or any(name.startswith(prefix) or prefix.startswith(name) for name in only for prefix in prefixes)


async def run(only: Sequence[str], to: Path) -> int:
    """All that was asked for; how many bytes."""
    month_of = ("desk-insights", "desk-settings", "desk-articles", "desk-workflows")
    of_now = not only or any(not name.startswith(month_of) for name in only)
    size = 0
    with tempfile.TemporaryDirectory() as directory:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
            if of_now:
                size += await of_today(browser, Path(directory), to, only)
            if wanted(only, *month_of):
                size += await of_month(browser, Path(directory), to, only)
            await browser.close()
    return size


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the pictures of docs/screens.")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="views whose names begin so")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "screens", help="where to")
    args = parser.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    size = asyncio.run(run(args.only, args.to))
    print(f"{size / 1e6:.1f} MB in all")
    if not size:
        print(f"no picture has a name that begins with {' or '.join(args.only)}", file=sys.stderr)
    return 0 if size else 2


if __name__ == "__main__":
    sys.exit(main())
