"""Ports: free ones, and whether somebody answers on one."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket

LOOPBACK = "127.0.0.1"
_CANDIDATES = range(15000, 32000)


def free_ports(count: int) -> list[int]:
    """`count` different ports that nobody listens on at this moment.

    Below the range from which the system takes ports for outgoing connections, so that none of those gets in between.
    """
    free: list[int] = []
    for port in random.SystemRandom().sample(_CANDIDATES, len(_CANDIDATES)):
        if len(free) == count:
            break
        if not is_taken(port):
            free.append(port)
    return free


def is_taken(port: int) -> bool:
    """Whether a listener of this machine would be in our way."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


async def answers(port: int) -> bool:
    """Whether something accepts connections on the port."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
