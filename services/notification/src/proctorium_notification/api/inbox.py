"""InboxService over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium.notification.v1 import notifications_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.rpc.caller import calling_person
from proctorium_notification.api.messages import notification_message
from proctorium_notification.operations.inbox import Inbox

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class InboxApi(notifications_pb2_grpc.InboxServiceServicer):
    """The methods of `InboxService` in `notifications.proto`."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Context
    ) -> pb.ListNotificationsResponse:
        page = await self._inbox.list_page(calling_person(), request.page_size, request.page_token)
        return pb.ListNotificationsResponse(
            notifications=[notification_message(each) for each in page.notifications],
            next_page_token=page.next_page_token,
            unread_count=page.unread_count,
        )

    async def MarkNotificationsRead(
        self, request: pb.MarkNotificationsReadRequest, context: Context
    ) -> pb.MarkNotificationsReadResponse:
        ids = [parse_id(text, "notification_ids") for text in request.notification_ids]
        unread = await self._inbox.mark_read(calling_person(), ids)
        return pb.MarkNotificationsReadResponse(unread_count=unread)
