"""The gRPC connection to the edge."""

from __future__ import annotations

import ipaddress

import grpc


def open_channel(
    address: str, *, plaintext: bool = False, root_certificates: bytes | None = None
) -> grpc.aio.Channel:
    """Return a channel to `address` (`host:port`).

    Raises ValueError if `plaintext` is true and `address` is not on this machine, because tokens would be readable.
    """
    options = [
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Reconnect within two seconds after an outage; gRPC's default is up to two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
    ]
    if not plaintext:
        credentials = grpc.ssl_channel_credentials(root_certificates)
        return grpc.aio.secure_channel(address, credentials, options)
    if not is_loopback(address):
        raise ValueError(f"{address} is not on this machine, so the connection must use TLS.")
    return grpc.aio.insecure_channel(address, options)


def is_loopback(address: str) -> bool:
    """Return whether `address` (`host:port`) is an address of this machine."""
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
