"""Ids: UUIDv7, so that they sort by the time they were made and index well."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from uuid6 import uuid7

from proctorium_common.errors import Violation, invalid

_TEXT_LENGTH = 36


def new_id() -> UUID:
    """Return a new UUIDv7; those of one process are strictly increasing."""
    # uuid6 returns its own subclass; the database driver and comparisons get a plain UUID.
    return UUID(int=uuid7().int)


def parse_id(text: str, field: str) -> UUID:
    """Return the id that `text` contains in canonical form (8-4-4-4-12 hexadecimal digits).

    Raises ServiceError INVALID_ID at the `field` when it is not.
    """
    # UUID() also takes braces, "urn:uuid:" and misplaced dashes: those are not how our ids are written.
    if len(text) == _TEXT_LENGTH and text.count("-") == 4:
        try:
            parsed = UUID(text)
        except ValueError:
            pass
        else:
            if str(parsed) == text.lower():
                return parsed
    sentence = f"The {field} is not an id."
    raise invalid("INVALID_ID", sentence, violations=[Violation(field, "ids.form", sentence)])


def parse_ids(texts: Iterable[str], field: str) -> tuple[UUID, ...]:
    """Return the ids in their order, each of which occurs once, however it is written.

    Raises at the place in the `field`: INVALID_ID as `parse_id`, INVALID_REQUEST for an id that is there twice.
    """
    found: dict[UUID, None] = {}
    for place, text in enumerate(texts):
        parsed = parse_id(text, f"{field}[{place}]")
        if parsed in found:
            sentence = f"{field}[{place}] is the same id as one before it. Name each only once."
            raise invalid(
                "INVALID_REQUEST",
                sentence,
                violations=[Violation(f"{field}[{place}]", "ids.unique", sentence)],
            )
        found[parsed] = None
    return tuple(found)
