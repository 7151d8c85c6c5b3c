"""VerificationService over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from proctorium.enrollment.v1 import people_pb2_grpc
from proctorium.identity.v1 import verification_pb2 as pb
from proctorium.identity.v1 import verification_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import answered_before
from proctorium_common.storage.listen import Listener
from proctorium_identity.api.messages import DECISIONS, KINDS, access_message, case_message
from proctorium_identity.images.process import ImageReader
from proctorium_identity.operations import accesses, cases, decisions, evidence, looks, queue
from proctorium_identity.storage.encryption import CaseKeys
from proctorium_identity.storage.objects import EvidenceStore

if TYPE_CHECKING:
    from proctorium_common.rpc.served import Context


@dataclass(frozen=True)
class VerificationApi(verification_pb2_grpc.VerificationServiceServicer):
    """What the methods promise stands in the proto."""

    database: Database
    listener: Listener
    case_keys: CaseKeys
    store: EvidenceStore
    reader: ImageReader
    people: people_pb2_grpc.PersonServiceStub
    evidence_readable: timedelta
    watch_heartbeat: timedelta

    async def GetCase(self, request: pb.GetCaseRequest, context: Context) -> pb.GetCaseResponse:
        caller = current_call().caller
        async with self.database.transaction() as tx:
            if request.WhichOneof("by") == "case_id":
                case = await cases.get_case(tx, caller, parse_id(request.case_id, "case_id"))
            else:
                session_id = parse_id(request.learner.session_id, "learner.session_id")
                person_id = optional_id(request.learner.person_id, "learner.person_id")
                case = await cases.get_case_of(tx, caller, session_id, person_id)
        return pb.GetCaseResponse(case=case_message(case))

    async def SubmitEvidence(
        self, request: pb.SubmitEvidenceRequest, context: Context
    ) -> pb.SubmitEvidenceResponse:
        call = current_call()
        case_id, kind = parse_id(request.case_id, "case_id"), KINDS[request.kind]
        async with self.database.transaction() as tx:
            known = await answered_before(tx, request, pb.SubmitEvidenceResponse)
            if known is not None:
                return known
            key = await evidence.key_for_sender(tx, self.case_keys, call.caller, case_id, kind)
        picture = await self.reader.read(request.image, case_id, within=call.remaining())
        async with evidence.put_away(
            self.store, key, case_id=case_id, kind=kind, picture=picture
        ) as put:

            async def run(tx: Transaction) -> pb.SubmitEvidenceResponse:
                case = await evidence.submit(tx, call.caller, put)
                return pb.SubmitEvidenceResponse(case=case_message(case))

            return await self.database.once(request, run, pb.SubmitEvidenceResponse)

    async def WatchQueue(
        self, request: pb.WatchQueueRequest, context: Context
    ) -> AsyncIterator[pb.WatchQueueResponse]:
        session_id = parse_id(request.session_id, "session_id")
        caller = current_call().caller
        views = queue.watch_queue(
            self.database, self.listener, caller, session_id, heartbeat=self.watch_heartbeat
        )
        async for waiting in views:
            yield pb.WatchQueueResponse(cases=[case_message(case) for case in waiting])

    async def GetEvidence(
        self, request: pb.GetEvidenceRequest, context: Context
    ) -> pb.GetEvidenceResponse:
        case_id, kind = parse_id(request.case_id, "case_id"), KINDS[request.kind]
        caller = current_call().caller
        async with self.database.transaction() as tx:
            look = await looks.begin_look(
                tx, self.case_keys, caller, case_id, kind, readable=self.evidence_readable
            )
        image = await looks.show(self.store, look)
        return pb.GetEvidenceResponse(image=image, media_type=look.picture.media_type)

    async def GetRegistration(
        self, request: pb.GetRegistrationRequest, context: Context
    ) -> pb.GetRegistrationResponse:
        case_id = parse_id(request.case_id, "case_id")
        caller = current_call().caller
        async with self.database.transaction() as tx:
            person_id = await looks.begin_registration_look(
                tx, caller, case_id, readable=self.evidence_readable
            )
        known = await looks.ask_registration(self.people, person_id)
        return pb.GetRegistrationResponse(
            legal_name=known.legal_name, date_of_birth=known.date_of_birth
        )

    async def DecideCase(
        self, request: pb.DecideCaseRequest, context: Context
    ) -> pb.DecideCaseResponse:
        caller = current_call().caller
        case_id, decision = parse_id(request.case_id, "case_id"), DECISIONS[request.decision]

        async def run(tx: Transaction) -> pb.DecideCaseResponse:
            case = await decisions.decide(tx, caller, case_id, decision, request.decision_reason)
            return pb.DecideCaseResponse(case=case_message(case))

        return await self.database.once(request, run, pb.DecideCaseResponse)

    async def RequestResubmission(
        self, request: pb.RequestResubmissionRequest, context: Context
    ) -> pb.RequestResubmissionResponse:
        caller = current_call().caller
        case_id = parse_id(request.case_id, "case_id")

        async def run(tx: Transaction) -> pb.RequestResubmissionResponse:
            case = await decisions.ask_again(tx, caller, case_id, request.resubmission_reason)
            return pb.RequestResubmissionResponse(case=case_message(case))

        return await self.database.once(request, run, pb.RequestResubmissionResponse)

    async def ListEvidenceAccesses(
        self, request: pb.ListEvidenceAccessesRequest, context: Context
    ) -> pb.ListEvidenceAccessesResponse:
        session_id = parse_id(request.session_id, "session_id")
        async with self.database.transaction() as tx:
            found, token = await accesses.page(
                tx, session_id, page_size=request.page_size, page_token=request.page_token
            )
        return pb.ListEvidenceAccessesResponse(
            accesses=[access_message(each) for each in found], next_page_token=token
        )
