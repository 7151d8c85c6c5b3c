"""Where a caller is, as far as it can be known: attempts at codes and passwords are limited by it (`C4`)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import cast
from urllib.parse import unquote

from proctorium_common.rpc.admission import EDGE
from proctorium_common.rpc.caller import Caller
from proctorium_common.rpc.served import Context

_FORWARDED = "x-forwarded-for"


def client_address(caller: Caller, context: Context) -> str:
    """Return the caller's address: as the edge saw it, or the other end of the connection where no edge is between."""
    metadata = cast("Iterable[tuple[str, str]]", context.invocation_metadata() or ())
    return address_of(dict(metadata), context.peer(), through_edge=caller.service == EDGE)


def address_of(metadata: dict[str, str], peer: str, *, through_edge: bool) -> str:
    """Return the address from the edge's header only for calls of the edge, since anybody can write a header.

    The edge replaces x-forwarded-for by the one address that it trusts (its peer's, or what our proxies before it say).
    Were it to append instead, the last one would be its own word and those before hearsay.
    """
    if through_edge:
        return _address(metadata.get(_FORWARDED, "").rpartition(",")[2])
    return _address(_host_of(unquote(peer)))


def _host_of(peer: str) -> str:
    """Return the host in gRPC's name of a peer: ipv4:192.0.2.1:4711, ipv6:[2001:db8::1]:4711."""
    kind, _, rest = peer.partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in {"ipv4", "ipv6"} else ""


def _address(text: str) -> str:
    """Return the address in its usual form; empty for what is none."""
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return ""
