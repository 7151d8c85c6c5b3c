"""What enrollment returns for a code that a learner entered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class CodeValidity(StrEnum):
    """Whether a code is valid for learners who have not joined its session yet, or why not."""

    VALID = "valid"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class ResolvedCode:
    """A code that exists. `person_id` is None for a shared code.

    `registered` says whether the learner is registered in the course of the session.
    """

    code_id: UUID
    session_id: UUID
    person_id: UUID | None
    validity: CodeValidity
    valid_from: datetime | None
    valid_until: datetime | None
    registered: bool


@dataclass(frozen=True, slots=True)
class CodeResolution:
    """The facts about an entered text. `code` is None if no code has the text, or if it cannot be one (`malformed`).

    `retry_delay` is how long the learner has to wait after too many failed code entries.
    """

    code: ResolvedCode | None = None
    malformed: str = ""
    retry_delay: timedelta | None = None
