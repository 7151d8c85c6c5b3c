"""Tests of the fonts of documents."""

from __future__ import annotations

import pytest

from proctorium_documents.fonts import direction, families, fonts


def test_installed_fonts_are_not_used() -> None:
    families_there = set(fonts().families())
    assert set(families("")) <= families_there
    assert all("/site-packages/" in font.path for font in fonts().fonts() if font.path)


@pytest.mark.parametrize(
    ("text", "region"), [("欧阳", "SC"), ("髙橋さくら", "JP"), ("金哲洙 김", "KR")]
)
def test_han_characters_have_the_shapes_of_their_language(text: str, region: str) -> None:
    han = [family for family in families("", text) if "CJK" in family]
    assert han[0] == f"Noto Sans CJK {region}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Ada", "ltr"), ("محمد", "rtl"), ("(דוד", "rtl"), ("12", "ltr"), ("", "ltr")],
)
def test_direction_of_a_text_is_that_of_its_first_letter(text: str, expected: str) -> None:
    assert direction(text) == expected
