"""Tests that each event causes one message with the right content to each person whom the event concerns."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest
from google.protobuf.message import Message
from icalendar import Calendar

from proctorium.assessment.events.v1 import events_pb2 as assessment_events
from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.identity.events.v1 import events_pb2 as identity_events
from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium.options.v1.options_pb2 import ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_common.ids import new_id
from proctorium_common.storage.migrations import differences

from .harness import (
    PORTAL,
    Harness,
    Person,
    ended_for,
    issued,
    readmitted,
    removed,
    scheduled,
    text_of,
)


def calendar_of(mail: EmailMessage) -> Calendar:
    [part] = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    entry = Calendar.from_ical(part.get_content())
    assert isinstance(entry, Calendar)
    return entry


async def topics(person: Person) -> list[pb.Topic.ValueType]:
    found = await person.inbox.ListNotifications(pb.ListNotificationsRequest())
    return [notification.topic for notification in found.notifications]


async def test_proctors_receive_an_invitation_to_their_session(harness: Harness) -> None:
    first, second, learner = harness.person("proctor"), harness.person("proctor"), harness.person()
    event = scheduled(new_id(), [first, second])
    event.learner_ids.append(learner.id)
    await harness.publish(event)
    for proctor in (first, second):
        mail = await harness.mail(proctor)
        assert mail["Subject"] == "You supervise: First Aid at Work"
        assert calendar_of(mail)["METHOD"] == "REQUEST"
        assert f"{PORTAL}/supervise/{event.session_id}" in text_of(mail)
        assert await topics(proctor) == [pb.TOPIC_SESSION_SCHEDULED]
    assert await topics(learner) == []
    assert harness.sink.mails_to(learner.email) == []


async def test_learners_receive_their_code_in_their_language_and_time_zone(
    harness: Harness,
) -> None:
    ada, anna = harness.person(), harness.person(locale="de-DE", time_zone="Asia/Tokyo")
    session_id = await harness.session()
    code = harness.enrollment.list_code(session_id, "Kf7Q2mXa")
    await harness.publish(issued(code, ada, anna))
    mail = await harness.mail(ada)
    assert mail["Subject"] == "Your enrollment code for First Aid at Work"
    assert "Your enrollment code: Kf7Q2mXa" in text_of(mail)
    assert "Central European" in text_of(mail)
    assert "help@example.org" in text_of(mail)
    [event] = calendar_of(mail).walk("VEVENT")
    assert event["UID"] == f"{session_id}@example.org"
    german = await harness.mail(anna)
    assert "Ihr Zugangscode: Kf7Q2mXa" in text_of(german)
    assert "Japanische Normalzeit" in text_of(german)
    assert mail["Message-ID"] != german["Message-ID"]
    assert (await harness.delivery(ada)).delivery_id in mail["Message-ID"]


async def test_code_that_arrives_before_its_session_waits_for_it(harness: Harness) -> None:
    learner, session_id = harness.person(), new_id()
    code = harness.enrollment.list_code(str(session_id))
    await harness.publish(issued(code, learner))
    await harness.until_state(learner, "pending")
    # The sender skips this delivery, because its session is unknown, and sends a later mail to another learner. When
    # the later mail has arrived, the first delivery must still be pending.
    await harness.publish(
        issued(harness.enrollment.list_code(await harness.session()), other := harness.person())
    )
    await harness.mail(other)
    assert await topics(learner) == []
    assert await harness.delivery_state(learner) == "pending"
    await harness.publish(scheduled(session_id))
    await harness.mail(learner)
    assert await topics(learner) == [pb.TOPIC_CODE_ISSUED]


async def test_redelivered_event_notifies_once(harness: Harness) -> None:
    learner, session_id = harness.person(), await harness.session()
    code, event_id = harness.enrollment.list_code(session_id), new_id()
    await harness.publish(issued(code, learner), event_id=event_id, times=5)
    await harness.mail(learner)
    last = harness.person()
    await harness.publish(issued(code, last))
    await harness.mail(last)
    assert len(harness.sink.mails_to(learner.email)) == 1
    assert await topics(learner) == [pb.TOPIC_CODE_ISSUED]
    rows = await harness.rows(
        "SELECT channel FROM deliveries WHERE event_id = :id ORDER BY 1", id=event_id
    )
    assert rows == [("email",), ("in_app",)]


async def test_replacement_code_mail_says_that_the_previous_code_is_invalid(
    harness: Harness,
) -> None:
    learner, session_id = harness.person(), await harness.session()
    event = issued(harness.enrollment.list_code(session_id, "Zz9Y8xWv"), learner)
    event.replaced_code_id = str(new_id())
    await harness.publish(event)
    mail = await harness.mail(learner)
    assert mail["Subject"] == "Your new enrollment code for First Aid at Work"
    assert "Zz9Y8xWv" in text_of(mail)
    assert "no longer works" in text_of(mail)
    assert await topics(learner) == [pb.TOPIC_CODE_REPLACED]


async def test_person_listed_twice_is_notified_once(harness: Harness) -> None:
    learner, session_id = harness.person(), await harness.session()
    await harness.publish(issued(harness.enrollment.list_code(session_id), learner, learner))
    await harness.mail(learner)
    assert await topics(learner) == [pb.TOPIC_CODE_ISSUED]


async def test_cancelled_session_is_removed_from_the_calendar(harness: Harness) -> None:
    learner, proctor = harness.person(), harness.person("proctor")
    session_id = await harness.session()
    event = session_events.SessionCancelled(
        session_id=session_id, person_ids=[learner.id, proctor.id]
    )
    await harness.publish(event)
    for person in (learner, proctor):
        mail = await harness.mail(person)
        assert mail["Subject"] == "Cancelled: First Aid at Work"
        entry = calendar_of(mail)
        assert entry["METHOD"] == "CANCEL"
        [calendar_event] = entry.walk("VEVENT")
        assert calendar_event["UID"] == f"{session_id}@example.org"


async def test_only_learners_who_attended_are_notified_of_the_end(harness: Harness) -> None:
    present, absent, session_id = harness.person(), harness.person(), await harness.session()
    event = session_events.SessionEnded(
        session_id=session_id,
        course_id=str(new_id()),
        attendances=[
            session_events.Attendance(person_id=present.id, attended=True),
            session_events.Attendance(person_id=absent.id, attended=False),
        ],
    )
    event.end_time.GetCurrentTime()
    await harness.publish(event)
    assert "is over" in (await harness.mail(present))["Subject"]
    assert await topics(absent) == []


async def test_learners_are_notified_of_a_reopening_and_of_the_next_end(harness: Harness) -> None:
    learner, session_id = harness.person(), await harness.session()
    ended = session_events.SessionEnded(
        session_id=session_id,
        attendances=[session_events.Attendance(person_id=learner.id, attended=True)],
    )
    ended.end_time.GetCurrentTime()
    reopened = session_events.SessionReopened(session_id=session_id, person_ids=[learner.id])
    subjects = []
    for number, event in enumerate((ended, reopened, ended), 1):
        await harness.publish(event)
        subjects.append((await harness.mail(learner, number))["Subject"])
    over = "First Aid at Work is over"
    assert subjects == [over, "First Aid at Work continues", over]


def _case(
    kind: type[identity_events.CaseVerified]
    | type[identity_events.CaseRejected]
    | type[identity_events.CaseResubmissionRequested],
    session_id: str,
    person: Person,
) -> Message:
    return kind(
        case_id=str(new_id()),
        session_id=session_id,
        participant_id=str(new_id()),
        person_id=person.id,
    )


def _certificate(person: Person) -> Message:
    return assessment_events.CertificateIssued(
        certificate_id=str(new_id()),
        registration_id=str(new_id()),
        person_id=person.id,
        course_id=str(new_id()),
        course_title="Radiation Protection",
    )


@pytest.mark.parametrize(
    ("topic", "subject"),
    [
        (pb.TOPIC_IDENTITY_VERIFIED, "Your identity is verified for First Aid at Work"),
        (pb.TOPIC_IDENTITY_REJECTED, "Your identity could not be verified for First Aid at Work"),
        (pb.TOPIC_IDENTITY_CHECK_REQUESTED, "Please verify your identity for First Aid at Work"),
        (pb.TOPIC_IDENTITY_RESUBMISSION_REQUESTED, "Please send new photos for First Aid at Work"),
        (pb.TOPIC_PARTICIPANT_REMOVED, "You were removed from First Aid at Work"),
        (pb.TOPIC_PARTICIPANT_READMITTED, "You are back in First Aid at Work"),
        (pb.TOPIC_PARTICIPANT_ENDED, "First Aid at Work was ended for you"),
        (pb.TOPIC_PARTICIPANT_END_UNDONE, "You can continue in First Aid at Work"),
        (pb.TOPIC_CERTIFICATE_ISSUED, "Your certificate was issued: Radiation Protection"),
    ],
    ids=[
        "verified",
        "rejected",
        "check requested",
        "resubmission",
        "removed",
        "readmitted",
        "ended",
        "end undone",
        "certificate",
    ],
)
async def test_learners_are_notified_of_events_about_them(
    harness: Harness, topic: pb.Topic.ValueType, subject: str
) -> None:
    learner, session_id = harness.person(), await harness.session()
    event = {
        pb.TOPIC_IDENTITY_VERIFIED: _case(identity_events.CaseVerified, session_id, learner),
        pb.TOPIC_IDENTITY_REJECTED: _case(identity_events.CaseRejected, session_id, learner),
        pb.TOPIC_IDENTITY_CHECK_REQUESTED: session_events.ParticipantIdentityCheckRequested(
            participant_id=str(new_id()), session_id=session_id, person_id=learner.id
        ),
        pb.TOPIC_IDENTITY_RESUBMISSION_REQUESTED: _case(
            identity_events.CaseResubmissionRequested, session_id, learner
        ),
        pb.TOPIC_PARTICIPANT_REMOVED: removed(session_id, learner),
        pb.TOPIC_PARTICIPANT_READMITTED: readmitted(session_id, learner),
        pb.TOPIC_PARTICIPANT_ENDED: ended_for(session_id, learner),
        pb.TOPIC_PARTICIPANT_END_UNDONE: session_events.ParticipantEndUndone(
            participant_id=str(new_id()), session_id=session_id, person_id=learner.id
        ),
        pb.TOPIC_CERTIFICATE_ISSUED: _certificate(learner),
    }[topic]
    await harness.publish(event)
    assert (await harness.mail(learner))["Subject"] == subject
    assert await topics(learner) == [topic]


@pytest.mark.parametrize(
    ("event", "topic", "subject"),
    [
        (
            enrollment_events.PersonRoleRevoked(role=ROLE_PROCTOR, access_version=1),
            pb.TOPIC_ROLE_REVOKED_PROCTOR,
            "You are no longer a proctor",
        ),
        (
            enrollment_events.PersonDisabled(access_version=1),
            pb.TOPIC_ACCOUNT_DISABLED,
            "Your account was disabled",
        ),
        (
            enrollment_events.PersonEnabled(),
            pb.TOPIC_ACCOUNT_ENABLED,
            "You can sign in again",
        ),
    ],
    ids=["role revoked", "disabled", "enabled"],
)
async def test_people_are_notified_of_changes_to_their_account(
    harness: Harness, event: Message, topic: pb.Topic.ValueType, subject: str
) -> None:
    person = harness.person("proctor")
    event.person_id = person.id  # type: ignore[attr-defined]  # every parametrized event has a person_id
    await harness.publish(event)
    assert (await harness.mail(person))["Subject"] == subject
    rows = await harness.rows(
        "SELECT topic FROM deliveries WHERE person_id = :id AND channel = 'in_app'",
        id=person.person_id,
    )
    assert [f"TOPIC_{row[0]}".upper() for row in rows] == [pb.Topic.Name(topic)]


@pytest.mark.parametrize("self_paced", [False, True], ids=["in a session", "self-paced"])
async def test_message_about_a_result_does_not_contain_it(
    harness: Harness, self_paced: bool
) -> None:
    learner, attempt_id = harness.person(), str(new_id())
    event = assessment_events.ResultReleased(
        result_id=str(new_id()),
        attempt_id=attempt_id,
        session_id="" if self_paced else await harness.session(),
        person_id=learner.id,
        passed=True,
        version=1,
    )
    await harness.publish(event)
    text = text_of(await harness.mail(learner))
    assert f"{PORTAL}/results/{attempt_id}" in text
    assert "pass" not in text.lower()


async def test_invitation_to_a_session_that_is_over_fails(
    harness: Harness,
) -> None:
    learner, session_id = harness.person(), await harness.session(starts_in=timedelta(days=-2))
    await harness.publish(issued(harness.enrollment.list_code(session_id), learner))
    await harness.until_state(learner, "failed")
    assert "over before" in (await harness.delivery(learner)).last_error
    assert harness.sink.mails_to(learner.email) == []
    assert await topics(learner) == [pb.TOPIC_CODE_ISSUED]


async def test_code_is_found_on_every_page_of_the_codes_of_a_session(harness: Harness) -> None:
    learner, session_id = harness.person(), await harness.session()
    codes = [harness.enrollment.list_code(session_id, f"Kf7Q2mX{number}") for number in range(5)]
    assert len(codes) > 2 * harness.enrollment.codes_per_page
    await harness.publish(issued(codes[-1], learner))
    await harness.mail(learner)
    await harness.until_state(learner, "sent")


async def test_mail_with_a_replaced_code_fails(harness: Harness) -> None:
    learner, session_id = harness.person(), await harness.session()
    replaced = harness.enrollment.list_code(session_id)
    harness.enrollment.listed_codes[session_id].clear()
    await harness.publish(issued(replaced, learner))
    await harness.until_state(learner, "failed")
    assert "replaced" in (await harness.delivery(learner)).last_error
    assert await harness.published(learner.id) == ["delivery.failed"]


async def test_no_address_and_no_code_is_stored(harness: Harness) -> None:
    learner, session_id = harness.person(), await harness.session()
    await harness.publish(issued(harness.enrollment.list_code(session_id, "Zz9SecRt"), learner))
    await harness.mail(learner)
    await harness.until_state(learner, "sent")
    for table in ("deliveries", "sessions", "outbox", "inbox", "dead_letters"):
        [[stored]] = await harness.rows(
            f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t"
        )
        assert learner.email not in str(stored)
        assert "Zz9SecRt" not in str(stored)
    hexadecimal = learner.email.encode().hex()
    [[bodies]] = await harness.rows(
        "SELECT coalesce(string_agg(encode(body, 'hex'), ' '), '') FROM outbox"
    )
    assert hexadecimal not in str(bodies)


async def test_later_session_event_changes_the_plan_and_notifies_once(harness: Harness) -> None:
    proctor, session_id = harness.person("proctor"), new_id()
    event = scheduled(session_id, [proctor])
    event_id = await harness.publish(event)
    await harness.mail(proctor)
    cancelled = session_events.SessionCancelled(session_id=str(session_id))
    await harness.publish(cancelled)
    await harness.until_row(
        "SELECT 1 FROM sessions WHERE session_id = :id AND cancelled_at IS NOT NULL", id=session_id
    )
    await harness.publish(event, event_id=event_id)
    await harness.publish(scheduled(UUID(event.session_id), title="Renamed"))
    await harness.until_row(
        "SELECT 1 FROM sessions WHERE session_id = :id AND title = 'Renamed'", id=session_id
    )
    [[still_cancelled]] = await harness.rows(
        "SELECT cancelled_at IS NOT NULL FROM sessions WHERE session_id = :id", id=session_id
    )
    assert still_cancelled
    assert len(harness.sink.mails_to(proctor.email)) == 1


async def test_migrations_make_the_tables(harness: Harness) -> None:
    assert await differences(harness.database_url, "proctorium_notification") == []


async def test_database_refuses_a_second_message_per_person_event_and_channel(
    harness: Harness,
) -> None:
    learner, session_id = harness.person(), await harness.session()
    await harness.publish(removed(session_id, learner))
    await harness.mail(learner)
    await harness.until_state(learner, "sent")
    with pytest.raises(Exception, match="uq_deliveries_person_id_event_id_channel"):
        await harness.rows(
            "INSERT INTO deliveries (delivery_id, person_id, event_id, topic, channel, state, created_at, next_try_at)"
            " SELECT gen_random_uuid(), person_id, event_id, topic, channel, 'pending', created_at, next_try_at"
            " FROM deliveries WHERE person_id = :id",
            id=learner.person_id,
        )
    for change, message in (
        ("state = 'pending', sent_at = NULL", "cannot change from sent to pending"),
        ("person_id = gen_random_uuid()", "cannot change to another message"),
        ("last_error = 'to x@y.z'", "error_without_address"),
    ):
        with pytest.raises(Exception, match=message):
            await harness.rows(
                f"UPDATE deliveries SET {change} WHERE person_id = :id AND channel = 'email'",
                id=learner.person_id,
            )
