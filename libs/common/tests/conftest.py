"""Define the fixtures of the integration tests of the library: a migrated database of the sample service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest_asyncio

from proctorium_common.storage.database import Database

Migrated = Callable[[str], str]
"""A function that creates a database, runs the migrations of a package in it, and returns the URL of the database."""

SAMPLE = "libs.common.tests.sample"


@pytest_asyncio.fixture
async def database(migrated_database: Migrated) -> AsyncIterator[Database]:
    """A migrated database of the sample service."""
    opened = Database(migrated_database(SAMPLE))
    yield opened
    await opened.close()
