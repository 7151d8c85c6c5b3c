"""Tests of alarms about sessions without a present proctor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_common.ids import new_id

from .harness import PORTAL, Harness, Person, scheduled, text_of


@pytest.fixture
async def administrators(harness: Harness) -> AsyncIterator[list[Person]]:
    """Yield three administrators, who are on two pages of enrollment's list."""
    people = [harness.person("administrator") for _ in range(3)]
    harness.enrollment.administrators = [each.id for each in people]
    yield people
    harness.enrollment.administrators = []


def uncovered(session_id: str, *proctors: Person) -> session_events.SessionUncovered:
    return session_events.SessionUncovered(
        session_id=session_id, proctor_ids=[each.id for each in proctors]
    )


async def until_announced(harness: Harness, session_id: str, event_id: UUID) -> None:
    await harness.until_row(
        "SELECT 1 FROM session_coverage WHERE session_id = :id AND announced_event_id = :event",
        id=UUID(session_id),
        event=event_id,
    )


async def topics(person: Person) -> list[pb.Topic.ValueType]:
    found = await person.inbox.ListNotifications(pb.ListNotificationsRequest())
    return [notification.topic for notification in found.notifications]


async def test_administrators_and_proctors_receive_one_alarm(
    harness: Harness, administrators: list[Person]
) -> None:
    ada, ben, stranger = (harness.person("proctor") for _ in range(3))
    session_id, event_id = await harness.session(), new_id()
    event = uncovered(session_id, ada, ben)
    await harness.publish(event, event_id=event_id, times=3)
    for person in (*administrators, ada, ben):
        mail = await harness.mail(person)
        assert mail["Subject"] == "No proctor is present: First Aid at Work"
        assert f"{PORTAL}/supervise" in text_of(mail)
        assert await topics(person) == [pb.TOPIC_SESSION_UNCOVERED]
    assert await topics(stranger) == []


async def test_alarm_is_in_the_language_of_the_person(harness: Harness) -> None:
    anna = harness.person("proctor", locale="de-DE")
    await harness.publish(uncovered(await harness.session(), anna))
    assert (await harness.mail(anna))["Subject"] == "Keine Aufsicht anwesend: First Aid at Work"


async def test_session_has_at_most_one_alarm_in_ten_minutes(harness: Harness) -> None:
    ada = harness.person("proctor")
    session_id, first, second = await harness.session(), new_id(), new_id()
    covered = session_events.SessionCovered(session_id=session_id)
    await harness.publish(uncovered(session_id, ada), event_id=first)
    await until_announced(harness, session_id, first)
    await harness.publish(covered)
    await harness.publish(uncovered(session_id, ada), event_id=second)
    other = await harness.session()
    await harness.publish(uncovered(other, ada), event_id=(third := new_id()))
    await until_announced(harness, other, third)
    assert await topics(ada) == [pb.TOPIC_SESSION_UNCOVERED] * 2
    # The session is still uncovered ten minutes after the alarm, when the next alarm is due.
    await harness.rows(
        "UPDATE session_coverage SET announced_at = announced_at - interval '10 minutes'"
        " WHERE session_id = :id",
        id=UUID(session_id),
    )
    await until_announced(harness, session_id, second)
    await harness.mail(ada, 3)


