"""Tests of the detection of image formats and of foreign content."""

from typing import Any

import pytest

from proctorium_identity.images.formats import format_of, is_only_an_image

from ..images import photo, zip_end

FORMATS = ["JPEG", "PNG", "WEBP"]


@pytest.mark.parametrize("kind", FORMATS)
def test_format_is_detected_by_content(kind: str) -> None:
    file = photo(kind)
    assert format_of(file) == kind
    assert is_only_an_image(file, kind)


@pytest.mark.parametrize(
    "file", [b"", b"GIF89a", b"%PDF-1.7", b"<svg/>", b"\xff\xd8", b"RIFF\0\0\0\0WAVE"], ids=repr
)
def test_other_content_has_no_format(file: bytes) -> None:
    assert format_of(file) is None


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("comment", [b"", b"with a comment"], ids=["bare", "comment"])
def test_image_that_is_also_an_archive_is_detected(kind: str, comment: bytes) -> None:
    assert not is_only_an_image(photo(kind) + b"PK\x03\x04archive" + zip_end(comment), kind)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_bytes_after_png_and_webp_are_detected(kind: str) -> None:
    assert not is_only_an_image(photo(kind) + b"something", kind)
    assert is_only_an_image(photo(kind) + b"\0\0", kind)


@pytest.mark.parametrize(
    "trailer",
    [b"<html><script>alert(1)</script>", b"<?php x", b"%PDF-1.4", b"PK\x03\x04"],
    ids=repr,
)
def test_foreign_content_after_a_jpeg_is_detected(trailer: bytes) -> None:
    assert not is_only_an_image(photo() + trailer, "JPEG")


@pytest.mark.parametrize(
    "trailer",
    [photo(), b"\0\0\0\x18ftypmp42 a video", b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1772"],
    ids=["second image", "video", "trailer"],
)
def test_trailers_of_phones_after_a_jpeg_are_allowed(trailer: bytes) -> None:
    assert is_only_an_image(photo() + trailer, "JPEG")


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_blocks": 2}], ids=str)
def test_end_of_jpeg_is_found_after_several_scans_and_restarts(
    options: dict[str, Any],
) -> None:
    file = photo(**options)
    assert is_only_an_image(file, "JPEG")
    assert not is_only_an_image(file + b"<script>", "JPEG")


def test_pdf_header_inside_the_image_is_detected() -> None:
    assert not is_only_an_image(photo(comment=b"%PDF-1.4"), "JPEG")


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_files_are_parsed_without_error(kind: str) -> None:
    file = photo(kind)
    for length in range(0, len(file), 7):
        is_only_an_image(file[:length], kind)
