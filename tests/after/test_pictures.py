"""What an upload is kept as: nothing but pixels, upright, bounded; and what is not taken at all."""

import io
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from server.pictures import MAX_SIDE, SQUARE, NotAccepted, accepted, square


def encoded(image, form, **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def bomb(width, height):
    """A PNG of some hundred bytes that says it has this many pixels."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1_000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_each_kind_is_kept_as_a_plain_image_without_what_travelled_in_it(form):
    image = Image.new("RGB", (40, 30), (10, 20, 30))
    options = {"comment": b"Secret Street 12"} if form in ("JPEG", "GIF") else {}
    if form == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("note", "Secret Street 12")
    kept = accepted(encoded(image, form, **options) + b"Secret Street 12, behind the image")
    assert b"Secret Street" not in kept.content
    again = Image.open(io.BytesIO(kept.content))
    assert again.size == (kept.width, kept.height) == (40, 30)
    assert {"image/jpeg": "JPEG", "image/png": "PNG"}[kept.type] == again.format
    assert not again.info.keys() & {"exif", "comment", "note", "icc_profile", "xmp"}


def test_what_lay_on_its_side_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    kept = accepted(encoded(Image.new("RGB", (40, 30)), "JPEG", exif=exif))
    assert (kept.width, kept.height) == (30, 40)


def test_what_is_large_is_kept_smaller():
    kept = accepted(encoded(Image.new("RGB", (6_000, 3_000)), "JPEG"))
    assert (kept.width, kept.height) == (MAX_SIDE, MAX_SIDE // 2)


def test_what_was_seen_through_still_is():
    kept = accepted(encoded(Image.new("RGBA", (4, 4), (1, 2, 3, 0)), "PNG"))
    assert Image.open(io.BytesIO(kept.content)).getpixel((0, 0))[3] == 0


@pytest.mark.parametrize("size", [(60_000, 60_000), (1, 2_000_000_000), (6_000, 6_000)])
def test_a_bomb_is_not_decoded(size):
    with pytest.raises(NotAccepted):
        accepted(bomb(*size))


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"BM" + b"\0" * 60, b"II*\0" + b"\0" * 60, b"%!PS-Adobe-3.0", b"RIFF\0\0\0\0WEBPVP8 "]
)
def test_other_kinds_are_not_taken(data):
    with pytest.raises(NotAccepted) as refused:
        accepted(data)
    assert refused.value.code == "bad_file"


@pytest.mark.parametrize("size", [(1200, 400), (300, 900), (20, 20)])
def test_a_persons_picture_is_a_small_square_whatever_it_was(size):
    found = square(encoded(Image.new("RGB", size), "PNG"))
    assert (found.type, found.width, found.height) == ("image/jpeg", SQUARE, SQUARE)
    assert Image.open(io.BytesIO(found.content)).size == (SQUARE, SQUARE)


def test_what_can_be_seen_through_in_a_persons_picture_is_white():
    found = Image.open(io.BytesIO(square(encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), "PNG")).content))
    assert min(found.getpixel((90, 90))) > 250


def test_nothing_but_pixels_is_kept_of_a_persons_picture():
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    photo = encoded(Image.new("RGB", (300, 300)), "JPEG", exif=exif)
    assert b"taken at home" in photo
    assert b"taken at home" not in square(photo).content


@pytest.mark.parametrize("data", [b"%PDF-1.4 %%EOF", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b""])
def test_what_is_no_image_is_no_picture_of_a_person(data):
    with pytest.raises(NotAccepted) as refused:
        square(data)
    assert refused.value.code == "bad_file"
