"""A self-paced course for tests that need a result or a certificate before the end of their session.

Results in a session are released only after the end of the session.
"""

from __future__ import annotations

from proctorium.assessment.v1.assessments_pb2 import (
    Assessment,
    CreateAssessmentRequest,
    PublishAssessmentRequest,
)
from proctorium.assessment.v1.attempts_pb2 import (
    CreateAttemptRequest,
    StartAttemptRequest,
    SubmitAttemptRequest,
)
from proctorium.assessment.v1.items_pb2 import Item, TrueFalse
from proctorium.enrollment.v1.courses_pb2 import (
    COURSE_KIND_SELF_PACED,
    CreateCourseRequest,
    PublishCourseRequest,
    UnitContent,
)
from proctorium_common.errors import ServiceError
from proctorium_devstack.demo import seed
from proctorium_devstack.demo.people import Person
from proctorium_devstack.demo.waiting import eventually


async def complete_self_paced_course(administrator: Person, learner: Person) -> None:
    """Create a self-paced course that awards certificates, and let the learner pass its assessment."""
    question = Item(prompt="Is this a test?", points=1, true_false=TrueFalse(correct=True))
    created = await administrator.assessments.CreateAssessment(
        CreateAssessmentRequest(
            assessment=Assessment(title="Own pace", pass_mark=0.0, items=[question])
        )
    )
    assessment_id = created.assessment.assessment_id
    await administrator.assessments.PublishAssessment(
        PublishAssessmentRequest(assessment_id=assessment_id)
    )
    course = await administrator.courses.CreateCourse(
        CreateCourseRequest(
            title="Own pace",
            kind=COURSE_KIND_SELF_PACED,
            hours=1,
            awards_certificate=True,
            units=[UnitContent(title="Own pace", assessment_id=assessment_id)],
        )
    )
    course_id = course.course.course_id
    await administrator.courses.PublishCourse(PublishCourseRequest(course_id=course_id))
    await seed.register(administrator, learner.person_id, course_id)

    async def attempt_id() -> str | None:
        try:
            request = CreateAttemptRequest(assessment_id=assessment_id)
            return (await learner.attempts.CreateAttempt(request)).attempt.attempt_id
        except ServiceError as error:
            if error.reason != "LEARNER_NOT_REGISTERED":
                raise
            return None

    own_id = await eventually(attempt_id, "the registration to arrive at assessment")
    await learner.attempts.StartAttempt(StartAttemptRequest(attempt_id=own_id))
    await learner.attempts.SubmitAttempt(SubmitAttemptRequest(attempt_id=own_id))
