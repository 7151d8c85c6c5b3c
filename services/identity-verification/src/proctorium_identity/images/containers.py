"""What a file is by its content, and whether it is nothing else besides: JPEG, PNG or WebP.

A picture that is also an archive, a document or a page (a polyglot) is refused. What follows a JPEG is looked at rather than
forbidden, because phones put their own trailers and second pictures there.
"""

from __future__ import annotations

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"

# Major brands of ISO base media files (ISO/IEC 23008-12).
_BRANDS = {
    **dict.fromkeys(
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
    ),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
_FOREIGN_FORMATS = {
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
    b"%PDF-": "PDF",
}

_ZIP_END = b"PK\x05\x06"
_ZIP_END_SIZE = 22
_ZIP_COMMENT_MOST = 65_535
_PDF_WITHIN = 1024
"""Readers of PDF take the header anywhere in the first kilobyte."""
_FOREIGN = (
    b"<script",
    b"<html",
    b"<!doctype",
    b"<?php",
    b"<svg",
    b"%pdf-",
    b"pk\x03\x04",
    b"rar!\x1a",
    b"7z\xbc\xaf\x27\x1c",
)

# JPEG markers that stand alone, without a length.
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_START_OF_SCAN = 0xDA
_END = 0xD9


def format_of(file: bytes) -> str | None:
    """The name that Pillow gives the format, or None for anything but JPEG, PNG and WebP."""
    if file.startswith(_JPEG):
        return "JPEG"
    if file.startswith(_PNG):
        return "PNG"
    if file[:4] == b"RIFF" and file[8:12] == b"WEBP":
        return "WEBP"
    return None


def foreign_format(file: bytes) -> str:
    """Return the name of a common format that is not read, as people know it; empty for anything else."""
    if file[4:8] == b"ftyp":
        return _BRANDS.get(file[8:12], "")
    return next((name for start, name in _FOREIGN_FORMATS.items() if file.startswith(start)), "")


def only_an_image(file: bytes, format: str) -> bool:
    """Whether the file is a picture and nothing else that a program could take it for."""
    if b"%PDF-" in file[:_PDF_WITHIN] or _ends_as_zip(file):
        return False
    trailer = file[_length_of(file, format) :]
    if format == "JPEG":
        lower = trailer.lower()
        return not any(mark in lower for mark in _FOREIGN)
    return not trailer.strip(b"\0")


def _ends_as_zip(file: bytes) -> bool:
    """Readers of ZIP find it from its end: a record whose comment reaches exactly to the end of the file."""
    tail = file[-(_ZIP_END_SIZE + _ZIP_COMMENT_MOST) :]
    at = tail.rfind(_ZIP_END)
    while at >= 0:
        comment = int.from_bytes(tail[at + 20 : at + 22], "little")
        if at + _ZIP_END_SIZE + comment == len(tail):
            return True
        at = tail.rfind(_ZIP_END, 0, at)
    return False


def _length_of(file: bytes, format: str) -> int:
    """Where the picture ends in the file; the file's length where it has no end."""
    match format:
        case "PNG":
            return _length_of_png(file)
        case "WEBP":
            size = 8 + int.from_bytes(file[4:8], "little")
            return size + size % 2
        case _:
            return _length_of_jpeg(file)


def _length_of_png(file: bytes) -> int:
    at = len(_PNG)
    while at + 12 <= len(file):
        size, kind = int.from_bytes(file[at : at + 4], "big"), file[at + 4 : at + 8]
        at += 12 + size
        if kind == b"IEND":
            return at
    return len(file)


def _length_of_jpeg(file: bytes) -> int:
    """Walks the segments to the scan, whose end is the first EOI: within a scan 0xFF is always followed by 0 or a restart."""
    at = 2
    while at + 4 <= len(file) and file[at] == 0xFF:
        marker = file[at + 1]
        if marker == _END:
            return at + 2
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            at += 2 + int.from_bytes(file[at + 2 : at + 4], "big")
            if marker == _START_OF_SCAN:
                at = _end_of_scan(file, at)
    return min(at, len(file))


def _end_of_scan(file: bytes, at: int) -> int:
    """The next marker after the coded pixels that begin at `at`."""
    while (at := file.find(b"\xff", at)) >= 0 and at + 1 < len(file):
        following = file[at + 1]
        if following and following not in _ALONE and following != 0xFF:
            return at
        at += 1 if following == 0xFF else 2
    return len(file)
