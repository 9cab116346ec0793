"""Pictures: what an upload really is, whatever it calls itself; images are written anew, so that nothing else travels in them.

Pure: bytes in, bytes out. It blocks for up to half a second: call it in a thread.
"""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

MAX_BYTES: Final = 5 * 1024 * 1024
"""A telephone's photo has 2 to 5 MB; 5 MB over a slow line are 20 s."""
MAX_SIDE: Final = 2_560
"""Pixels of the longer side as kept: a label on a parcel can still be read."""
MAX_PIXELS: Final = 32_000_000
"""Decoded, 3 bytes each: 96 MB for a moment. What says that it has more is not decoded; a small file can say anything."""
MAX_JPEG_PIXELS: Final = 110_000_000
"""A JPEG is decoded at a fraction of its size, and telephones take photos of up to 108 megapixels."""
_FORMATS: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
SQUARE: Final = 192
"""Pixels of a side of a person's picture: shown at 32 to 48, on screens of up to four pixels for one."""
_QUALITY: Final = 85
PDF: Final = "application/pdf"


class NotAccepted(Exception):
    """The upload is not taken. `code` is an error code of the HTTP interface; the message is for the customer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Accepted:
    """An upload as it is kept. `ending` is that of its type; images have a size in pixels."""

    type: str
    ending: str
    content: bytes
    width: int | None = None
    height: int | None = None


def accepted(data: bytes) -> Accepted:
    """The upload as it is kept: a PDF as it came, an image anew, without metadata, upright, at most 2,560 pixels long.

    A moving picture becomes its first frame.

    Raises:
        NotAccepted: it is none of JPEG, PNG, WebP, GIF and PDF, is damaged, or too large.
    """
    if len(data) > MAX_BYTES:
        raise NotAccepted("too_large", f"a file has at most {MAX_BYTES // 1024 // 1024} MB")
    if data.startswith(b"%PDF-"):
        if b"%%EOF" not in data[-2_048:]:
            raise NotAccepted("bad_file", "this PDF is damaged")
        return Accepted(PDF, "pdf", data)
    return _of_image(data, _anew)


def square(data: bytes) -> Accepted:
    """A person's picture as it is kept: the middle of the image as a small square JPEG, anew and without metadata.

    Raises:
        NotAccepted: it is none of JPEG, PNG, WebP and GIF, is damaged, or too large.
    """
    if len(data) > MAX_BYTES:
        raise NotAccepted("too_large", f"a picture has at most {MAX_BYTES // 1024 // 1024} MB")
    return _of_image(data, _squared)


def _of_image(data: bytes, made: Callable[[Image.Image], Accepted]) -> Accepted:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own idea of a bomb is larger than ours, which is checked below
            with Image.open(io.BytesIO(data), formats=tuple(_FORMATS)) as image:
                return made(image)
    except NotAccepted:
        raise
    except UnidentifiedImageError:
        also = " or a PDF" if made is _anew else ""
        raise NotAccepted("bad_file", f"expected an image (JPEG, PNG, WebP, GIF){also}") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, MemoryError):
        raise NotAccepted("bad_file", "this image is damaged") from None


def _upright(image: Image.Image, side: int) -> Image.Image:
    """The first frame, decoded and as it is to be looked at, in RGB or RGBA; a JPEG already near to `side` pixels."""
    width, height = image.size
    limit = MAX_JPEG_PIXELS if image.format == "JPEG" else MAX_PIXELS
    if width * height > limit:
        raise NotAccepted("too_large", "this image has too many pixels")
    if image.format == "JPEG":
        image.draft("RGB", (side, side))
        if image.size[0] * image.size[1] > MAX_PIXELS:
            raise NotAccepted("too_large", "this image has too many pixels")
    image.seek(0)
    plain = ImageOps.exif_transpose(image)
    alpha = plain.mode in ("RGBA", "LA", "PA") or "transparency" in plain.info
    return plain.convert("RGBA" if alpha else "RGB")


def _anew(image: Image.Image) -> Accepted:
    found = image.format
    plain = _upright(image, MAX_SIDE)
    plain.thumbnail((MAX_SIDE, MAX_SIDE))
    # A new image of nothing but the pixels: no EXIF with a place in it, no comment, no profile, no second image behind it.
    bare = Image.new(plain.mode, plain.size)
    bare.paste(plain)
    if found == "JPEG" or (found == "WEBP" and plain.mode == "RGB"):
        return _jpeg(bare)
    out = io.BytesIO()
    bare.save(out, "PNG", optimize=False)
    return Accepted("image/png", "png", out.getvalue(), *bare.size)


def _squared(image: Image.Image) -> Accepted:
    plain = ImageOps.fit(_upright(image, 2 * SQUARE), (SQUARE, SQUARE))
    bare = Image.new("RGB", plain.size, "white")
    bare.paste(plain, mask=plain.getchannel("A") if plain.mode == "RGBA" else None)
    return _jpeg(bare)


def _jpeg(bare: Image.Image) -> Accepted:
    out = io.BytesIO()
    bare.convert("RGB").save(out, "JPEG", quality=_QUALITY, optimize=True)
    return Accepted("image/jpeg", "jpg", out.getvalue(), *bare.size)
