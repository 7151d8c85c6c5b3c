"""Create learners who have started an attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from proctorium.assessment.v1 import (
    assessments_pb2,
    assessments_pb2_grpc,
    attempts_pb2,
    attempts_pb2_grpc,
    items_pb2,
)
from proctorium_assessment.storage import courses
from proctorium_assessment.storage.courses import Course
from proctorium_common.ids import new_id
from proctorium_common.rpc.client import channel
from proctorium_common.security.keys import SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database


@dataclass(frozen=True)
class Learner:
    """The token of a learner, the id of the learner's attempt, and the ids of the items in the attempt."""

    token: str
    attempt_id: str
    item_ids: tuple[str, ...]

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Learner:
        """Return a learner from the fields of a JSON object."""
        return cls(fields["token"], fields["attempt_id"], tuple(fields["item_ids"]))


async def learners_at(address: str, url: str, key: SigningKey, count: int) -> list[Learner]:
    """Create `count` learners who have started an attempt at an assessment of 20 items; return them."""
    signer = TokenSigner(key, lifetime=timedelta(hours=2))
    assessment_id = await publish_assessment(address, signer)
    person_ids = [new_id() for _ in range(count)]
    await _register(url, UUID(assessment_id), person_ids)
    return [await _learner(address, signer, assessment_id, person_id) for person_id in person_ids]


async def publish_assessment(address: str, signer: TokenSigner) -> str:
    """Create and publish an assessment of 20 items; return its id."""
    administrator = signer.sign(new_id(), ["administrator"]).text
    async with channel(address, bearer=lambda: administrator) as opened:
        stub = assessments_pb2_grpc.AssessmentServiceStub(opened)
        created = await stub.CreateAssessment(
            assessments_pb2.CreateAssessmentRequest(assessment=_assessment()), wait_for_ready=True
        )
        assessment_id: str = created.assessment.assessment_id
        await stub.PublishAssessment(
            assessments_pb2.PublishAssessmentRequest(assessment_id=assessment_id)
        )
    return assessment_id


async def _register(url: str, assessment_id: UUID, person_ids: Sequence[UUID]) -> None:
    """Store a course with the assessment and register the learners, as the handlers of enrollment's events do."""
    course_id = new_id()
    database = Database(url)
    try:
        async with database.transaction() as tx:
            course = Course(course_id, "Bench", 1.0, self_paced=True)
            await courses.upsert_course(tx, course, [assessment_id], 1)
            for person_id in person_ids:
                await courses.insert_registration(tx, course_id, person_id)
    finally:
        await database.close()


async def _learner(
    address: str, signer: TokenSigner, assessment_id: str, person_id: UUID
) -> Learner:
    token = signer.sign(person_id, ["learner"]).text
    async with channel(address, bearer=lambda: token) as opened:
        stub = attempts_pb2_grpc.AttemptServiceStub(opened)
        created = await stub.CreateAttempt(
            attempts_pb2.CreateAttemptRequest(assessment_id=assessment_id)
        )
        started = await stub.StartAttempt(
            attempts_pb2.StartAttemptRequest(attempt_id=created.attempt.attempt_id)
        )
    item_ids = tuple(item.item_id for item in started.attempt.items)
    return Learner(token, created.attempt.attempt_id, item_ids)


def _assessment() -> assessments_pb2.Assessment:
    choices = [items_pb2.Choice(choice_id=letter, text=letter) for letter in "abcd"]
    one = items_pb2.SingleChoice(choices=choices, correct_choice_id="a")
    items = [items_pb2.Item(prompt="?", points=1, single_choice=one) for _ in range(20)]
    assessment = assessments_pb2.Assessment(title="Bench", pass_mark=0.5, items=items)
    assessment.time_limit.seconds = 7200
    return assessment