async def test_alarms_of_one_run_are_merged(harness: Harness, administrators: list[Person]) -> None:
    ada, ben = harness.person("proctor"), harness.person("proctor")
    ids = [await harness.session() for _ in range(2)]
    # The second session gets another title, so that the mails show which session they are about.
    await harness.publish(scheduled(UUID(ids[1]), title="Fire Safety"))
    await harness.until_row("SELECT 1 FROM sessions WHERE title = 'Fire Safety'")
    await harness.rows(
        "INSERT INTO session_coverage (session_id, position, event_id, proctor_ids)"
        " VALUES (:first, 1, gen_random_uuid(), ARRAY[CAST(:ada AS uuid)]),"
        " (:second, 1, gen_random_uuid(), ARRAY[CAST(:ben AS uuid)])",
        first=UUID(ids[0]),
        second=UUID(ids[1]),
        ada=ada.person_id,
        ben=ben.person_id,
    )
    for person in administrators:
        mail = await harness.mail(person)
        assert mail["Subject"] == "No proctor is present in several sessions"
        assert "First Aid at Work, Fire Safety" in text_of(mail)
    assert (await harness.mail(ada))["Subject"] == "No proctor is present: First Aid at Work"
    assert (await harness.mail(ben))["Subject"] == "No proctor is present: Fire Safety"


@pytest.mark.parametrize("end", ["covered", "ended", "cancelled"])
async def test_no_alarm_after_the_uncovered_period(harness: Harness, end: str) -> None:
    ada, session_id = harness.person("proctor"), str(new_id())
    ends = {
        "covered": session_events.SessionCovered(session_id=session_id),
        "ended": session_events.SessionEnded(session_id=session_id),
        "cancelled": session_events.SessionCancelled(session_id=session_id),
    }
    # The alarm waits for the plan of the session. Meanwhile, the uncovered period ends.
    await harness.publish(uncovered(session_id, ada), ends[end])
    await harness.until_row(
        "SELECT 1 FROM session_coverage WHERE session_id = :id AND event_id IS NULL",
        id=UUID(session_id),
    )
    await harness.publish(scheduled(UUID(session_id)))
    other, event_id = await harness.session(), new_id()
    await harness.publish(uncovered(other), event_id=event_id)
    await until_announced(harness, other, event_id)
    assert await topics(ada) == []


async def test_older_event_does_not_raise_an_alarm_again(harness: Harness) -> None:
    ada, session_id = harness.person("proctor"), await harness.session()
    covered = session_events.SessionCovered(session_id=session_id)
    await harness.publish(covered)
    await harness.until_row(
        "SELECT 1 FROM session_coverage WHERE session_id = :id", id=UUID(session_id)
    )
    await harness.publish(uncovered(session_id, ada), position=harness.position - 1)
    other, event_id = await harness.session(), new_id()
    await harness.publish(uncovered(other), event_id=event_id)
    await until_announced(harness, other, event_id)
    assert await topics(ada) == []


async def test_alarm_waits_while_enrollment_is_unavailable(
    harness: Harness, administrators: list[Person]
) -> None:
    ada = harness.person("proctor")
    session_id = await harness.session(starts_in=timedelta(minutes=1))
    async with harness.without(harness.enrollment):
        await harness.publish(uncovered(session_id, ada))
        await harness.until_row(
            "SELECT 1 FROM session_coverage WHERE session_id = :id", id=UUID(session_id)
        )
    await harness.mail(administrators[0])
    await harness.mail(ada)


async def test_former_and_new_lead_proctors_are_notified(harness: Harness) -> None:
    former, new, other = (harness.person("proctor") for _ in range(3))
    session_id = await harness.session()
    await harness.publish(
        session_events.SessionTaken(
            session_id=session_id,
            taken_by=new.id,
            former_lead_proctor_id=former.id,
            proctor_ids=[new.id, former.id, other.id],
        )
    )
    mail = await harness.mail(former)
    assert mail["Subject"] == "Another proctor leads now: First Aid at Work"
    assert f"{PORTAL}/supervise/{session_id}" in text_of(mail)
    await harness.publish(
        session_events.SessionHandedOver(
            session_id=session_id,
            handed_over_by=new.id,
            former_lead_proctor_id=new.id,
            proctor_ids=[other.id, new.id, former.id],
        )
    )
    assert (await harness.mail(other))["Subject"] == "You lead now: First Aid at Work"
    assert await topics(new) == []
    assert await topics(former) == [pb.TOPIC_SESSION_TAKEN]
