"""The harness of the integration tests: the service, its callers, its incoming events, and cases with images."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.identity.v1 import verification_pb2 as pb
from proctorium.identity.v1.verification_pb2_grpc import VerificationServiceStub
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_common.ids import new_id
from proctorium_devstack.testing import Servers
from proctorium_devstack.testing import harness as testing
from proctorium_devstack.testing.enrollment import FakeEnrollment
from proctorium_devstack.testing.waiting import until
from proctorium_identity.__main__ import build
from proctorium_identity.settings import Settings

from ..images import photo

DOCUMENT, SELFIE = pb.EVIDENCE_KIND_DOCUMENT, pb.EVIDENCE_KIND_SELFIE


class Person(testing.Person):
    """A person who calls the service. `stub` is the client for the calls."""

    def __init__(self, harness: Harness, *roles: str) -> None:
        super().__init__(harness, *roles)
        self.stub = VerificationServiceStub(self.channel)


class Harness(testing.ServiceHarness[Settings]):
    """The service, a fake of enrollment, and the folder in which the service stores evidence."""

    rows_of_calls = (
        "SELECT (SELECT md5(string_agg(c::text, '|' ORDER BY case_id)) FROM cases c),"
        " (SELECT md5(string_agg(e::text, '|' ORDER BY evidence_id)) FROM evidence e),"
        " (SELECT count(*) FROM evidence_access_log), (SELECT count(*) FROM outbox),"
        " (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM sessions)"
    )

    def __init__(self, servers: Servers, enrollment: FakeEnrollment, evidence: Path) -> None:
        super().__init__(Settings, build, servers, [enrollment], evidence_url=evidence.as_uri())
        self.enrollment = enrollment
        self.evidence = evidence

    def person(self, *roles: str) -> Person:
        return Person(self, *roles)

    def learner(self) -> Person:
        return self.person("learner")

    def proctor(self) -> Person:
        return self.person("proctor")

    async def accesses_of(self, case_id: str) -> list[Any]:
        """Return the person's id and the subject of each logged access to the case, oldest first."""
        return await self.rows(
            "SELECT accessed_by, subject FROM evidence_access_log WHERE case_id = :id ORDER BY access_id",
            id=UUID(case_id),
        )

    async def session(self, *proctors: Person) -> str:
        """Certify the proctors and schedule a session with them; return its id when the service has stored it."""
        session_id = new_id()
        for each in proctors:
            await self.certify(each)
        await self.publish(scheduled(session_id, [each.person_id for each in proctors]))
        await self.until_row(
            "SELECT 1 FROM sessions WHERE session_id = :id AND proctor_ids IS NOT NULL",
            id=session_id,
        )
        return str(session_id)

    async def certify(
        self, person: Person, until_time: datetime | None = None, time: datetime | None = None
    ) -> None:
        """Publish that a person is certified until a time, and wait until the service has stored the certification.

        The default for `until_time` is a year from now. `time` is the time of the event.
        """
        event = enrollment_events.PersonCertified(person_id=person.id)
        event.certified_until_time.FromDatetime(
            until_time or datetime.now(UTC) + timedelta(days=365)
        )
        await self.publish(event, time=time)
        stored = event.certified_until_time.ToDatetime(UTC)

        async def is_stored() -> bool:
            return await self.certified_until(person) == stored

        await until(is_stored)

    async def certified_until(self, person: Person) -> object:
        """Return the end of the person's certification in the service's table, or None if there is no row."""
        rows = await self.rows(
            "SELECT certified_until FROM certifications WHERE person_id = :id", id=person.person_id
        )
        return rows[0][0] if rows else None

    async def case(self, session_id: str, learner: Person) -> str:
        """Publish that the learner joined, wait until the service has opened a case, and return the id of the case."""
        await self.publish(joined(UUID(session_id), learner))
        await self.until_row("SELECT 1 FROM cases WHERE person_id = :id", id=learner.person_id)
        [[case_id]] = await self.rows(
            "SELECT case_id FROM cases WHERE person_id = :id", id=learner.person_id
        )
        return str(case_id)


def scheduled(session_id: UUID, proctor_ids: Sequence[UUID]) -> session_events.SessionScheduled:
    return session_events.SessionScheduled(
        session_id=str(session_id), title="Any", proctor_ids=[str(each) for each in proctor_ids]
    )


def joined(
    session_id: UUID, learner: Person, *, identity_required: bool = True
) -> session_events.ParticipantJoined:
    return session_events.ParticipantJoined(
        participant_id=str(new_id()),
        session_id=str(session_id),
        person_id=learner.id,
        course_id=str(new_id()),
        identity_required=identity_required,
    )


def ended(session_id: UUID) -> session_events.SessionEnded:
    event = session_events.SessionEnded(session_id=str(session_id), course_id=str(new_id()))
    event.end_time.GetCurrentTime()
    return event


def cancelled(session_id: UUID) -> session_events.SessionCancelled:
    return session_events.SessionCancelled(session_id=str(session_id))


async def submit(
    person: Person,
    case_id: str,
    kind: pb.EvidenceKind.ValueType,
    image: bytes | None = None,
    request_id: str = "",
) -> pb.Case:
    request = pb.SubmitEvidenceRequest(
        request_id=request_id, case_id=case_id, kind=kind, image=image or photo()
    )
    # The timeout is long because each image is read in a separate process, which is slow on a busy machine.
    return (await person.stub.SubmitEvidence(request, timeout=30)).case


async def submit_both(person: Person, case_id: str) -> pb.Case:
    await submit(person, case_id, DOCUMENT)
    return await submit(person, case_id, SELFIE)


async def verify(person: Person, case_id: str, reason: str = "", request_id: str = "") -> pb.Case:
    """View both images, verify the case and return it."""
    for kind in (DOCUMENT, SELFIE):
        await person.stub.GetEvidence(pb.GetEvidenceRequest(case_id=case_id, kind=kind))
    return await decide(person, case_id, reason=reason, request_id=request_id)


async def decide(
    person: Person,
    case_id: str,
    decision: pb.Decision.ValueType = pb.DECISION_VERIFY,
    reason: str = "",
    request_id: str = "",
) -> pb.Case:
    request = pb.DecideCaseRequest(
        request_id=request_id, case_id=case_id, decision=decision, decision_reason=reason
    )
    return (await person.stub.DecideCase(request)).case


async def request_resubmission(
    person: Person, case_id: str, reason: str = "It is blurred."
) -> pb.Case:
    request = pb.RequestResubmissionRequest(case_id=case_id, resubmission_reason=reason)
    return (await person.stub.RequestResubmission(request)).case


async def view_image(
    person: Person, case_id: str, kind: pb.EvidenceKind.ValueType = DOCUMENT
) -> pb.GetEvidenceResponse:
    return await person.stub.GetEvidence(pb.GetEvidenceRequest(case_id=case_id, kind=kind))


async def case_of(person: Person, case_id: str) -> pb.Case:
    return (await person.stub.GetCase(pb.GetCaseRequest(case_id=case_id))).case
