"""The organisation that runs the courses, and whom to ask for help (`P7`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proctorium_common.errors import conflict


@dataclass(frozen=True)
class Organisation:
    """Its settings; `version` grows by one with every change."""

    name: str
    administrator_contact: str
    support_phone: str
    version: int

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return f"v{self.version}"


def changed(present: Organisation, changes: Mapping[str, str], etag: str) -> Organisation:
    """Return the next version of `present` with new values of the fields in `changes`.

    Raises STALE_ETAG when `etag` is given and not the present one.
    """
    if etag and etag != present.etag:
        raise conflict(
            "STALE_ETAG",
            "Somebody has changed these settings meanwhile. Read them again, then change them.",
        )
    return Organisation(
        changes.get("name", present.name).strip(),
        changes.get("administrator_contact", present.administrator_contact).strip(),
        changes.get("support_phone", present.support_phone).strip(),
        present.version + 1,
    )
