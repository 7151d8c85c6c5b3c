"""RegistrationService over gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proctorium.enrollment.v1 import courses_pb2 as pb
from proctorium.enrollment.v1 import courses_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Database, Transaction
from proctorium_enrollment.api.messages import me, my_course_message, registration_message
from proctorium_enrollment.operations import registrations
from proctorium_enrollment.operations.codes import Codes

if TYPE_CHECKING:
    from proctorium_common.rpc.served import Context


@dataclass(frozen=True)
class RegistrationApi(courses_pb2_grpc.RegistrationServiceServicer):
    """What the methods promise stands in the proto."""

    database: Database
    codes: Codes

    async def CreateRegistration(
        self, request: pb.CreateRegistrationRequest, context: Context
    ) -> pb.CreateRegistrationResponse:
        person_id = parse_id(request.person_id, "person_id")
        course_id = parse_id(request.course_id, "course_id")

        async def run(tx: Transaction) -> pb.CreateRegistrationResponse:
            registration = await registrations.register(tx, self.codes, person_id, course_id)
            return pb.CreateRegistrationResponse(registration=registration_message(registration))

        return await self.database.once(request, run, pb.CreateRegistrationResponse)

    async def ListMyCourses(
        self, request: pb.ListMyCoursesRequest, context: Context
    ) -> pb.ListMyCoursesResponse:
        async with self.database.transaction() as tx:
            found, token = await registrations.list_mine(
                tx, me(), request.page_size, request.page_token
            )
        return pb.ListMyCoursesResponse(
            courses=[my_course_message(mine) for mine in found], next_page_token=token
        )

    async def ListRegistrations(
        self, request: pb.ListRegistrationsRequest, context: Context
    ) -> pb.ListRegistrationsResponse:
        course_id = parse_id(request.course_id, "course_id")
        async with self.database.transaction() as tx:
            found, token = await registrations.list_of(
                tx, course_id, request.page_size, request.page_token
            )
        return pb.ListRegistrationsResponse(
            registrations=[registration_message(one) for one in found], next_page_token=token
        )
