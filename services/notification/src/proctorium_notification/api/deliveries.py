"""DeliveryService over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium.notification.v1 import notifications_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder
from proctorium_notification.api.messages import DELIVERY_STATES, delivery_message
from proctorium_notification.domain.deliveries import Delivery
from proctorium_notification.operations import deliveries

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class DeliveryApi(notifications_pb2_grpc.DeliveryServiceServicer):
    """The methods of `DeliveryService` in `notifications.proto`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ListDeliveries(
        self, request: pb.ListDeliveriesRequest, context: Context
    ) -> pb.ListDeliveriesResponse:
        found, token = await deliveries.list_page(
            self._database,
            state=DELIVERY_STATES.from_proto(request.state) if request.state else None,
            person_id=optional_id(request.person_id, "person_id"),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListDeliveriesResponse(
            deliveries=[delivery_message(each) for each in found], next_page_token=token
        )

    async def ResendDelivery(
        self, request: pb.ResendDeliveryRequest, context: Context
    ) -> pb.ResendDeliveryResponse:
        responder: Responder[Delivery, pb.ResendDeliveryResponse] = Responder(
            request,
            pb.ResendDeliveryResponse,
            lambda delivery: pb.ResendDeliveryResponse(delivery=delivery_message(delivery)),
        )
        delivery_id = parse_id(request.delivery_id, "delivery_id")
        return await deliveries.resend(self._database, delivery_id, responder)
