"""Pictures: what an upload really is, whatever it calls itself; images are written anew, so that nothing else travels in them.

Pure: bytes in, bytes out. It blocks for up to half a second: call it in a thread.
"""

import io
import warnings
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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own idea of a bomb is larger than ours, which is checked below
            with Image.open(io.BytesIO(data), formats=tuple(_FORMATS)) as image:
                return _anew(image)
    except NotAccepted:
        raise
    except UnidentifiedImageError:
        raise NotAccepted("bad_file", "expected an image (JPEG, PNG, WebP, GIF) or a PDF") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, MemoryError):
        raise NotAccepted("bad_file", "this image is damaged") from None


def _anew(image: Image.Image) -> Accepted:
    width, height = image.size
    limit = MAX_JPEG_PIXELS if image.format == "JPEG" else MAX_PIXELS
    if width * height > limit:
        raise NotAccepted("too_large", "this image has too many pixels")
    found = image.format
    if found == "JPEG":
        image.draft("RGB", (MAX_SIDE, MAX_SIDE))
        if image.size[0] * image.size[1] > MAX_PIXELS:
            raise NotAccepted("too_large", "this image has too many pixels")
    image.seek(0)
    plain = ImageOps.exif_transpose(image)
    alpha = plain.mode in ("RGBA", "LA", "PA") or "transparency" in plain.info
    plain = plain.convert("RGBA" if alpha else "RGB")
    plain.thumbnail((MAX_SIDE, MAX_SIDE))
    # A new image of nothing but the pixels: no EXIF with a place in it, no comment, no profile, no second image behind it.
    bare = Image.new(plain.mode, plain.size)
    bare.paste(plain)
    out = io.BytesIO()
    if found == "JPEG" or (found == "WEBP" and not alpha):
        bare.convert("RGB").save(out, "JPEG", quality=_QUALITY, optimize=True)
        return Accepted("image/jpeg", "jpg", out.getvalue(), *bare.size)
    bare.save(out, "PNG", optimize=False)
    return Accepted("image/png", "png", out.getvalue(), *bare.size)
