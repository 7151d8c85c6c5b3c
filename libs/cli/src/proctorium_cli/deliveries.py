"""The commands `deliveries list` and `deliveries resend`."""

from __future__ import annotations

import asyncio

import click

from proctorium.client import Client, pages
from proctorium.notification.v1.notifications_pb2 import (
    DELIVERY_STATE_UNSPECIFIED,
    Channel,
    Delivery,
    DeliveryState,
    ListDeliveriesRequest,
    ResendDeliveryRequest,
    Topic,
)
from proctorium_cli.output import (
    Columns,
    first,
    limit_option,
    output_option,
    print_list,
    print_one,
    time,
    value,
)
from proctorium_cli.sign_in_file import signed_in

_STATES = {
    value(name, "DELIVERY_STATE_"): state
    for name, state in DeliveryState.items()
    if state != DELIVERY_STATE_UNSPECIFIED
}
_COLUMNS: Columns[Delivery] = {
    "id": lambda delivery: delivery.delivery_id,
    "state": lambda delivery: value(DeliveryState.Name(delivery.state), "DELIVERY_STATE_"),
    "channel": lambda delivery: value(Channel.Name(delivery.channel), "CHANNEL_"),
    "topic": lambda delivery: value(Topic.Name(delivery.topic), "TOPIC_"),
    "person": lambda delivery: delivery.person_id,
    "created": lambda delivery: time(delivery.create_time),
    "tries": lambda delivery: str(delivery.try_count),
    "last error": lambda delivery: delivery.last_error,
}


@click.group()
def deliveries() -> None:
    """List mails and notifications in the application, and send a failed mail again."""


@deliveries.command("list")
@click.option("--state", type=click.Choice(list(_STATES)), help="Only deliveries in this state.")
@click.option("--person", default="", metavar="ID", help="Only deliveries to this person.")
@limit_option
@output_option
def list_deliveries(state: str | None, person: str, limit: int, output: str) -> None:
    """List deliveries, newest first. For administrators."""

    async def run(client: Client) -> list[Delivery]:
        wanted = _STATES[state] if state is not None else DELIVERY_STATE_UNSPECIFIED
        request = ListDeliveriesRequest(state=wanted, person_id=person)
        listed = pages(client.deliveries.ListDeliveries, request)
        return await first(listed, lambda page: page.deliveries, limit)

    print_list(asyncio.run(signed_in(run)), _COLUMNS, output)


@deliveries.command("resend")
@click.argument("delivery_id")
@output_option
def resend(delivery_id: str, output: str) -> None:
    """Send a delivery that failed or is in doubt again. For administrators."""

    async def run(client: Client) -> Delivery:
        request = ResendDeliveryRequest(delivery_id=delivery_id)
        return (await client.deliveries.ResendDelivery(request)).delivery

    print_one(asyncio.run(signed_in(run)), _COLUMNS, output)
