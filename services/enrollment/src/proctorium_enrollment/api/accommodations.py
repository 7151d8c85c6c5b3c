"""The gRPC API of AccommodationService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proctorium.enrollment.v1 import accommodations_pb2 as pb
from proctorium.enrollment.v1 import accommodations_pb2_grpc
from proctorium_common.ids import parse_id, parse_ids
from proctorium_common.messages import fields_to_update
from proctorium_common.rpc.caller import current_call
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder
from proctorium_enrollment.api.messages import accommodations_message
from proctorium_enrollment.operations import accommodations

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class AccommodationApi(accommodations_pb2_grpc.AccommodationServiceServicer):
    """Implementation of AccommodationService in `accommodations.proto`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetAccommodations(
        self, request: pb.GetAccommodationsRequest, context: Context
    ) -> pb.GetAccommodationsResponse:
        current = await accommodations.get(
            self._database, current_call().caller, parse_id(request.person_id, "person_id")
        )
        return pb.GetAccommodationsResponse(accommodations=accommodations_message(current))

    async def UpdateAccommodations(
        self, request: pb.UpdateAccommodationsRequest, context: Context
    ) -> pb.UpdateAccommodationsResponse:
        message = request.accommodations
        fields = fields_to_update(message, request.update_mask) - {"person_id"}
        return await accommodations.update(
            self._database,
            current_call().caller,
            parse_id(message.person_id, "accommodations.person_id"),
            {field: getattr(message, field) for field in fields},
            message.etag,
            Responder(
                request,
                pb.UpdateAccommodationsResponse,
                lambda updated: pb.UpdateAccommodationsResponse(
                    accommodations=accommodations_message(updated)
                ),
            ),
        )

    async def ListAccommodationRevisions(
        self, request: pb.ListAccommodationRevisionsRequest, context: Context
    ) -> pb.ListAccommodationRevisionsResponse:
        revisions = await accommodations.list_revisions(
            self._database, parse_id(request.person_id, "person_id")
        )
        return pb.ListAccommodationRevisionsResponse(
            revisions=[accommodations_message(each) for each in revisions]
        )

    async def BatchGetProctorNotes(
        self, request: pb.BatchGetProctorNotesRequest, context: Context
    ) -> pb.BatchGetProctorNotesResponse:
        found = await accommodations.list_with_proctor_note(
            self._database, current_call().caller, parse_ids(request.person_ids, "person_ids")
        )
        return pb.BatchGetProctorNotesResponse(
            notes=[
                pb.ProctorNote(person_id=str(each.person_id), proctor_note=each.proctor_note)
                for each in found
            ]
        )
