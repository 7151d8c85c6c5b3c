"""Tests of the rules for alarms about sessions without a present proctor."""

from __future__ import annotations

from uuid import UUID

from proctorium_notification.domain.alarms import UncoveredSession, sessions_by_person, titles_of

ADA, BEN, MIA = UUID(int=1), UUID(int=2), UUID(int=3)


def uncovered(number: int, *proctor_ids: UUID) -> UncoveredSession:
    return UncoveredSession(
        UUID(int=100 + number), f"Session {number}", UUID(int=200 + number), proctor_ids
    )


def test_administrators_are_notified_of_all_sessions_and_proctors_of_their_own() -> None:
    first, second = uncovered(1, ADA), uncovered(2, ADA, BEN)
    assert sessions_by_person([first, second], [MIA, BEN]) == {
        ADA: (first, second),
        BEN: (first, second),
        MIA: (first, second),
    }
    assert sessions_by_person([first, second], []) == {ADA: (first, second), BEN: (second,)}


def test_list_of_titles_is_limited() -> None:
    assert titles_of([uncovered(1), uncovered(2)]) == "Session 1, Session 2"
    many = titles_of([uncovered(number) for number in range(11)])
    assert many.endswith("Session 9, …")
