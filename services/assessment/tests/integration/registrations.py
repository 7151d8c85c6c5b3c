"""A server with the methods of enrollment that assessment calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID

import grpc

from proctorium.enrollment.v1 import organisation_pb2, people_pb2
from proctorium_common.security.tls import Certificates


class Registrations:
    """A stub of enrollment: names by person (others are NOT_FOUND; UNAVAILABLE while `away`) and the organisation."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.organisation = ""
        self.away = False
        self.calls = 0
        self.address = ""

    def register(self, person_id: UUID, name: str) -> None:
        self.names[str(person_id)] = name

    async def GetRegistrationInformation(
        self, request: people_pb2.GetRegistrationInformationRequest, context: object
    ) -> people_pb2.GetRegistrationInformationResponse:
        served = cast("grpc.aio.ServicerContext[object, object]", context)
        self.calls += 1
        if self.away:
            await served.abort(grpc.StatusCode.UNAVAILABLE, "away")
        if request.person_id not in self.names:
            await served.abort(grpc.StatusCode.NOT_FOUND, "nobody")
        return people_pb2.GetRegistrationInformationResponse(
            legal_name=self.names[request.person_id]
        )

    async def GetOrganisation(
        self, request: organisation_pb2.GetOrganisationRequest, context: object
    ) -> organisation_pb2.GetOrganisationResponse:
        named = organisation_pb2.Organisation(name=self.organisation)
        return organisation_pb2.GetOrganisationResponse(organisation=named)


@asynccontextmanager
async def registrations(certificates: Certificates) -> AsyncIterator[Registrations]:
    """Run the server on a free port."""
    known = Registrations()
    server = grpc.aio.server()
    information = grpc.unary_unary_rpc_method_handler(
        known.GetRegistrationInformation,
        people_pb2.GetRegistrationInformationRequest.FromString,
        people_pb2.GetRegistrationInformationResponse.SerializeToString,
    )
    organisation = grpc.unary_unary_rpc_method_handler(
        known.GetOrganisation,
        organisation_pb2.GetOrganisationRequest.FromString,
        organisation_pb2.GetOrganisationResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                people_pb2.DESCRIPTOR.services_by_name["PersonService"].full_name,
                {"GetRegistrationInformation": information},
            ),
            grpc.method_handlers_generic_handler(
                organisation_pb2.DESCRIPTOR.services_by_name["OrganisationService"].full_name,
                {"GetOrganisation": organisation},
            ),
        )
    )
    port = server.add_secure_port("127.0.0.1:0", certificates.server())
    known.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield known
    finally:
        await server.stop(None)
