"""InboxService over gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium.notification.v1 import notifications_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.storage.database import Database
from proctorium_notification.operations.inbox import Inbox, Shown, mark_read
from proctorium_notification.operations.words import TOPICS

if TYPE_CHECKING:
    from proctorium_common.rpc.served import Context


@dataclass(frozen=True)
class InboxApi(notifications_pb2_grpc.InboxServiceServicer):
    """What the methods promise stands in the proto."""

    database: Database
    inbox: Inbox

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Context
    ) -> pb.ListNotificationsResponse:
        page = await self.inbox.page(current_call().caller, request.page_size, request.page_token)
        return pb.ListNotificationsResponse(
            notifications=[_message(shown) for shown in page.shown],
            next_page_token=page.next_page_token,
            unread_count=page.unread_count,
        )

    async def MarkNotificationsRead(
        self, request: pb.MarkNotificationsReadRequest, context: Context
    ) -> pb.MarkNotificationsReadResponse:
        ids = [parse_id(text, "notification_ids") for text in request.notification_ids]
        async with self.database.transaction() as tx:
            unread = await mark_read(tx, current_call().caller, ids)
        return pb.MarkNotificationsReadResponse(unread_count=unread)


def _message(shown: Shown) -> pb.Notification:
    notification = shown.notification
    message = pb.Notification(
        notification_id=str(notification.notification_id),
        topic=TOPICS[notification.topic],
        subject=shown.words.subject,
        body=shown.words.body,
        session_id=str(notification.session_id) if notification.session_id else "",
    )
    message.create_time.FromDatetime(notification.created_at)
    if notification.read_at is not None:
        message.read_time.FromDatetime(notification.read_at)
    return message
