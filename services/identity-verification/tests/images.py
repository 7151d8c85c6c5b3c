"""Valid and hostile images for tests."""

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
    """Return an image file with a grey gradient. The image is bright enough to be accepted, and is not symmetric."""
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
    """Return a PNG with the given size in its header and the given pixel data. The data need not match the size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(pixels))
        + png_chunk(b"IEND", b"")
    )


def text_bomb() -> bytes:
    """Return a small PNG that contains a compressed text of 200 MB."""
    image = photo("PNG")
    end = image.rindex(b"IEND") - 4
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 200_000_000, 9))
    return image[:33] + bomb + image[33:end] + image[end:]


def scan_bomb() -> bytes:
    """Return a small progressive JPEG that takes seconds to decode because its last scan is repeated."""
    image = photo(size=(6000, 6000), progressive=True, quality=30)
    scan = image[image.rindex(b"\xff\xda") : -2]
    return image[:-2] + scan * ((1_000_000 - len(image)) // len(scan)) + image[-2:]


def zip_end(comment: bytes = b"") -> bytes:
    return b"PK\x05\x06" + b"\0" * 16 + struct.pack("<H", len(comment)) + comment


def deep_png(channels: int, transparent: int | None = None) -> bytes:
    """Return a PNG with 16 bits per channel and a gradient from dark to bright.

    The number of `channels` is 1 for grey, 2 for grey with alpha, 3 for RGB and 4 for RGB with alpha. Pixels with the
    value `transparent` are marked as transparent (tRNS).
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
