"""The gRPC API of HandService."""

from __future__ import annotations

from proctorium.session.v1 import hands_pb2 as pb
from proctorium.session.v1 import hands_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.calls import Context
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder
from proctorium_session.api.messages import hand_message
from proctorium_session.domain.hands import HandAction
from proctorium_session.events.supervision_events import HAND_KINDS
from proctorium_session.operations import hands


class HandApi(hands_pb2_grpc.HandServiceServicer):
    """Implementation of HandService in `hands.proto`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def RaiseHand(
        self, request: pb.RaiseHandRequest, context: Context
    ) -> pb.RaiseHandResponse:
        return await hands.raise_hand(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            HAND_KINDS.from_proto(request.kind),
            Responder(
                request,
                pb.RaiseHandResponse,
                lambda hand: pb.RaiseHandResponse(hand=hand_message(hand)),
            ),
        )

    async def LowerHand(
        self, request: pb.LowerHandRequest, context: Context
    ) -> pb.LowerHandResponse:
        return await hands.close_hand(
            self._database,
            current_call().caller,
            parse_id(request.hand_id, "hand_id"),
            HandAction.LOWER,
            Responder(
                request,
                pb.LowerHandResponse,
                lambda hand: pb.LowerHandResponse(hand=hand_message(hand)),
            ),
        )

    async def AnswerHand(
        self, request: pb.AnswerHandRequest, context: Context
    ) -> pb.AnswerHandResponse:
        return await hands.close_hand(
            self._database,
            current_call().caller,
            parse_id(request.hand_id, "hand_id"),
            HandAction.ANSWER,
            Responder(
                request,
                pb.AnswerHandResponse,
                lambda hand: pb.AnswerHandResponse(hand=hand_message(hand)),
            ),
        )

    async def ListHands(
        self, request: pb.ListHandsRequest, context: Context
    ) -> pb.ListHandsResponse:
        found, next_page_token = await hands.list_hands(
            self._database,
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListHandsResponse(
            hands=[hand_message(each) for each in found], next_page_token=next_page_token
        )
