"""The gRPC API of OrganisationService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proctorium.enrollment.v1 import organisation_pb2 as pb
from proctorium.enrollment.v1 import organisation_pb2_grpc
from proctorium_common.messages import fields_to_update
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder
from proctorium_enrollment.api.messages import organisation_message
from proctorium_enrollment.operations import organisation

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class OrganisationApi(organisation_pb2_grpc.OrganisationServiceServicer):
    """Implementation of OrganisationService in `organisation.proto`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetOrganisation(
        self, request: pb.GetOrganisationRequest, context: Context
    ) -> pb.GetOrganisationResponse:
        current = await organisation.get_organisation(self._database)
        return pb.GetOrganisationResponse(organisation=organisation_message(current))

    async def UpdateOrganisation(
        self, request: pb.UpdateOrganisationRequest, context: Context
    ) -> pb.UpdateOrganisationResponse:
        message = request.organisation
        changes = {
            field: getattr(message, field)
            for field in fields_to_update(message, request.update_mask)
        }
        return await organisation.update_organisation(
            self._database,
            changes,
            message.etag,
            Responder(
                request,
                pb.UpdateOrganisationResponse,
                lambda updated: pb.UpdateOrganisationResponse(
                    organisation=organisation_message(updated)
                ),
            ),
        )
