"""Validation and normalisation of the texts of enrollment codes (`C1`, `C3`).

`services/portal/web/src/features/lobby/enrollment-code.ts` applies the same rules before a page sends a code. A browser
test checks both implementations with the same cases.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from proctorium_common.errors import ServiceError, Violation, invalid

LOOK_ALIKES = frozenset("0Oo1lIi")
"""Characters that are easily confused with each other, on paper and on screens."""

_CODE = re.compile(r"[A-Za-z0-9]{6,8}")
_ALLOWED = re.compile(r"[A-Za-z0-9]")
_IGNORED_CATEGORIES = frozenset({"Cc", "Cf", "Pd", "Zl", "Zp", "Zs"})
"""The Unicode categories of control characters, invisible formatting, dashes and white space."""
# The minus sign and the hyphen bullet are dashes that are not in category Pd. The other characters are those of
# Default_Ignorable_Code_Point that are not in category Cf
# (https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point).
_IGNORED = re.compile(
    "[\u2212\u2043\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_FULL_WIDTH = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")
_FULL_WIDTH_OFFSET = 0xFEE0


class TextWarning(StrEnum):
    """Reasons to choose another text for a code."""

    LOOK_ALIKES = "look_alikes"
    DIFFERS_ONLY_IN_CASE = "differs_only_in_case"


def normalise(text: str, field: str) -> str:
    """Return the normalised text of the code in `text`.

    White space, dashes and invisible characters are removed. Full-width letters and digits are replaced by ordinary
    ones. Upper and lower case remain. Raises CODE_MALFORMED at `field` if `text` cannot be a code.
    """
    text = "".join(character for character in text if not _is_ignored(character))
    code = _FULL_WIDTH.sub(lambda match: chr(ord(match[0]) - _FULL_WIDTH_OFFSET), text)
    if not _CODE.fullmatch(code):
        raise _malformed(code, field)
    return code


def fold_case(code: str) -> str:
    """Return the code in lower case, so that codes that differ only in case become equal."""
    return code.lower()


def has_look_alikes(code: str) -> bool:
    """Return whether the code contains a character that is easily confused with another character."""
    return not LOOK_ALIKES.isdisjoint(code)


def _is_ignored(character: str) -> bool:
    category = unicodedata.category(character)
    return category in _IGNORED_CATEGORIES or _IGNORED.match(character) is not None


def _malformed(code: str, field: str) -> ServiceError:
    invalid_character = next(
        (character for character in code if not _ALLOWED.match(character)), None
    )
    if invalid_character is not None:
        problem = f"“{invalid_character}” cannot be part of one."
    else:
        problem = f"This text has {len(code)}."
    sentence = (
        f"An enrollment code has 6 to 8 letters (A to Z, a to z) and digits. {problem} "
        "Please compare it with the code that you were given."
    )
    return invalid("CODE_MALFORMED", sentence, violations=[Violation(field, "code.text", sentence)])
