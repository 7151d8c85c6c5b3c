"""People and their roles (`P1`)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from proctorium_common.errors import ServiceError, Violation, invalid, invalid_transition, not_found

_OLDEST_AGE_YEARS = 130
"""The greatest age in years.

A date of birth that gives a greater age is taken as a typing error, because nobody has lived that long.
"""


class Role(StrEnum):
    """The roles of people. Tokens contain these values."""

    LEARNER = "learner"
    PROCTOR = "proctor"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Person:
    """A person.

    `preferred_name` may be empty. `certified_until` is None for a person who is not certified. Revoking a right
    increases `access_version`. Tokens with an earlier version are then refused.
    """

    person_id: UUID
    legal_name: str
    preferred_name: str
    email: str
    date_of_birth: date | None
    locale: str
    time_zone: str
    roles: frozenset[Role]
    certified_until: datetime | None
    disabled_at: datetime | None = None
    access_version: int = 0

    def names_only(self) -> Person:
        """Return a copy that has only the names of the person.

        A proctor may read the names of the people in their sessions, and nothing else.
        """
        return replace(
            self,
            email="",
            date_of_birth=None,
            locale="",
            time_zone="",
            roles=frozenset(),
            certified_until=None,
            disabled_at=None,
        )

    @property
    def is_disabled(self) -> bool:
        """Whether the account is disabled."""
        return self.disabled_at is not None

    @property
    def display_name(self) -> str:
        """The preferred name or, if it is empty, the legal name."""
        return self.preferred_name or self.legal_name

    @property
    def role_names(self) -> frozenset[str]:
        """The names of the roles, in the form in which tokens contain them."""
        return frozenset(map(str, self.roles))


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person to create. An empty `locale` means English, and an empty `time_zone` means UTC."""

    legal_name: str
    email: str
    roles: frozenset[Role]
    preferred_name: str = ""
    date_of_birth: str = ""
    locale: str = ""
    time_zone: str = ""


def person_from(person_id: UUID, new: NewPerson, now: datetime) -> Person:
    """Return the person that `new` describes.

    Raises INVALID_REQUEST if a date or the time zone does not exist, or if the date of birth is in the future or too
    long ago.
    """
    time_zone = _time_zone(new.time_zone or "UTC")
    return Person(
        person_id=person_id,
        legal_name=_name(new.legal_name, "legal_name"),
        preferred_name=new.preferred_name.strip(),
        email=normalise_email(new.email),
        date_of_birth=_date_of_birth(new.date_of_birth, now.astimezone(time_zone).date()),
        locale=new.locale or "en",
        time_zone=time_zone.key,
        roles=new.roles,
        certified_until=None,
    )


def normalise_email(email: str) -> str:
    """Return the e-mail address in the form in which it is stored and searched."""
    return unicodedata.normalize("NFC", email.strip()).lower()


def require_proctor(person: Person) -> None:
    """Raise INVALID_STATE_TRANSITION unless the person is a proctor, because only proctors are certified."""
    if Role.PROCTOR not in person.roles:
        raise invalid_transition(
            "Only a proctor can be certified. Give the person the role of a proctor first.",
            from_state="not a proctor",
            action="certify",
            possible=["GrantRole"],
        )


def no_such_person() -> ServiceError:
    """Return the error for a person who does not exist or whom the caller must not see."""
    return not_found("NOT_FOUND", "There is no such person, or you may not see them.")


def _name(name: str, field: str) -> str:
    if not name.strip():
        raise _violation(field, "A name is needed.")
    return name.strip()


def _date_of_birth(text: str, today: date) -> date | None:
    if not text:
        return None
    try:
        born = date.fromisoformat(text)
    except ValueError as failure:
        raise _violation("date_of_birth", f"{text} is not a day of the calendar.") from failure
    if born > today:
        sentence = f"{text} is in the future. Check the year."
        raise _violation("date_of_birth", sentence, "past")
    if today.year - born.year > _OLDEST_AGE_YEARS:
        sentence = f"{text} is more than {_OLDEST_AGE_YEARS} years ago. Check the year."
        raise _violation("date_of_birth", sentence, "age")
    return born


def _time_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as failure:
        raise _violation("time_zone", f"{name} is not an IANA time zone.") from failure


def _violation(field: str, sentence: str, rule: str = "exists") -> ServiceError:
    return invalid(
        "INVALID_REQUEST", sentence, violations=[Violation(field, f"{field}.{rule}", sentence)]
    )
