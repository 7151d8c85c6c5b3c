"""DeliveryService over gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium.notification.v1 import notifications_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.storage.database import Database, Transaction
from proctorium_notification.domain.deliveries import Delivery, DeliveryState
from proctorium_notification.operations import deliveries
from proctorium_notification.operations.words import CHANNELS, TOPICS

if TYPE_CHECKING:
    from proctorium_common.rpc.served import Context

_STATES: Mapping[DeliveryState, pb.DeliveryState.ValueType] = {
    state: pb.DeliveryState.Value(f"DELIVERY_STATE_{state.name}") for state in DeliveryState
}
_ASKED = {value: state for state, value in _STATES.items()}


@dataclass(frozen=True)
class DeliveryApi(notifications_pb2_grpc.DeliveryServiceServicer):
    """What the methods promise stands in the proto."""

    database: Database

    async def ListDeliveries(
        self, request: pb.ListDeliveriesRequest, context: Context
    ) -> pb.ListDeliveriesResponse:
        person_id = optional_id(request.person_id, "person_id")
        async with self.database.transaction() as tx:
            found, token = await deliveries.page(
                tx,
                state=_ASKED.get(request.state),
                person_id=person_id,
                page_size=request.page_size,
                page_token=request.page_token,
            )
        return pb.ListDeliveriesResponse(
            deliveries=[_message(delivery) for delivery in found], next_page_token=token
        )

    async def ResendDelivery(
        self, request: pb.ResendDeliveryRequest, context: Context
    ) -> pb.ResendDeliveryResponse:
        delivery_id = parse_id(request.delivery_id, "delivery_id")

        async def run(tx: Transaction) -> pb.ResendDeliveryResponse:
            return pb.ResendDeliveryResponse(
                delivery=_message(await deliveries.resend(tx, delivery_id))
            )

        return await self.database.once(request, run, pb.ResendDeliveryResponse)


def _message(delivery: Delivery) -> pb.Delivery:
    message = pb.Delivery(
        delivery_id=str(delivery.delivery_id),
        person_id=str(delivery.person_id),
        event_id=str(delivery.event_id),
        topic=TOPICS[delivery.topic],
        channel=CHANNELS[delivery.channel],
        state=_STATES[delivery.state],
        attempt_count=delivery.attempt_count,
        last_error=delivery.last_error,
    )
    message.create_time.FromDatetime(delivery.created_at)
    if delivery.sent_at is not None:
        message.send_time.FromDatetime(delivery.sent_at)
    return message
