"""Pictures read in a process of their own: what comes out, what is refused, and what a hostile file can use up."""

import asyncio
import io
import random
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psutil
import pytest
from PIL import Image, ImageStat

from proctorium_common.errors import ServiceError
from proctorium_identity.domain.images import MIB, ImageLimits
from proctorium_identity.images.process import ImageReader
from proctorium_identity.images.reader import Allowance

from ..pictures import (
    black,
    deep_png,
    encoded,
    photo,
    png_that_claims,
    scan_bomb,
    text_bomb,
    zip_end,
)

CASE = uuid4()


async def refused(file: bytes, **options: Any) -> ServiceError:
    with pytest.raises(ServiceError) as refusal:
        await ImageReader(**options).read(file, CASE)
    return refusal.value


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_each_format_comes_out_as_jpeg(kind: str) -> None:
    picture = await ImageReader().read(photo(kind), CASE)
    out = Image.open(io.BytesIO(picture.jpeg))
    assert (out.format, out.size) == ("JPEG", (640, 480))
    assert (picture.media_type, picture.width, picture.height) == ("image/jpeg", 640, 480)


def gradient(mode: str) -> Image.Image:
    return Image.linear_gradient("L").rotate(90).resize((512, 256)).convert(mode)


DEPTHS = {
    **{
        f"PNG {mode}": encoded(gradient(mode), "PNG")
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA")
    },
    **{f"JPEG {mode}": encoded(gradient(mode), "JPEG") for mode in ("L", "RGB", "CMYK")},
    **{f"WebP {mode}": encoded(gradient(mode), "WEBP") for mode in ("RGB", "RGBA")},
    **{f"PNG, 16 bits, {channels} channels": deep_png(channels) for channels in (1, 2, 3, 4)},
    "PNG, 16 bits, grey, black is transparent": deep_png(1, transparent=0),
    "PNG, 16 bits, colours, black is transparent": deep_png(3, transparent=0),
}


@pytest.mark.parametrize("file", DEPTHS.values(), ids=DEPTHS)
@pytest.mark.parametrize("kept_side", [2000, 300], ids=["as it is", "made smaller"])
async def test_brightness_survives_in_every_mode(file: bytes, kept_side: int) -> None:
    reader = ImageReader(limits=ImageLimits(kept_side=kept_side))
    out = Image.open(io.BytesIO((await reader.read(file, CASE)).jpeg)).convert("L")
    shades = [
        ImageStat.Stat(
            out.crop((out.width * part // 8, 0, out.width * (part + 1) // 8, out.height))
        )
        for part in range(8)
    ]
    means = sorted(shade.mean[0] for shade in shades)
    # The scanned document is neither a white nor a black sheet: an eighth of it for each shade.
    assert means == pytest.approx([16 + 32 * part for part in range(8)], abs=10)


async def test_a_transparent_grey_becomes_white() -> None:
    picture = await ImageReader().read(deep_png(1, transparent=128 * 400), CASE)
    out = Image.open(io.BytesIO(picture.jpeg)).convert("L")
    white, grey = (ImageStat.Stat(out.crop((x, 0, x + 1, 256))).mean[0] for x in (400, 393))
    assert white > grey + 10


HEIC = b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + bytes(400)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (HEIC, "HEIC"),
        (HEIC.replace(b"ftypheic", b"ftypmif1"), "HEIC"),
        (b"\0\0\0\x20ftypavif\0\0\0\0mif1avif" + bytes(400), "AVIF"),
        (encoded(Image.new("RGB", (300, 300), "red"), "GIF"), "GIF"),
        (encoded(Image.new("RGB", (300, 300), "red"), "TIFF"), "TIFF"),
        (encoded(Image.new("RGB", (300, 300), "red"), "BMP"), "BMP"),
        (encoded(Image.new("RGB", (300, 300), "red"), "PDF"), "PDF"),
    ],
    ids=["heic", "heif", "avif", "gif", "tiff", "bmp", "pdf"],
)
async def test_a_format_that_is_not_read_is_named(file: bytes, name: str) -> None:
    said = await refused(file)
    assert said.reason == "IMAGE_UNREADABLE"
    assert name in said.message
    assert said.metadata["format"] == name
    assert ("iPhone" in said.message) == (name == "HEIC")


