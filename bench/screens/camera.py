"""Camera: one view as four pictures, desktop and phone, light and dark; small enough to be kept in the repository.

It knows no page and no shop.
"""

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.async_api import Browser, BrowserContext, Page

SIZES: Final = {"desktop": (1280, 800), "phone": (390, 844)}
SCHEMES: Final = ("light", "dark")
COLOURS: Final = 256
"""Of a picture's palette: chosen for the widest range, then moved by k-means to where the pixels are. No channel of any pixel is
off by more than 8 of 255, and a picture has a third of its bytes. The usual median cut turned small red marks amber."""
ROUNDS: Final = 3
READY_MS: Final = 60_000
"""A machine that is busy is no failure."""


@dataclass(frozen=True, slots=True)
class View:
    """What a picture shows. `prepare` gets a fresh page and the variant ("phone-dark"), and leaves it as it is to be seen."""

    name: str
    prepare: Callable[[Page, str], Awaitable[None]]
    sizes: tuple[str, ...] = ("desktop", "phone")
    full: bool = False
    """The whole page, not only what fits the window."""


class Camera:
    """Takes pictures with one browser. `cookie` signs a colleague in, where the address asks for one."""

    def __init__(self, browser: Browser, place: Path, url: str, cookie: tuple[str, str] | None = None) -> None:
        self._browser = browser
        self._place = place
        self._url = url
        self._cookie = cookie

    async def take(self, view: View) -> list[Path]:
        """Every picture of a view; their files."""
        return [await self._one(view, size, scheme) for size in view.sizes for scheme in SCHEMES]

    async def _one(self, view: View, size: str, scheme: str) -> Path:
        context = await self._context(size, scheme)
        page = await context.new_page()
        try:
            await view.prepare(page, f"{size}-{scheme}")
            shot = await page.screenshot(full_page=view.full, animations="disabled")
        finally:
            await context.close()
        file = self._place / f"{view.name}-{size}-{scheme}.png"
        file.write_bytes(small(shot))
        return file

    async def _context(self, size: str, scheme: str) -> BrowserContext:
        width, height = SIZES[size]
        context = await self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            locale="en-GB",
            reduced_motion="reduce",
            has_touch=size == "phone",
        )
        context.set_default_timeout(READY_MS)
        if self._cookie:
            name, value = self._cookie
            await context.add_cookies([{"name": name, "value": value, "url": self._url}])
        return context


def small(png: bytes) -> bytes:
    """The same picture with a palette."""
    out = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    palette = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, ROUNDS, dither=Image.Dither.NONE)
    palette.save(out, "PNG", optimize=True)
    return out.getvalue()
