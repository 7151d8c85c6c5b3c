"""The README's picture of the services, drawn from `proctorium_common.topology`, so that it cannot tell another story."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from proctorium_common.topology import ServiceTopology

README = Path("README.md")
_FENCE = "```"


def picture_of(services: Mapping[str, ServiceTopology]) -> str:
    """The picture as a Mermaid flowchart: who asks whom (solid), whose events go where (dotted)."""
    return "\n".join([f"{_FENCE}mermaid", "flowchart LR", *_lines(services), _FENCE])


def _lines(services: Mapping[str, ServiceTopology]) -> Iterator[str]:
    yield "  browser([browsers]) -- gRPC-Web --> edge{{edge: Envoy}}"
    yield "  client([clients]) -- gRPC, JSON --> edge"
    with_database = [service for service in services.values() if service.publishes]
    for service in services.values():
        store = "<br/>own PostgreSQL" if service.publishes else ""
        yield f'  {service.name}["<b>{service.folder}</b>{store}"]'
        yield f"  edge --> {service.name}"
    for service in with_database:
        for asked in service.asks:
            yield f"  {service.name} -- asks --> {asked}"
        told: dict[str, set[str]] = {}
        for subscription in service.subscriptions:
            aggregates = {event.partition(".")[0] for event in subscription.events}
            told.setdefault(subscription.owner, set()).update(aggregates)
        for owner, aggregates in told.items():
            yield f"  {owner} -. {', '.join(sorted(aggregates))} .-> {service.name}"


def check_picture(readme: str, services: Mapping[str, ServiceTopology]) -> Iterator[str]:
    """A sentence where the README shows another picture."""
    if picture_of(services) not in readme:
        yield f"{README}: its picture is not that of the topology. Put in what `python -m tools.checks.picture` prints."


if __name__ == "__main__":
    from proctorium_common.topology import SERVICES

    print(picture_of(SERVICES))
