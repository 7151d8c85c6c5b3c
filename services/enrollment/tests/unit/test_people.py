"""Tests of the validation of people and normalisation of their e-mail addresses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_enrollment.domain.people import (
    NewPerson,
    Role,
    normalise_email,
    person_from,
    require_proctor,
)

NEW = NewPerson(" Lena Fischer ", "Lena.Fischer@Example.ORG ", frozenset({Role.LEARNER}))
NOW = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)


def test_new_person_is_normalised() -> None:
    person = person_from(new_id(), NEW, NOW)
    assert person.legal_name == person.display_name == "Lena Fischer"
    assert person.email == "lena.fischer@example.org"
    assert (person.locale, person.time_zone, person.date_of_birth) == ("en", "UTC", None)


def test_given_values_are_stored() -> None:
    person = person_from(
        new_id(),
        replace(
            NEW,
            preferred_name="Leni",
            date_of_birth="2000-02-29",
            locale="de-AT",
            time_zone="Europe/Vienna",
        ),
        NOW,
    )
    assert (person.display_name, person.date_of_birth) == ("Leni", date(2000, 2, 29))
    assert (person.locale, person.time_zone) == ("de-AT", "Europe/Vienna")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"date_of_birth": "2001-02-29"}, "date_of_birth"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"legal_name": "  "}, "legal_name"),
    ],
    ids=["no such day", "no such zone", "a path", "blank name"],
)
def test_nonexistent_values_are_refused_by_field(changed: dict[str, str], field: str) -> None:
    with pytest.raises(ServiceError) as refused:
        person_from(new_id(), replace(NEW, **changed), NOW)  # type: ignore[arg-type]
    assert refused.value.reason == "INVALID_REQUEST"
    assert refused.value.violations[0].field == field


@pytest.mark.parametrize(
    ("zone", "day"),
    [("UTC", "2026-03-01"), ("Pacific/Kiritimati", "2026-03-02"), ("Etc/GMT+12", "2026-02-28")],
)
def test_date_of_birth_in_the_future_is_refused(zone: str, day: str) -> None:
    """The current date is the date in the person's time zone."""
    today = date.fromisoformat(day)
    person = person_from(new_id(), replace(NEW, time_zone=zone, date_of_birth=day), NOW)
    assert person.date_of_birth == today
    tomorrow = (today + timedelta(days=1)).isoformat()
    with pytest.raises(ServiceError) as refused:
        person_from(new_id(), replace(NEW, time_zone=zone, date_of_birth=tomorrow), NOW)
    (violation,) = refused.value.violations
    assert (violation.field, violation.rule) == ("date_of_birth", "date_of_birth.past")
    assert f"{tomorrow} is in the future" in refused.value.message


@pytest.mark.parametrize("day", ["0001-01-01", "1895-12-31"])
def test_date_of_birth_too_long_ago_is_refused(day: str) -> None:
    with pytest.raises(ServiceError) as refused:
        person_from(new_id(), replace(NEW, date_of_birth=day), NOW)
    (violation,) = refused.value.violations
    assert (violation.field, violation.rule) == ("date_of_birth", "date_of_birth.age")
    assert "Check the year" in refused.value.message


def test_email_addresses_ignore_case() -> None:
    assert normalise_email(" LENA@example.org") == "lena@example.org"


def test_only_a_proctor_can_be_certified() -> None:
    with pytest.raises(ServiceError) as refused:
        require_proctor(person_from(new_id(), NEW, NOW))
    assert refused.value.reason == "INVALID_STATE_TRANSITION"
    require_proctor(person_from(new_id(), replace(NEW, roles=frozenset({Role.PROCTOR})), NOW))
