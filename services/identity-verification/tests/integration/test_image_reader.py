"""Tests of the image reader: results, refusals and resource limits."""

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
from proctorium_identity.images.reader import ResourceLimits

from ..images import (
    black,
    deep_png,
    encoded,
    photo,
    png_with_size,
    scan_bomb,
    text_bomb,
    zip_end,
)

CASE = uuid4()


async def refuse(file: bytes, **options: Any) -> ServiceError:
    with pytest.raises(ServiceError) as refusal:
        await ImageReader(**options).read(file, CASE)
    return refusal.value


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_each_format_is_converted_to_jpeg(kind: str) -> None:
    image = await ImageReader().read(photo(kind), CASE)
    out = Image.open(io.BytesIO(image.jpeg))
    assert (out.format, out.size) == ("JPEG", (640, 480))
    assert (image.media_type, image.width, image.height) == ("image/jpeg", 640, 480)


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
@pytest.mark.parametrize("stored_side", [2000, 300], ids=["as it is", "reduced"])
async def test_brightness_is_preserved_in_every_mode(file: bytes, stored_side: int) -> None:
    reader = ImageReader(limits=ImageLimits(stored_side=stored_side))
    out = Image.open(io.BytesIO((await reader.read(file, CASE)).jpeg)).convert("L")
    shades = [
        ImageStat.Stat(
            out.crop((out.width * part // 8, 0, out.width * (part + 1) // 8, out.height))
        )
        for part in range(8)
    ]
    means = sorted(shade.mean[0] for shade in shades)
    # The gradient goes from dark to bright, so each eighth of the image has its own mean brightness.
    assert means == pytest.approx([16 + 32 * part for part in range(8)], abs=10)


async def test_transparent_grey_becomes_white() -> None:
    image = await ImageReader().read(deep_png(1, transparent=128 * 400), CASE)
    out = Image.open(io.BytesIO(image.jpeg)).convert("L")
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
async def test_unsupported_format_is_named_in_the_error(file: bytes, name: str) -> None:
    error = await refuse(file)
    assert error.reason == "IMAGE_UNREADABLE"
    assert name in error.message
    assert error.metadata["format"] == name
    assert ("iPhone" in error.message) == (name == "HEIC")


async def test_metadata_is_removed_and_the_image_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker of the phone"
    exif.get_ifd(0x8825)[1] = "N"
    file = photo(size=(640, 480), exif=exif, comment=b"a secret comment", icc_profile=b"profile")
    image = await ImageReader().read(file, CASE)
    assert (image.width, image.height) == (480, 640)
    out = Image.open(io.BytesIO(image.jpeg))
    assert not out.getexif()
    assert "comment" not in out.info
    assert "icc_profile" not in out.info
    assert b"Maker" not in image.jpeg


async def test_large_image_is_reduced() -> None:
    for kind in ("JPEG", "PNG"):
        image = await ImageReader().read(photo(kind, size=(4000, 3000)), CASE)
        assert (image.width, image.height) == (2000, 1500)


async def test_transparent_pixels_become_white() -> None:
    image = await ImageReader().read(
        encoded(Image.new("RGBA", (300, 300), (0, 0, 0, 0)), "PNG"), CASE
    )
    out = Image.open(io.BytesIO(image.jpeg))
    assert ImageStat.Stat(out).mean == pytest.approx([255, 255, 255], abs=1)


@pytest.mark.parametrize(
    "file",
    [
        b"plain text",
        b"\xff\xd8\xff\xe0 truncated",
        encoded(Image.new("RGB", (300, 300), "red"), "GIF"),
        encoded(Image.new("RGB", (300, 300), "red"), "BMP"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        png_with_size(300, 300),
        b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(3000),
    ],
    ids=["text", "truncated jpeg", "gif", "bmp", "svg", "png without pixels", "noise"],
)
async def test_other_files_are_unreadable(file: bytes) -> None:
    assert (await refuse(file)).reason == "IMAGE_UNREADABLE"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
async def test_truncated_image_is_unreadable(kind: str, part: float) -> None:
    file = photo(kind)
    assert (await refuse(file[: int(len(file) * part)])).reason == "IMAGE_UNREADABLE"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_polyglot_is_refused(kind: str) -> None:
    error = await refuse(photo(kind) + b"PK\x03\x04" + zip_end())
    assert error.reason == "IMAGE_UNREADABLE"
    assert "besides a photo" in error.message


async def test_too_many_bytes_are_refused_with_the_limit() -> None:
    error = await refuse(photo() + b"\0" * (8 * MIB))
    assert (error.reason, error.metadata) == ("IMAGE_TOO_LARGE", {"limit": f"{8 * MIB} bytes"})


async def test_decompression_bomb_is_refused_by_its_header() -> None:
    bomb = png_with_size(50_000, 50_000, b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    error = await refuse(bomb)
    assert (error.reason, error.metadata["limit"]) == ("IMAGE_TOO_LARGE", "16000000 pixels")
    assert "JPEG" in error.message


async def test_jpeg_may_have_more_pixels_than_png_and_webp() -> None:
    size = (7000, 5000)
    assert (await ImageReader().read(photo(size=size), CASE)).width == 2000
    for kind in ("PNG", "WEBP"):
        assert (await refuse(photo(kind, size=size))).metadata == {"limit": "16000000 pixels"}
    error = await refuse(photo(size=(8000, 5001)))
    assert error.metadata == {"limit": "40000000 pixels"}


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
async def test_largest_accepted_image_fits_into_the_resource_limits(kind: str) -> None:
    largest = encoded(Image.new("RGBA", (4000, 4000), (90, 120, 150, 200)), kind)
    assert (await ImageReader().read(largest, CASE)).width == 2000


async def test_compressed_text_bomb_is_refused() -> None:
    assert (await refuse(text_bomb())).reason in {"IMAGE_UNREADABLE", "IMAGE_TOO_LARGE"}


async def test_image_over_the_memory_limit_is_refused() -> None:
    error = await refuse(
        encoded(Image.new("RGBA", (4000, 4000), (90, 120, 150, 200)), "PNG"),
        resource_limits=ResourceLimits(memory=100 * MIB),
    )
    assert error.reason == "IMAGE_TOO_LARGE"


async def test_image_over_the_wall_time_is_refused_and_its_process_killed() -> None:
    error = await refuse(photo(size=(4000, 3000)), wall_time=timedelta(milliseconds=20))
    assert error.reason == "IMAGE_TOO_LARGE"
    readers = [
        child
        for child in psutil.Process().children()
        if any("images.reader" in argument for argument in child.cmdline())
    ]
    assert not readers


async def test_image_over_the_cpu_limit_is_refused() -> None:
    bomb = scan_bomb()
    assert len(bomb) < MIB
    error = await refuse(bomb, resource_limits=ResourceLimits(cpu_seconds=1))
    assert (error.reason, error.metadata["limit"]) == (
        "IMAGE_TOO_LARGE",
        "memory and time to open",
    )


async def test_small_image_is_refused_with_the_limit() -> None:
    error = await refuse(photo(size=(1000, 199)))
    assert (error.reason, error.metadata) == ("IMAGE_TOO_SMALL", {"limit": "200 pixels"})


async def test_black_image_is_refused() -> None:
    assert (await refuse(black())).reason == "IMAGE_TOO_DARK"


async def test_reader_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nonexistent")
    monkeypatch.setenv("PROCTORIUM_MASTER_KEY", "secret")
    assert (await ImageReader().read(photo(), CASE)).width == 640


async def test_corrupted_images_never_break_the_reader() -> None:
    random_source = random.Random(20260301)
    reader = ImageReader()
    for kind in ("JPEG", "PNG", "WEBP") * 4:
        file = bytearray(photo(kind))
        for _ in range(20):
            file[random_source.randrange(4, len(file))] = random_source.randrange(256)
        with suppress(ServiceError):
            await reader.read(bytes(file), CASE)


async def test_cancelled_call_holds_its_permit_until_its_image_is_read() -> None:
    reader = ImageReader(at_once=1, resource_limits=ResourceLimits(cpu_seconds=1))
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


async def test_image_beyond_the_capacity_is_refused_with_a_retry_delay() -> None:
    reader = ImageReader(at_once=1, capacity=2)
    first, second = [asyncio.create_task(reader.read(photo(), uuid4())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ServiceError) as refusal:
        await reader.read(photo(), uuid4())
    assert (refusal.value.reason, refusal.value.retry_after) == (
        "IMAGE_READERS_BUSY",
        timedelta(seconds=5),
    )
    assert [image.width for image in await asyncio.gather(first, second)] == [640, 640]


async def test_closed_reader_finishes_the_current_image_and_refuses_waiting_ones() -> None:
    reader = ImageReader(at_once=1)
    current, *waiting = [asyncio.create_task(reader.read(photo(), uuid4())) for _ in range(3)]
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await reader.close()
        assert (await current).width == 640
        for each in waiting:
            with pytest.raises(RuntimeError):
                await each
