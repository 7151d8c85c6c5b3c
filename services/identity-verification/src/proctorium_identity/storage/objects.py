"""Where ciphertexts lie: a local folder, or a bucket that speaks S3."""

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
    """There is no object of this name (any more)."""


class EvidenceStore:
    """Objects by name, written once and never changed; what no case took is deleted."""

    def __init__(self, url: str) -> None:
        """`url` is `file:///folder`, made when it is missing, or `s3://bucket/prefix`; S3's settings come from AWS_… variables."""
        parts = urlsplit(url)
        self._folder = Path(unquote(parts.path)) if parts.scheme == "file" else None
        self._store: ObjectStore = (
            LocalStore(self._folder, mkdir=True) if self._folder else from_url(url)
        )

    async def put(self, key: str, content: bytes) -> None:
        """Writes a new object, so that it is there after a power loss too. Raises DEPENDENCY_UNAVAILABLE when the store does not take it."""
        with span("put_evidence"):
            try:
                await self._store.put_async(key, content, mode="create")
                if self._folder is not None:
                    await asyncio.to_thread(_make_durable, self._folder, self._folder / key)
            except (BaseError, OSError) as failure:
                raise _unavailable() from failure

    async def delete(self, key: str) -> None:
        """Takes an object away, if there is one. Raises DEPENDENCY_UNAVAILABLE when the store does not answer."""
        with span("delete_evidence"):
            try:
                await self._store.delete_async(key)
            except (NotFoundError, FileNotFoundError):
                return
            except (BaseError, OSError) as failure:
                raise _unavailable() from failure

    async def get(self, key: str) -> bytes:
        """The object. Raises ObjectMissingError when there is none, DEPENDENCY_UNAVAILABLE when the store does not answer."""
        with span("get_evidence"):
            try:
                found = await self._store.get_async(key)
                return bytes(await found.bytes_async())
            except (NotFoundError, FileNotFoundError) as missing:
                raise ObjectMissingError(key) from missing
            except (BaseError, OSError) as failure:
                raise _unavailable() from failure


def _make_durable(folder: Path, file: Path) -> None:
    """A bucket keeps what it has taken; a file system is asked to, for the file and for its name in each folder down from `folder`."""
    for each in (file, *file.parents):
        opened = os.open(each, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
        if each == folder:
            return


def _unavailable() -> ServiceError:
    return unavailable(
        "DEPENDENCY_UNAVAILABLE",
        "The place where pictures are kept does not answer now. Nothing was changed; please try again in a moment.",
    )
