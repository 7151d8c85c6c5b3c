"""The roles of a process. By default, a process of a service has all roles."""

from __future__ import annotations

from enum import StrEnum


class ProcessRole(StrEnum):
    """A part of a service that can run in separate processes, so that it can be scaled separately."""

    SERVE = "serve"
    """Serve calls, and run the workers that need the memory of the process that serves calls."""
    RELAY = "relay"
    """Publish the events of the outbox."""
    SUBSCRIBE = "subscribe"
    """Handle the events of the consumers."""
    WORK = "work"
    """Run the workers that need only the database."""
