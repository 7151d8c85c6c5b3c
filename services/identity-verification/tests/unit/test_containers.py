"""What a file is by its content. What happens to such files over the wire is in tests/integration."""

from typing import Any

import pytest

from proctorium_identity.images.containers import format_of, only_an_image

from ..pictures import photo, zip_end

FORMATS = ["JPEG", "PNG", "WEBP"]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_format_is_told_by_the_content(kind: str) -> None:
    file = photo(kind)
    assert format_of(file) == kind
    assert only_an_image(file, kind)


@pytest.mark.parametrize(
    "file", [b"", b"GIF89a", b"%PDF-1.7", b"<svg/>", b"\xff\xd8", b"RIFF\0\0\0\0WAVE"], ids=repr
)
def test_anything_else_has_no_format(file: bytes) -> None:
    assert format_of(file) is None


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("comment", [b"", b"with a comment"], ids=["bare", "comment"])
def test_a_picture_that_ends_as_an_archive_is_not_only_a_picture(kind: str, comment: bytes) -> None:
    assert not only_an_image(photo(kind) + b"PK\x03\x04archive" + zip_end(comment), kind)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_nothing_follows_a_png_or_webp(kind: str) -> None:
    assert not only_an_image(photo(kind) + b"something", kind)
    assert only_an_image(photo(kind) + b"\0\0", kind)


@pytest.mark.parametrize(
    "trailer",
    [b"<html><script>alert(1)</script>", b"<?php x", b"%PDF-1.4", b"PK\x03\x04"],
    ids=repr,
)
def test_a_jpeg_that_continues_as_something_else_is_not_only_a_picture(trailer: bytes) -> None:
    assert not only_an_image(photo() + trailer, "JPEG")


@pytest.mark.parametrize(
    "trailer",
    [photo(), b"\0\0\0\x18ftypmp42 a moving second", b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1772"],
    ids=["second picture", "moving picture", "maker's trailer"],
)
def test_what_phones_append_to_a_jpeg_is_left_alone(trailer: bytes) -> None:
    assert only_an_image(photo() + trailer, "JPEG")


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_blocks": 2}], ids=str)
def test_the_end_of_a_jpeg_is_found_behind_several_scans_and_restarts(
    options: dict[str, Any],
) -> None:
    file = photo(**options)
    assert only_an_image(file, "JPEG")
    assert not only_an_image(file + b"<script>", "JPEG")


def test_a_document_that_begins_inside_the_picture_is_found() -> None:
    assert not only_an_image(photo(comment=b"%PDF-1.4"), "JPEG")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_cut_file_never_breaks_the_walk(kind: str) -> None:
    file = photo(kind)
    for length in range(0, len(file), 7):
        only_an_image(file[:length], kind)
