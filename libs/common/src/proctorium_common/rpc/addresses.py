"""The IP address of a caller, by which failed sign-ins and code entries are throttled (`C4`)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import cast
from urllib.parse import unquote

from proctorium_common.rpc.admission import EDGE
from proctorium_common.rpc.caller import Caller
from proctorium_common.rpc.calls import Context

_FORWARDED = "x-forwarded-for"


def client_address(caller: Caller, context: Context) -> str:
    """Return the address that the edge reports, or that of the connection if the call did not come through the edge."""
    metadata = cast("Iterable[tuple[str, str]]", context.invocation_metadata() or ())
    return address_of(dict(metadata), context.peer(), through_edge=caller.service == EDGE)


def address_of(metadata: dict[str, str], peer: str, *, through_edge: bool) -> str:
    """Return the address in x-forwarded-for for calls through the edge, or else that of `peer`.

    The header of other callers is not trusted. The edge replaces the header with one address: its peer's, or the one
    that our proxies in front of it report. If the edge appended it instead, the last address would be the edge's.
    """
    if through_edge:
        return _address(metadata.get(_FORWARDED, "").rpartition(",")[2])
    return _address(_host_of(unquote(peer)))


def _host_of(peer: str) -> str:
    """Return the host of a gRPC peer, such as ipv4:192.0.2.1:4711 or ipv6:[2001:db8::1]:4711."""
    kind, _, rest = peer.partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in {"ipv4", "ipv6"} else ""


def _address(text: str) -> str:
    """Return the address in canonical form, or an empty string if `text` is not an address."""
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return ""
