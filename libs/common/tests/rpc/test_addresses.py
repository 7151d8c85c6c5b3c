"""Test the client address of a call, which is read from the headers of the edge or from the peer."""

from __future__ import annotations

import pytest

from proctorium_common.rpc.addresses import address_of

PEER = "ipv4:127.0.0.1:4711"


def test_forwarded_address_from_the_edge_is_used() -> None:
    metadata = {"x-envoy-external-address": "198.51.100.1", "x-forwarded-for": "192.0.2.7"}
    assert address_of(metadata, PEER, through_edge=True) == "192.0.2.7"


def test_only_the_last_forwarded_address_is_trusted() -> None:
    metadata = {"x-forwarded-for": "203.0.113.99, 192.0.2.7"}
    assert address_of(metadata, PEER, through_edge=True) == "192.0.2.7"


def test_headers_from_other_peers_are_ignored() -> None:
    metadata = {"x-envoy-external-address": "192.0.2.7", "x-forwarded-for": "192.0.2.7"}
    assert address_of(metadata, PEER, through_edge=False) == "127.0.0.1"


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv6:%5B2001:db8::1%5D:4711", "2001:db8::1"),
        ("ipv6:[::1]:80", "::1"),
        ("unix:/run/proctorium.sock", ""),
    ],
    ids=["escaped", "plain", "no network"],
)
def test_peer_addresses_are_parsed(peer: str, address: str) -> None:
    assert address_of({}, peer, through_edge=False) == address


def test_invalid_address_is_ignored() -> None:
    metadata = {"x-forwarded-for": "not an address" * 20}
    assert address_of(metadata, PEER, through_edge=True) == ""
