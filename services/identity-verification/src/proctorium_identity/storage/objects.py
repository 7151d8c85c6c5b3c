"""Where ciphertexts lie: a local folder, or a bucket that speaks S3."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from proctorium_common.errors import ServiceError, unavailable
from proctorium_common.telemetry.traces import span


class ObjectGone(Exception):
    """There is no object of this name (any more)."""


class EvidenceStore:
    """Objects by name, written once and never changed; what no case took is deleted."""

    def __init__(self, url: str) -> None:
        """`url` is `file:///folder`, made when it is missing, or `s3://bucket/prefix`; S3's settings come from AWS_… variables."""
        self._store = _store_at(url)

    async def put(self, key: str, content: bytes) -> None:
        """Writes a new object. Raises DEPENDENCY_UNAVAILABLE when the store does not take it."""
        with span("put_evidence"):
            try:
                await self._store.put_async(key, content, mode="create")
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
        """The object. Raises ObjectGone when there is none, DEPENDENCY_UNAVAILABLE when the store does not answer."""
        with span("get_evidence"):
            try:
                found = await self._store.get_async(key)
                return bytes(await found.bytes_async())
            except (NotFoundError, FileNotFoundError) as missing:
                raise ObjectGone(key) from missing
            except (BaseError, OSError) as failure:
                raise _unavailable() from failure


def _store_at(url: str) -> ObjectStore:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(unquote(parts.path), mkdir=True)
    return from_url(url)


def _unavailable() -> ServiceError:
    return unavailable(
        "DEPENDENCY_UNAVAILABLE",
        "The place where pictures are kept does not answer now. Nothing was changed; please try again in a moment.",
    )
