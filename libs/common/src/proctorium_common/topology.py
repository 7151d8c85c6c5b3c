"""The topology: the services, the calls between services, and the events that services publish and consume.

`make topology` generates the data of the topology from the event options in the protos and from the code of the
services. The data is part of the package `proctorium`. The streams, the consumers, the NATS permissions and the
allow-lists for mutual TLS are derived from the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Subscription:
    """A durable consumer of the events of one owner.

    The name of the consumer has the form `<service>--<purpose>`. `events` are the names of the consumed events, in the
    form `<aggregate>.<action>`.
    """

    consumer: str
    owner: str
    events: tuple[str, ...]

    @property
    def stream(self) -> str:
        """The name of the JetStream stream that the consumer reads."""
        return stream_of(self.owner)

    @property
    def filter_subjects(self) -> tuple[str, ...]:
        """The patterns of the subjects that the consumer receives."""
        return tuple(f"evt.{self.owner}.{event}.v1.>" for event in self.events)


@dataclass(frozen=True)
class ServiceTopology:
    """A service with its calls, events and subscriptions.

    `calls` are the names of the services that this service calls. `publishes` are the names of the events that this
    service publishes, in the form `<aggregate>.<action>`.
    """

    name: str
    folder: str = ""
    package: str = ""
    calls: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()

    @property
    def has_events(self) -> bool:
        """Whether the service publishes or consumes events."""
        return bool(self.publishes or self.subscriptions)


Topology = Mapping[str, ServiceTopology]
"""A mapping from the name of each service to the topology of the service."""


def stream_of(owner: str) -> str:
    """Return the name of the stream that holds the events of `owner`."""
    return owner.upper()


@cache
def services() -> Topology:
    """Return the topology of this installation."""
    return parse((files("proctorium") / "topology.json").read_text(encoding="utf-8"))


def parse(text: str) -> Topology:
    """Return the topology from `text`, the content of the JSON file."""
    return {
        name: ServiceTopology(
            name=name,
            folder=service["folder"],
            package=service["package"],
            calls=tuple(service["calls"]),
            publishes=tuple(service["publishes"]),
            subscriptions=tuple(
                Subscription(each["consumer"], each["owner"], tuple(each["events"]))
                for each in service["subscriptions"]
            ),
        )
        for name, service in json.loads(text).items()
    }


def callers_of(name: str) -> frozenset[str]:
    """Return the names of the services that call the service `name`.

    The service `name` accepts the certificates of these services.
    """
    return frozenset(other.name for other in services().values() if name in other.calls)
