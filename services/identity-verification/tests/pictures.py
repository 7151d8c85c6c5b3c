"""Pictures for tests: good ones, and ones that somebody might try."""

import io
import struct
import zlib
from typing import Any

from PIL import Image


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def photo(kind: str = "JPEG", size: tuple[int, int] = (640, 480), **options: Any) -> bytes:
    """A grey gradient: bright enough, and different from side to side."""
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    return encoded(picture, kind, **options)


def black() -> bytes:
    return encoded(Image.new("RGB", (640, 480), (6, 6, 6)), "JPEG")


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png_that_claims(width: int, height: int, pixels: bytes = b"") -> bytes:
    """A PNG whose header claims a size, whatever follows."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(pixels))
        + png_chunk(b"IEND", b"")
    )


def text_bomb() -> bytes:
    """A small PNG with a text of 200 MB, compressed."""
    good = photo("PNG")
    end = good.rindex(b"IEND") - 4
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 200_000_000, 9))
    return good[:33] + bomb + good[33:end] + good[end:]


def scan_bomb() -> bytes:
    """A progressive JPEG whose last scan is repeated: small to send, and seconds of work to open."""
    good = photo(size=(6000, 6000), progressive=True, quality=30)
    scan = good[good.rindex(b"\xff\xda") : -2]
    return good[:-2] + scan * ((1_000_000 - len(good)) // len(scan)) + good[-2:]


def zip_end(comment: bytes = b"") -> bytes:
    return b"PK\x05\x06" + b"\0" * 16 + struct.pack("<H", len(comment)) + comment


def deep_png(channels: int, transparent: int | None = None) -> bytes:
    """A PNG of 16 bits a channel (1 grey, 2 with alpha, 3 colours, 4 with alpha): dark on the left, bright on the right.

    Grey or colours of the value `transparent` are marked as transparent (tRNS).
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
