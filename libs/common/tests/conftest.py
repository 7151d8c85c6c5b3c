"""Fixtures of the library's integration tests: a migrated database of the sample service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest_asyncio

from proctorium_common.storage.database import Database

Migrated = Callable[[str], str]
"""Creates a database with the migrations of a package and returns its URL."""

SAMPLE = "libs.common.tests.sample"


@pytest_asyncio.fixture
async def database(migrated_database: Migrated) -> AsyncIterator[Database]:
    """A database of the sample service."""
    opened = Database(migrated_database(SAMPLE))
    yield opened
    await opened.close()
