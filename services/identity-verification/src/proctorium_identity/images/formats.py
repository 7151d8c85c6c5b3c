"""Detection of an image file's format (JPEG, PNG or WebP) and of content that is not part of the image.

A file that is also an archive, a document or a web page (a polyglot) is refused. All other additional bytes after the
end of a JPEG are allowed because phones append trailers and second images.
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
_UNSUPPORTED_FORMATS = {
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
    b"%PDF-": "PDF",
}

_ZIP_END = b"PK\x05\x06"
_ZIP_END_SIZE = 22
_MAX_ZIP_COMMENT = 65_535
_PDF_HEADER_WITHIN = 1024
"""The number of bytes at the start of a file within which programs accept a PDF header."""
_FOREIGN_SIGNATURES = (
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

# The JPEG markers that are not followed by a length.
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9


def format_of(file: bytes) -> str | None:
    """Return Pillow's name of the file's format, or None if the format is not JPEG, PNG or WebP."""
    if file.startswith(_JPEG):
        return "JPEG"
    if file.startswith(_PNG):
        return "PNG"
    if file[:4] == b"RIFF" and file[8:12] == b"WEBP":
        return "WEBP"
    return None


def unsupported_format(file: bytes) -> str:
    """Return the name of the file's format if it is a known format that is not accepted, or an empty text otherwise."""
    if file[4:8] == b"ftyp":
        return _BRANDS.get(file[8:12], "")
    return next(
        (name for magic, name in _UNSUPPORTED_FORMATS.items() if file.startswith(magic)), ""
    )


def is_only_an_image(file: bytes, format: str) -> bool:
    """Return False if a program could read the image file as an archive, document or web page, or True otherwise."""
    if b"%PDF-" in file[:_PDF_HEADER_WITHIN] or _ends_as_zip(file):
        return False
    trailer = file[_image_end(file, format) :]
    if format == "JPEG":
        lower = trailer.lower()
        return not any(signature in lower for signature in _FOREIGN_SIGNATURES)
    return not trailer.strip(b"\0")


def _ends_as_zip(file: bytes) -> bool:
    """Return whether the file ends with a ZIP end record. Programs recognise an archive by this record."""
    tail = file[-(_ZIP_END_SIZE + _MAX_ZIP_COMMENT) :]
    at = tail.rfind(_ZIP_END)
    while at >= 0:
        comment = int.from_bytes(tail[at + 20 : at + 22], "little")
        if at + _ZIP_END_SIZE + comment == len(tail):
            return True
        at = tail.rfind(_ZIP_END, 0, at)
    return False


def _image_end(file: bytes, format: str) -> int:
    """Return the offset of the first byte after the image.

    If the end of the image is missing, return the length of the file for a PNG, or the offset at which the parsing
    stops for a JPEG.
    """
    match format:
        case "PNG":
            return _png_end(file)
        case "WEBP":
            size = 8 + int.from_bytes(file[4:8], "little")
            return size + size % 2
        case _:
            return _jpeg_end(file)


def _png_end(file: bytes) -> int:
    at = len(_PNG)
    while at + 12 <= len(file):
        size, kind = int.from_bytes(file[at : at + 4], "big"), file[at + 4 : at + 8]
        at += 12 + size
        if kind == b"IEND":
            return at
    return len(file)


def _jpeg_end(file: bytes) -> int:
    """Return the offset after the end marker. Without an end marker, return the offset at which the parsing stops."""
    at = 2
    while at + 4 <= len(file) and file[at] == 0xFF:
        marker = file[at + 1]
        if marker == _END_OF_IMAGE:
            return at + 2
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _BARE_MARKERS:
            at += 2
        else:
            at += 2 + int.from_bytes(file[at + 2 : at + 4], "big")
            if marker == _START_OF_SCAN:
                at = _scan_end(file, at)
    return min(at, len(file))


def _scan_end(file: bytes, at: int) -> int:
    """Return the offset of the first marker after the scan data that starts at `at`.

    Within a scan, 0xFF is always followed by 0 or a restart marker. Any other byte after 0xFF belongs to a marker
    that ends the scan.
    """
    while (at := file.find(b"\xff", at)) >= 0 and at + 1 < len(file):
        following = file[at + 1]
        if following and following not in _BARE_MARKERS and following != 0xFF:
            return at
        at += 1 if following == 0xFF else 2
    return len(file)
