"""Define the fixtures of the tests of complete services."""

from __future__ import annotations

import pytest

from proctorium_common.topology import Topology, services

from .sample import TOPOLOGY


@pytest.fixture
def broker_topology() -> Topology:
    """The topology of all services and of the sample service."""
    return {**services(), TOPOLOGY.name: TOPOLOGY}
