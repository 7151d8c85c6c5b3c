"""Restore the log configuration after each test, because these tests configure logs as a process does."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def own_log_configuration() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers, root.level, structlog.get_config()
    yield
    root.handlers, root.level = before[0], before[1]
    logging.getLogger("opentelemetry").setLevel(logging.NOTSET)
    structlog.configure(**before[2])
