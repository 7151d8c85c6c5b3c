"""The gRPC API of IncidentService."""

from __future__ import annotations

from proctorium.session.v1 import incidents_pb2 as pb
from proctorium.session.v1 import incidents_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.messages import fields_to_update, optional_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.calls import Context
from proctorium_common.rpc.validation import time_of
from proctorium_common.storage.idempotency import Responder
from proctorium_session.api.messages import (
    incident_category_message,
    incident_changes_from_message,
    incident_message,
)
from proctorium_session.domain.incidents import CATEGORIES
from proctorium_session.events.supervision_events import INCIDENT_SEVERITIES
from proctorium_session.operations.incidents import Incidents, NewIncident


class IncidentApi(incidents_pb2_grpc.IncidentServiceServicer):
    """Implementation of IncidentService in `incidents.proto`."""

    def __init__(self, incidents: Incidents) -> None:
        self._incidents = incidents

    async def CreateIncident(
        self, request: pb.CreateIncidentRequest, context: Context
    ) -> pb.CreateIncidentResponse:
        occurred_at = None
        if request.HasField("occurrence_time"):
            occurred_at = time_of(request.occurrence_time, "occurrence_time")
        return await self._incidents.create(
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            NewIncident(
                participant_id=optional_id(request.participant_id, "participant_id"),
                category_id=request.category_id,
                severity=INCIDENT_SEVERITIES.from_proto(request.severity),
                note=request.note,
                occurred_at=occurred_at,
            ),
            Responder(
                request,
                pb.CreateIncidentResponse,
                lambda created: pb.CreateIncidentResponse(incident=incident_message(created)),
            ),
        )

    async def UpdateIncident(
        self, request: pb.UpdateIncidentRequest, context: Context
    ) -> pb.UpdateIncidentResponse:
        message = request.incident
        fields = fields_to_update(message, request.update_mask)
        return await self._incidents.update(
            current_call().caller,
            parse_id(message.incident_id, "incident.incident_id"),
            incident_changes_from_message(message, fields),
            message.etag,
            Responder(
                request,
                pb.UpdateIncidentResponse,
                lambda updated: pb.UpdateIncidentResponse(incident=incident_message(updated)),
            ),
        )

    async def ListIncidents(
        self, request: pb.ListIncidentsRequest, context: Context
    ) -> pb.ListIncidentsResponse:
        found, next_page_token = await self._incidents.list(
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            optional_id(request.participant_id, "participant_id"),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListIncidentsResponse(
            incidents=[incident_message(each) for each in found], next_page_token=next_page_token
        )

    async def ListIncidentRevisions(
        self, request: pb.ListIncidentRevisionsRequest, context: Context
    ) -> pb.ListIncidentRevisionsResponse:
        revisions = await self._incidents.list_revisions(
            current_call().caller, parse_id(request.incident_id, "incident_id")
        )
        return pb.ListIncidentRevisionsResponse(
            revisions=[incident_message(each) for each in revisions]
        )

    async def ListIncidentCategories(
        self, request: pb.ListIncidentCategoriesRequest, context: Context
    ) -> pb.ListIncidentCategoriesResponse:
        return pb.ListIncidentCategoriesResponse(
            categories=[incident_category_message(each) for each in CATEGORIES]
        )