async def test_metadata_is_gone_and_the_picture_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker of the phone"
    exif.get_ifd(0x8825)[1] = "N"
    file = photo(size=(640, 480), exif=exif, comment=b"a secret comment", icc_profile=b"profile")
    picture = await ImageReader().read(file, CASE)
    assert (picture.width, picture.height) == (480, 640)
    out = Image.open(io.BytesIO(picture.jpeg))
    assert not out.getexif()
    assert "comment" not in out.info
    assert "icc_profile" not in out.info
    assert b"Maker" not in picture.jpeg


async def test_a_large_picture_is_kept_smaller() -> None:
    for kind in ("JPEG", "PNG"):
        picture = await ImageReader().read(photo(kind, size=(4000, 3000)), CASE)
        assert (picture.width, picture.height) == (2000, 1500)


async def test_what_is_transparent_becomes_white() -> None:
    picture = await ImageReader().read(
        encoded(Image.new("RGBA", (300, 300), (0, 0, 0, 0)), "PNG"), CASE
    )
    out = Image.open(io.BytesIO(picture.jpeg))
    assert ImageStat.Stat(out).mean == pytest.approx([255, 255, 255], abs=1)


@pytest.mark.parametrize(
    "file",
    [
        b"plain text",
        b"\xff\xd8\xff\xe0 no more",
        encoded(Image.new("RGB", (300, 300), "red"), "GIF"),
        encoded(Image.new("RGB", (300, 300), "red"), "BMP"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        png_that_claims(300, 300),
        b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(3000),
    ],
    ids=["text", "jpeg that stops", "gif", "bmp", "svg", "png without pixels", "noise"],
)
async def test_what_is_no_picture_is_unreadable(file: bytes) -> None:
    assert (await refused(file)).reason == "IMAGE_UNREADABLE"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
async def test_a_truncated_picture_is_unreadable(kind: str, part: float) -> None:
    file = photo(kind)
    assert (await refused(file[: int(len(file) * part)])).reason == "IMAGE_UNREADABLE"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_polyglot_is_refused_and_told_so(kind: str) -> None:
    failure = await refused(photo(kind) + b"PK\x03\x04" + zip_end())
    assert failure.reason == "IMAGE_UNREADABLE"
    assert "besides a picture" in failure.message


async def test_too_many_bytes_are_refused_with_the_limit() -> None:
    failure = await refused(photo() + b"\0" * (8 * MIB))
    assert (failure.reason, failure.metadata) == ("IMAGE_TOO_LARGE", {"limit": f"{8 * MIB} bytes"})


async def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    bomb = png_that_claims(50_000, 50_000, b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    failure = await refused(bomb)
    assert (failure.reason, failure.metadata["limit"]) == ("IMAGE_TOO_LARGE", "16000000 pixels")
    assert "JPEG" in failure.message


async def test_a_jpeg_may_have_more_pixels_than_what_has_to_be_unpacked_as_a_whole() -> None:
    size = (7000, 5000)
    assert (await ImageReader().read(photo(size=size), CASE)).width == 2000
    for kind in ("PNG", "WEBP"):
        assert (await refused(photo(kind, size=size))).metadata == {"limit": "16000000 pixels"}
    failure = await refused(photo(size=(8000, 5001)))
    assert failure.metadata == {"limit": "40000000 pixels"}


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
async def test_the_largest_picture_that_is_allowed_fits_into_the_allowance(kind: str) -> None:
    largest = encoded(Image.new("RGBA", (4000, 4000), (90, 120, 150, 200)), kind)
    assert (await ImageReader().read(largest, CASE)).width == 2000


async def test_a_bomb_in_the_text_of_a_picture_is_refused() -> None:
    assert (await refused(text_bomb())).reason in {"IMAGE_UNREADABLE", "IMAGE_TOO_LARGE"}


async def test_a_picture_that_needs_too_much_memory_is_refused() -> None:
    failure = await refused(
        encoded(Image.new("RGBA", (4000, 4000), (90, 120, 150, 200)), "PNG"),
        allowance=Allowance(memory=100 * MIB),
    )
    assert failure.reason == "IMAGE_TOO_LARGE"


async def test_a_picture_that_takes_too_long_is_given_up_and_its_process_is_gone() -> None:
    failure = await refused(photo(size=(4000, 3000)), wall_time=timedelta(milliseconds=20))
    assert failure.reason == "IMAGE_TOO_LARGE"
    readers = [
        child for child in psutil.Process().children() if "pictures.reader" in child.cmdline()
    ]
    assert not readers


async def test_a_picture_that_takes_too_much_processor_time_is_given_up() -> None:
    bomb = scan_bomb()
    assert len(bomb) < MIB
    failure = await refused(bomb, allowance=Allowance(cpu_seconds=1))
    assert (failure.reason, failure.metadata["limit"]) == (
        "IMAGE_TOO_LARGE",
        "memory and time to open",
    )


async def test_a_small_picture_is_refused_with_the_limit() -> None:
    failure = await refused(photo(size=(1000, 199)))
    assert (failure.reason, failure.metadata) == ("IMAGE_TOO_SMALL", {"limit": "200 pixels"})


async def test_a_black_picture_is_refused() -> None:
    assert (await refused(black())).reason == "IMAGE_TOO_DARK"


async def test_the_reader_has_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nonexistent")
    monkeypatch.setenv("PROCTORIUM_MASTER_KEY", "secret")
    assert (await ImageReader().read(photo(), CASE)).width == 640


async def test_random_bytes_behind_a_right_beginning_never_break_the_reader() -> None:
    chance = random.Random(20260301)
    reader = ImageReader()
    for kind in ("JPEG", "PNG", "WEBP") * 4:
        file = bytearray(photo(kind))
        for _ in range(20):
            file[chance.randrange(4, len(file))] = chance.randrange(256)
        with suppress(ServiceError):
            await reader.read(bytes(file), CASE)


async def test_a_cancelled_call_holds_its_permit_until_its_picture_is_read() -> None:
    reader = ImageReader(at_once=1, allowance=Allowance(cpu_seconds=1))
    reading = asyncio.create_task(reader.read(scan_bomb(), CASE))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(ServiceError) as refusal:
        await reader.read(photo(), uuid4(), within=0.5)
    assert (refusal.value.reason, refusal.value.retry_after) == (
        "IMAGE_READERS_BUSY",
        timedelta(seconds=5),
    )
    assert (await reader.read(photo(), uuid4(), within=30)).width == 640
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_when_so_many_wait_one_more_is_told_when_to_come_back() -> None:
    reader = ImageReader(at_once=1, capacity=2)
    first, second = [asyncio.create_task(reader.read(photo(), uuid4())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ServiceError) as refusal:
        await reader.read(photo(), uuid4())
    assert (refusal.value.reason, refusal.value.retry_after) == (
        "IMAGE_READERS_BUSY",
        timedelta(seconds=5),
    )
    assert [picture.width for picture in await asyncio.gather(first, second)] == [640, 640]


async def test_a_reader_that_is_closed_reads_nothing_more_and_hangs_nobody() -> None:
    reader = ImageReader(at_once=1)
    under_way, *waiting = [asyncio.create_task(reader.read(photo(), uuid4())) for _ in range(3)]
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await reader.close()
        assert (await under_way).width == 640
        for each in waiting:
            with pytest.raises(RuntimeError):
                await each
