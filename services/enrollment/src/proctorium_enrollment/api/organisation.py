"""OrganisationService over gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proctorium.enrollment.v1 import organisation_pb2 as pb
from proctorium.enrollment.v1 import organisation_pb2_grpc
from proctorium_common.messages import fields_to_update
from proctorium_common.storage.database import Database, Transaction
from proctorium_enrollment.domain.organisation import Organisation
from proctorium_enrollment.operations import organisation

if TYPE_CHECKING:
    from proctorium_common.rpc.served import Context


@dataclass(frozen=True)
class OrganisationApi(organisation_pb2_grpc.OrganisationServiceServicer):
    """What the methods promise stands in the proto."""

    database: Database

    async def GetOrganisation(
        self, request: pb.GetOrganisationRequest, context: Context
    ) -> pb.GetOrganisationResponse:
        async with self.database.transaction() as tx:
            present = await organisation.get(tx)
        return pb.GetOrganisationResponse(organisation=_message(present))

    async def UpdateOrganisation(
        self, request: pb.UpdateOrganisationRequest, context: Context
    ) -> pb.UpdateOrganisationResponse:
        given = request.organisation
        changes = {
            field: getattr(given, field) for field in fields_to_update(given, request.update_mask)
        }

        async def run(tx: Transaction) -> pb.UpdateOrganisationResponse:
            changed = await organisation.update(tx, changes, given.etag)
            return pb.UpdateOrganisationResponse(organisation=_message(changed))

        return await self.database.once(request, run, pb.UpdateOrganisationResponse)


def _message(of: Organisation) -> pb.Organisation:
    return pb.Organisation(
        name=of.name,
        administrator_contact=of.administrator_contact,
        support_phone=of.support_phone,
        etag=of.etag,
    )
