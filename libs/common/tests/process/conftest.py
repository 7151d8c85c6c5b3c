"""Fixtures of the tests of whole services."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from proctorium_common.topology import SERVICES, ServiceTopology

from .sample import PLACE


@pytest.fixture
def broker_topology() -> Mapping[str, ServiceTopology]:
    """All services, with the sample service of these tests."""
    return {**SERVICES, PLACE.name: PLACE}
