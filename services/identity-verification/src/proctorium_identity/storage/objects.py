"""The object storage of the encrypted images, in a local folder or an S3 bucket."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from proctorium_common.errors import ServiceError, unavailable
from proctorium_common.telemetry.traces import span


class ObjectMissingError(Exception):
    """The storage has no object with the given key."""


class EvidenceStore:
    """Stores objects by key. An object is written once and never changed."""

    def __init__(self, url: str) -> None:
        """Open the storage at `url`: `file:///folder` (created if missing) or `s3://bucket/prefix`.

        The settings of S3 are read from the `AWS_…` variables.
        """
        parts = urlsplit(url)
        self._folder = Path(unquote(parts.path)) if parts.scheme == "file" else None
        self._store: ObjectStore = (
            LocalStore(self._folder, mkdir=True) if self._folder else from_url(url)
        )

    async def put(self, key: str, content: bytes) -> None:
        """Write a new object so that it survives a power loss. Raises DEPENDENCY_UNAVAILABLE if the storage fails."""
        with span("put_evidence"):
            try:
                await self._store.put_async(key, content, mode="create")
                if self._folder is not None:
                    await asyncio.to_thread(_make_durable, self._folder, self._folder / key)
            except (BaseError, OSError) as failure:
                raise _unavailable() from failure

    async def delete(self, key: str) -> None:
        """Delete an object if it exists. Raises DEPENDENCY_UNAVAILABLE if the storage fails."""
        with span("delete_evidence"):
            try:
                await self._store.delete_async(key)
            except (NotFoundError, FileNotFoundError):
                return
            except (BaseError, OSError) as failure:
                raise _unavailable() from failure

    async def get(self, key: str) -> bytes:
        """Return the content of an object.

        Raises ObjectMissingError if the object does not exist, and DEPENDENCY_UNAVAILABLE if the storage fails.
        """
        with span("get_evidence"):
            try:
                result = await self._store.get_async(key)
                return bytes(await result.bytes_async())
            except (NotFoundError, FileNotFoundError) as missing:
                raise ObjectMissingError(key) from missing
            except (BaseError, OSError) as failure:
                raise _unavailable() from failure


def _make_durable(folder: Path, file: Path) -> None:
    """Sync the file, and all folders from its parent up to `folder`, to the disk."""
    for path in (file, *file.parents):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if path == folder:
            return


def _unavailable() -> ServiceError:
    return unavailable(
        "DEPENDENCY_UNAVAILABLE",
        "The storage of photos does not respond now. Nothing was changed; please try again in a moment.",
    )
