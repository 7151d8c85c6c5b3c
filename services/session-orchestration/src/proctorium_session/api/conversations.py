"""The gRPC API of MessageService."""

from __future__ import annotations

from proctorium.session.v1 import messages_pb2 as pb
from proctorium.session.v1 import messages_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.calls import Context
from proctorium_common.storage.idempotency import Responder
from proctorium_session.api.messages import conversation_message, message_message
from proctorium_session.operations.conversations import Conversations


class MessageApi(messages_pb2_grpc.MessageServiceServicer):
    """Implementation of MessageService in `messages.proto`."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    async def SendMessage(
        self, request: pb.SendMessageRequest, context: Context
    ) -> pb.SendMessageResponse:
        return await self._conversations.send(
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            parse_id(request.participant_id, "participant_id"),
            request.text,
            Responder(
                request,
                pb.SendMessageResponse,
                lambda sent: pb.SendMessageResponse(message=message_message(sent)),
            ),
        )

    async def Announce(self, request: pb.AnnounceRequest, context: Context) -> pb.AnnounceResponse:
        return await self._conversations.announce(
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            request.text,
            Responder(
                request,
                pb.AnnounceResponse,
                lambda sent: pb.AnnounceResponse(announcement=message_message(sent)),
            ),
        )

    async def ListMessages(
        self, request: pb.ListMessagesRequest, context: Context
    ) -> pb.ListMessagesResponse:
        found, next_page_token = await self._conversations.list(
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            optional_id(request.participant_id, "participant_id"),
            after=request.after_sequence,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListMessagesResponse(
            messages=[message_message(each) for each in found], next_page_token=next_page_token
        )

    async def MarkMessagesRead(
        self, request: pb.MarkMessagesReadRequest, context: Context
    ) -> pb.MarkMessagesReadResponse:
        return await self._conversations.mark_read(
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            optional_id(request.participant_id, "participant_id"),
            request.sequence,
            Responder(
                request,
                pb.MarkMessagesReadResponse,
                lambda marked: pb.MarkMessagesReadResponse(
                    conversation=conversation_message(marked)
                ),
            ),
        )
