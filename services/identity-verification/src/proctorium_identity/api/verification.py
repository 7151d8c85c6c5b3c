"""The gRPC implementation of VerificationService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

from proctorium.identity.v1 import verification_pb2 as pb
from proctorium.identity.v1 import verification_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder
from proctorium_common.storage.listen import Listener
from proctorium_identity.api.messages import (
    DECISIONS,
    EVIDENCE_KINDS,
    access_message,
    case_message,
)
from proctorium_identity.operations import cases, decisions, evidence_access, queue
from proctorium_identity.operations.evidence import EvidenceSubmission
from proctorium_identity.operations.evidence_access import EvidenceViewing

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class VerificationApi(verification_pb2_grpc.VerificationServiceServicer):
    """Implements the RPCs of `VerificationService`. The file `verification.proto` describes each RPC."""

    def __init__(
        self,
        database: Database,
        listener: Listener,
        submission: EvidenceSubmission,
        viewing: EvidenceViewing,
        *,
        watch_heartbeat: timedelta,
    ) -> None:
        self._database = database
        self._listener = listener
        self._submission = submission
        self._viewing = viewing
        self._watch_heartbeat = watch_heartbeat

    async def GetCase(self, request: pb.GetCaseRequest, context: Context) -> pb.GetCaseResponse:
        caller = current_call().caller
        if request.WhichOneof("by") == "case_id":
            case = await cases.get_case(
                self._database, caller, parse_id(request.case_id, "case_id")
            )
        else:
            case = await cases.get_case_of_learner(
                self._database,
                caller,
                parse_id(request.learner.session_id, "learner.session_id"),
                optional_id(request.learner.person_id, "learner.person_id"),
            )
        return pb.GetCaseResponse(case=case_message(case))

    async def SubmitEvidence(
        self, request: pb.SubmitEvidenceRequest, context: Context
    ) -> pb.SubmitEvidenceResponse:
        call = current_call()
        return await self._submission.submit(
            call.caller,
            parse_id(request.case_id, "case_id"),
            EVIDENCE_KINDS.from_proto(request.kind),
            request.image,
            Responder(
                request,
                pb.SubmitEvidenceResponse,
                lambda case: pb.SubmitEvidenceResponse(case=case_message(case)),
            ),
            within=call.remaining(),
        )

    async def WatchQueue(
        self, request: pb.WatchQueueRequest, context: Context
    ) -> AsyncIterator[pb.WatchQueueResponse]:
        queues = queue.watch_queue(
            self._database,
            self._listener,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            heartbeat=self._watch_heartbeat,
        )
        async for waiting in queues:
            yield pb.WatchQueueResponse(cases=[case_message(case) for case in waiting])

    async def GetEvidence(
        self, request: pb.GetEvidenceRequest, context: Context
    ) -> pb.GetEvidenceResponse:
        image = await self._viewing.view_image(
            current_call().caller,
            parse_id(request.case_id, "case_id"),
            EVIDENCE_KINDS.from_proto(request.kind),
        )
        return pb.GetEvidenceResponse(image=image.content, media_type=image.media_type)

    async def GetRegistration(
        self, request: pb.GetRegistrationRequest, context: Context
    ) -> pb.GetRegistrationResponse:
        registration = await self._viewing.view_registration(
            current_call().caller, parse_id(request.case_id, "case_id")
        )
        return pb.GetRegistrationResponse(
            legal_name=registration.legal_name, date_of_birth=registration.date_of_birth
        )

    async def DecideCase(
        self, request: pb.DecideCaseRequest, context: Context
    ) -> pb.DecideCaseResponse:
        return await decisions.decide(
            self._database,
            current_call().caller,
            parse_id(request.case_id, "case_id"),
            DECISIONS.from_proto(request.decision),
            request.decision_reason,
            Responder(
                request,
                pb.DecideCaseResponse,
                lambda case: pb.DecideCaseResponse(case=case_message(case)),
            ),
        )

    async def RequestResubmission(
        self, request: pb.RequestResubmissionRequest, context: Context
    ) -> pb.RequestResubmissionResponse:
        return await decisions.request_resubmission(
            self._database,
            current_call().caller,
            parse_id(request.case_id, "case_id"),
            request.resubmission_reason,
            Responder(
                request,
                pb.RequestResubmissionResponse,
                lambda case: pb.RequestResubmissionResponse(case=case_message(case)),
            ),
        )

    async def ListEvidenceAccesses(
        self, request: pb.ListEvidenceAccessesRequest, context: Context
    ) -> pb.ListEvidenceAccessesResponse:
        accesses, next_page_token = await evidence_access.list_accesses(
            self._database,
            parse_id(request.session_id, "session_id"),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListEvidenceAccessesResponse(
            accesses=[access_message(access) for access in accesses],
            next_page_token=next_page_token,
        )
