"""The gRPC APIs of CourseService and RegistrationService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proctorium.enrollment.v1 import courses_pb2 as pb
from proctorium.enrollment.v1 import courses_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.rpc.caller import calling_person, current_call
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder
from proctorium_enrollment.api.messages import (
    course_message,
    my_course_message,
    new_unit_from_message,
    registration_message,
)
from proctorium_enrollment.domain.courses import NewCourse
from proctorium_enrollment.events import COURSE_KINDS
from proctorium_enrollment.operations import courses, lessons, registrations
from proctorium_enrollment.operations.assessments import Assessments
from proctorium_enrollment.operations.codes import Codes

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class CourseApi(courses_pb2_grpc.CourseServiceServicer):
    """Implementation of CourseService in `courses.proto`."""

    def __init__(self, database: Database, assessments: Assessments) -> None:
        self._database = database
        self._assessments = assessments

    async def CreateCourse(
        self, request: pb.CreateCourseRequest, context: Context
    ) -> pb.CreateCourseResponse:
        new = NewCourse(
            title=request.title,
            description=request.description,
            kind=COURSE_KINDS.from_proto(request.kind),
            hours=request.hours,
            units=tuple(map(new_unit_from_message, request.units)),
            awards_certificate=request.awards_certificate,
        )
        return await courses.create_course(
            self._database,
            self._assessments,
            new,
            Responder(
                request,
                pb.CreateCourseResponse,
                lambda course: pb.CreateCourseResponse(course=course_message(course)),
            ),
        )

    async def PublishCourse(
        self, request: pb.PublishCourseRequest, context: Context
    ) -> pb.PublishCourseResponse:
        return await courses.publish_course(
            self._database,
            parse_id(request.course_id, "course_id"),
            Responder(
                request,
                pb.PublishCourseResponse,
                lambda course: pb.PublishCourseResponse(course=course_message(course)),
            ),
        )

    async def ListCourses(
        self, request: pb.ListCoursesRequest, context: Context
    ) -> pb.ListCoursesResponse:
        found, token = await courses.list_courses(
            self._database, current_call().caller, request.page_size, request.page_token
        )
        return pb.ListCoursesResponse(
            courses=[course_message(course) for course in found], next_page_token=token
        )

    async def GetCourse(
        self, request: pb.GetCourseRequest, context: Context
    ) -> pb.GetCourseResponse:
        course = await courses.get_course(
            self._database, current_call().caller, parse_id(request.course_id, "course_id")
        )
        return pb.GetCourseResponse(course=course_message(course))

    async def GetLesson(
        self, request: pb.GetLessonRequest, context: Context
    ) -> pb.GetLessonResponse:
        lesson = await lessons.get_lesson(
            self._database, calling_person(), parse_id(request.unit_id, "unit_id")
        )
        return pb.GetLessonResponse(title=lesson.title, html=lesson.html)

    async def RecordProgress(
        self, request: pb.RecordProgressRequest, context: Context
    ) -> pb.RecordProgressResponse:
        return await lessons.record_progress(
            self._database,
            calling_person(),
            parse_id(request.unit_id, "unit_id"),
            Responder(
                request,
                pb.RecordProgressResponse,
                lambda my_course: pb.RecordProgressResponse(my_course=my_course_message(my_course)),
            ),
        )


class RegistrationApi(courses_pb2_grpc.RegistrationServiceServicer):
    """Implementation of RegistrationService in `courses.proto`."""

    def __init__(self, database: Database, codes: Codes) -> None:
        self._database = database
        self._codes = codes

    async def CreateRegistration(
        self, request: pb.CreateRegistrationRequest, context: Context
    ) -> pb.CreateRegistrationResponse:
        return await registrations.create_registration(
            self._database,
            self._codes,
            parse_id(request.person_id, "person_id"),
            parse_id(request.course_id, "course_id"),
            Responder(
                request,
                pb.CreateRegistrationResponse,
                lambda registration: pb.CreateRegistrationResponse(
                    registration=registration_message(registration)
                ),
            ),
        )

    async def ListMyCourses(
        self, request: pb.ListMyCoursesRequest, context: Context
    ) -> pb.ListMyCoursesResponse:
        found, token = await registrations.list_my_courses(
            self._database, calling_person(), request.page_size, request.page_token
        )
        return pb.ListMyCoursesResponse(
            courses=map(my_course_message, found), next_page_token=token
        )

    async def ListRegistrations(
        self, request: pb.ListRegistrationsRequest, context: Context
    ) -> pb.ListRegistrationsResponse:
        found, token = await registrations.list_registrations(
            self._database,
            parse_id(request.course_id, "course_id"),
            request.page_size,
            request.page_token,
        )
        return pb.ListRegistrationsResponse(
            registrations=map(registration_message, found), next_page_token=token
        )
