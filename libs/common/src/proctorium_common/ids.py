"""Creation and parsing of ids. An id is a UUIDv7, because UUIDv7s sort by creation time and are efficient to index."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from uuid6 import uuid7

from proctorium_common.errors import Violation, invalid

_TEXT_LENGTH = 36


def new_id() -> UUID:
    """Return a new UUIDv7 that is greater than every UUIDv7 created earlier in this process."""
    # The package uuid6 returns an instance of its own subclass of UUID. Convert the instance to a plain UUID, because
    # the database driver and comparisons need a plain UUID.
    return UUID(int=uuid7().int)


def parse_id(text: str, field: str) -> UUID:
    """Return the UUID for `text`, an id in canonical form (8-4-4-4-12 hexadecimal digits).

    Raises ServiceError INVALID_ID for `field` if `text` is not in this form.
    """
    # UUID() also accepts texts that are not in canonical form: with braces, "urn:uuid:" or misplaced dashes.
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
    """Return `texts` as UUIDs, in the same order.

    Raises INVALID_ID for a text that is not an id, and INVALID_REQUEST for a repeated id. The violation names `field`
    and the index of the invalid or repeated text.
    """
    found: dict[UUID, None] = {}
    for index, text in enumerate(texts):
        parsed = parse_id(text, f"{field}[{index}]")
        if parsed in found:
            sentence = f"{field}[{index}] is the same id as one before it. Name each only once."
            raise invalid(
                "INVALID_REQUEST",
                sentence,
                violations=[Violation(f"{field}[{index}]", "ids.unique", sentence)],
            )
        found[parsed] = None
    return tuple(found)
