"""The permissions of each NATS user, derived from the topology.

`python -m proctorium_common.events.permissions` prints the permissions as JSON, which a NATS configuration can
`include`. A service may publish its own events. A service may also inspect its own consumers, pull messages from them,
and acknowledge the messages. A service has no access to `$JS.API.STREAM`. No user may publish to the reply subjects of
a client, because only JetStream sends replies.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from proctorium_common.events.identity import inbox_prefix
from proctorium_common.topology import ServiceTopology, Topology, services, stream_of

DECLARER = "streams"
"""The name of the identity that declares streams and consumers at deployment. No service uses this identity."""


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """A NATS user with the subjects to which the user may publish and subscribe.

    If `publish` or `subscribe` is None, every subject is allowed. The name of the user is the name in its certificate.
    """

    name: str
    publish: tuple[str, ...] | None
    subscribe: tuple[str, ...] | None


def users_of(topology: Topology) -> list[BrokerUser]:
    """Return the users of `topology`: every service with events, and the declarer."""
    services = [_service(service) for service in topology.values() if _has_events(service)]
    return [*services, _declarer(topology)]


def authorization(users: Iterable[BrokerUser]) -> Mapping[str, object]:
    """Return the `authorization` block of a NATS configuration."""
    return {"users": [{"user": user.name, **_permissions(user)} for user in users]}


def configuration(users: Iterable[BrokerUser]) -> str:
    """Return the text of a file that a NATS configuration can include."""
    return json.dumps({"authorization": authorization(users)}, indent=2) + "\n"


def _has_events(service: ServiceTopology) -> bool:
    return bool(service.publishes or service.subscriptions)


def _service(service: ServiceTopology) -> BrokerUser:
    publish = [f"evt.{service.name}.>"] if service.publishes else []
    for subscription in service.subscriptions:
        consumer = f"{subscription.stream}.{subscription.consumer}"
        publish += [
            f"$JS.API.CONSUMER.INFO.{consumer}",
            f"$JS.API.CONSUMER.MSG.NEXT.{consumer}",
            f"$JS.ACK.{consumer}.>",
        ]
    return BrokerUser(service.name, tuple(publish), _own_inboxes(service.name))


def _declarer(topology: Topology) -> BrokerUser:
    """Return the user that may create and update streams and create consumers.

    This user may not delete or purge streams, and may not read messages. It may not delete consumers either, because
    only operators delete consumers.
    """
    publish = ["$JS.API.INFO"]
    for service in topology.values():
        if service.publishes:
            stream = stream_of(service.name)
            publish += [f"$JS.API.STREAM.{verb}.{stream}" for verb in ("INFO", "CREATE", "UPDATE")]
            publish.append(f"$JS.API.CONSUMER.LIST.{stream}")
        for subscription in service.subscriptions:
            consumer = f"{subscription.stream}.{subscription.consumer}"
            publish.append(f"$JS.API.CONSUMER.DURABLE.CREATE.{consumer}")
    return BrokerUser(DECLARER, tuple(publish), _own_inboxes(DECLARER))


def _own_inboxes(name: str) -> tuple[str, ...]:
    return (f"{inbox_prefix(name)}.>",)


def _permissions(user: BrokerUser) -> Mapping[str, object]:
    given = {"publish": user.publish, "subscribe": user.subscribe}
    allowed = {
        verb: {"allow": list(subjects)} for verb, subjects in given.items() if subjects is not None
    }
    return {"permissions": allowed} if allowed else {}


if __name__ == "__main__":
    sys.stdout.write(configuration(users_of(services())))
