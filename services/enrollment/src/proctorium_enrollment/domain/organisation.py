"""The settings of the organisation that runs the courses (`P7`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proctorium_common.errors import conflict


@dataclass(frozen=True, slots=True)
class Organisation:
    """The settings of the organisation. Every change increases `version` by one."""

    name: str
    administrator_contact: str
    support_phone: str
    version: int

    @property
    def etag(self) -> str:
        """The etag of this version."""
        return f"v{self.version}"


def changed(current: Organisation, changes: Mapping[str, str], etag: str) -> Organisation:
    """Return the next version of `current`. `changes` contains the new values by the names of their fields.

    Raises STALE_ETAG if `etag` is not empty and differs from the etag of `current`.
    """
    if etag and etag != current.etag:
        raise conflict(
            "STALE_ETAG",
            "Somebody has changed these settings in the meantime. Read them again, then change them.",
        )
    return Organisation(
        changes.get("name", current.name).strip(),
        changes.get("administrator_contact", current.administrator_contact).strip(),
        changes.get("support_phone", current.support_phone).strip(),
        current.version + 1,
    )
