"""What enrollment says about a code that a learner entered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class CodeValidity(StrEnum):
    """Whether a code is valid for learners who have not joined its session yet, and why not."""

    VALID = "valid"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class ResolvedCode:
    """A code that exists, and how the learner stands to it. `person_id` is None for a code that the session shares."""

    code_id: UUID
    session_id: UUID
    person_id: UUID | None
    validity: CodeValidity
    valid_from: datetime | None
    valid_until: datetime | None
    registered: bool


@dataclass(frozen=True, slots=True)
class CodeResolution:
    """What an entry leads to: `code` is None where no code has the text, or where it cannot be one (`malformed` says why).

    `retry_delay` is how long the learner has to wait after too many failed entries.
    """

    code: ResolvedCode | None = None
    malformed: str = ""
    retry_delay: timedelta | None = None
