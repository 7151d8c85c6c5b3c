"""The results that enrollment returns when it resolves the codes that learners enter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class CodeValidity(StrEnum):
    """Whether a code admits learners who have not joined its session yet.

    Each value other than VALID is a reason why the code does not admit these learners.
    """

    VALID = "valid"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class ResolvedCode:
    """A code that exists. `person_id` is None for a shared code.

    `registered` says whether the learner who entered the code is registered in the course of the session.
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
    """The result of resolving an entered text.

    `code` is None if no code has the text. `malformed` is a sentence with the reason why the text cannot be a code, or
    empty if the text can be a code. `retry_delay` is the time that the learner has to wait after too many failed code
    entries, or None.
    """

    code: ResolvedCode | None = None
    malformed: str = ""
    retry_delay: timedelta | None = None
