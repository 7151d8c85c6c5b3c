"""The fonts of documents.

The fonts come from Python packages that this package depends on. Fonts of the system are ignored, so that a document
looks the same on every machine. Each character is shown in the first font family that has a glyph for the character.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Literal

import manimgx_fonts
import manimgx_fonts_cjk
import typst

_PACKAGES = (manimgx_fonts, manimgx_fonts_cjk)
_LATIN = ("Libertinus Serif", "Noto Sans")
_OTHER = tuple(
    f"Noto Sans {script}"
    for script in (
        "Arabic",
        "Armenian",
        "Bengali",
        "Devanagari",
        "Ethiopic",
        "Georgian",
        "Gujarati",
        "Gurmukhi",
        "Hebrew",
        "Kannada",
        "Khmer",
        "Lao",
        "Malayalam",
        "Myanmar",
        "Oriya",
        "Sinhala",
        "Tamil",
        "Telugu",
        "Thai",
        "Symbols",
    )
)
_HAN = ("SC", "JP", "KR", "TC", "HK")
_KANA = re.compile("[\u3040-\u30ff]")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")


@cache
def fonts() -> typst.Fonts:
    """Return the fonts of all documents, from the Python packages and from typst itself."""
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=True,
        font_paths=[str(files(package)) for package in _PACKAGES],
    )


def families(*texts: str) -> list[str]:
    """Return the font families for the texts, in order of preference.

    Han characters have different shapes in Chinese, Japanese and Korean, so their font depends on the language. The
    language is assumed to be Japanese if the texts contain Kana, Korean if they contain Hangul, and otherwise Chinese.
    """
    first = "SC"
    if any(map(_KANA.search, texts)):
        first = "JP"
    elif any(map(_HANGUL.search, texts)):
        first = "KR"
    han = [first, *(region for region in _HAN if region != first)]
    return [*_LATIN, *_OTHER, *(f"Noto Sans CJK {region}" for region in han), "Noto Emoji"]


def direction(text: str) -> Literal["ltr", "rtl"]:
    """Return the writing direction of a text, which is the direction of its first letter (UAX #9, rules P2 and P3)."""
    for character in text:
        match unicodedata.bidirectional(character):
            case "L":
                return "ltr"
            case "R" | "AL":
                return "rtl"
    return "ltr"
