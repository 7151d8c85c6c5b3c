"""CourseService over gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proctorium.enrollment.v1 import courses_pb2 as pb
from proctorium.enrollment.v1 import courses_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.traces import annotate
from proctorium_enrollment.api.messages import (
    KIND_OF,
    course_message,
    me,
    my_course_message,
)
from proctorium_enrollment.domain.courses import NewCourse, NewUnit, UnitKind
from proctorium_enrollment.operations import courses, lessons
from proctorium_enrollment.operations.assessments import Assessments

if TYPE_CHECKING:
    from proctorium_common.rpc.served import Context


@dataclass(frozen=True)
class CourseApi(courses_pb2_grpc.CourseServiceServicer):
    """What the methods promise stands in the proto."""

    database: Database
    assessments: Assessments

    async def CreateCourse(
        self, request: pb.CreateCourseRequest, context: Context
    ) -> pb.CreateCourseResponse:
        new = NewCourse(
            title=request.title,
            description=request.description,
            kind=KIND_OF[request.kind],
            hours=request.hours,
            units=tuple(_new_unit(unit) for unit in request.units),
            awards_certificate=request.awards_certificate,
        )
        # Before the transaction, which must not stay open while another service is asked.
        await courses.require_usable(new, self.assessments)

        async def run(tx: Transaction) -> pb.CreateCourseResponse:
            return pb.CreateCourseResponse(course=course_message(await courses.create(tx, new)))

        return await self.database.once(request, run, pb.CreateCourseResponse)

    async def PublishCourse(
        self, request: pb.PublishCourseRequest, context: Context
    ) -> pb.PublishCourseResponse:
        course_id = parse_id(request.course_id, "course_id")

        async def run(tx: Transaction) -> pb.PublishCourseResponse:
            return pb.PublishCourseResponse(
                course=course_message(await courses.publish(tx, course_id))
            )

        return await self.database.once(request, run, pb.PublishCourseResponse)

    async def ListCourses(
        self, request: pb.ListCoursesRequest, context: Context
    ) -> pb.ListCoursesResponse:
        async with self.database.transaction() as tx:
            found, token = await courses.list_all(
                tx, current_call().caller, request.page_size, request.page_token
            )
        return pb.ListCoursesResponse(
            courses=[course_message(course) for course in found], next_page_token=token
        )

    async def GetCourse(
        self, request: pb.GetCourseRequest, context: Context
    ) -> pb.GetCourseResponse:
        course_id = parse_id(request.course_id, "course_id")
        async with self.database.transaction() as tx:
            course = await courses.get(tx, current_call().caller, course_id)
        return pb.GetCourseResponse(course=course_message(course))

    async def GetLesson(
        self, request: pb.GetLessonRequest, context: Context
    ) -> pb.GetLessonResponse:
        unit_id = parse_id(request.unit_id, "unit_id")
        async with self.database.transaction() as tx:
            unit = await lessons.get_lesson(tx, me(), unit_id)
        annotate(course_id=unit.course.course_id)
        lesson = await lessons.rendered(unit)
        return pb.GetLessonResponse(title=lesson.title, html=lesson.html)

    async def RecordProgress(
        self, request: pb.RecordProgressRequest, context: Context
    ) -> pb.RecordProgressResponse:
        unit_id = parse_id(request.unit_id, "unit_id")

        async def run(tx: Transaction) -> pb.RecordProgressResponse:
            mine = await lessons.record_progress(tx, me(), unit_id)
            annotate(course_id=mine.course.course_id)
            return pb.RecordProgressResponse(my_course=my_course_message(mine))

        return await self.database.once(request, run, pb.RecordProgressResponse)


_KIND_OF_CONTENT = {
    "markdown": UnitKind.LESSON,
    "url": UnitKind.LINK,
    "assessment_id": UnitKind.ASSESSMENT,
}


def _new_unit(unit: pb.UnitContent) -> NewUnit:
    content = unit.WhichOneof("content")
    assert content is not None, "the rules of the proto require one"
    return NewUnit(
        kind=_KIND_OF_CONTENT[content],
        title=unit.title,
        markdown=unit.markdown,
        url=unit.url,
        assessment_id=optional_id(unit.assessment_id, "assessment_id"),
    )
