"""Images for tests: valid ones, and hostile ones."""

import io
import struct
import zlib
from typing import Any

from PIL import Image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo(kind: str = "JPEG", size: tuple[int, int] = (640, 480), **options: Any) -> bytes:
    """Return a grey gradient that is bright enough and not symmetric."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    return encoded(image, kind, **options)


def black() -> bytes:
    return encoded(Image.new("RGB", (640, 480), (6, 6, 6)), "JPEG")


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png_with_size(width: int, height: int, pixels: bytes = b"") -> bytes:
    """Return a PNG with this size in its header and any pixel data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(pixels))
        + png_chunk(b"IEND", b"")
    )


def text_bomb() -> bytes:
    """Return a small PNG with a compressed text of 200 MB."""
    image = photo("PNG")
    end = image.rindex(b"IEND") - 4
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 200_000_000, 9))
    return image[:33] + bomb + image[33:end] + image[end:]


def scan_bomb() -> bytes:
    """Return a small progressive JPEG that takes seconds to decode, because its last scan is repeated."""
    image = photo(size=(6000, 6000), progressive=True, quality=30)
    scan = image[image.rindex(b"\xff\xda") : -2]
    return image[:-2] + scan * ((1_000_000 - len(image)) // len(scan)) + image[-2:]


def zip_end(comment: bytes = b"") -> bytes:
    return b"PK\x05\x06" + b"\0" * 16 + struct.pack("<H", len(comment)) + comment


def deep_png(channels: int, transparent: int | None = None) -> bytes:
    """Return a PNG of 16 bits per channel (1 grey, 2 with alpha, 3 RGB, 4 with alpha), from dark to bright.

    Pixels with the value `transparent` are marked as transparent (tRNS).
    """
    width, height = 512, 256
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    colours = 1 if channels < 3 else 3
    alpha = b"\xff\xff" if channels in (2, 4) else b""
    row = b"\0" + b"".join(struct.pack(">H", x * 128) * colours + alpha for x in range(width))
    clear = b""
    if transparent is not None:
        clear = png_chunk(b"tRNS", struct.pack(">H", transparent) * colours)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
        + clear
        + png_chunk(b"IDAT", zlib.compress(row * height))
        + png_chunk(b"IEND", b"")
    )
