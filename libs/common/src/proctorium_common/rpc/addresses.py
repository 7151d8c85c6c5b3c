"""The IP address of a caller, which is used to throttle failed sign-ins and failed code entries (`C4`)."""

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
    """Return the IP address of the client of the current call.

    For a call through the edge, returns the address that the edge reports. For another call, returns the address of the
    other end of the connection. Returns an empty string if the address is unknown.
    """
    metadata = cast("Iterable[tuple[str, str]]", context.invocation_metadata() or ())
    return address_of(dict(metadata), context.peer(), through_edge=caller.service == EDGE)


def address_of(metadata: dict[str, str], peer: str, *, through_edge: bool) -> str:
    """Return the client's address from the header x-forwarded-for, or from `peer` if the call bypassed the edge.

    The header is trusted only if the call came through the edge. The edge sets the header to the address of its client,
    or to the address that trusted proxies in front of the edge report. If the header has several addresses, only the
    last address is used, because the edge adds its entry at the end.
    """
    if through_edge:
        return _address(metadata.get(_FORWARDED, "").rpartition(",")[2])
    return _address(_host_of(unquote(peer)))


def _host_of(peer: str) -> str:
    """Return the host of a gRPC peer, such as ipv4:192.0.2.1:4711 or ipv6:[2001:db8::1]:4711."""
    kind, _, rest = peer.partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in {"ipv4", "ipv6"} else ""


def _address(text: str) -> str:
    """Return the IP address in `text` in canonical form, or an empty string if `text` is not an IP address."""
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return ""
