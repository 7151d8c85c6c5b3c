"""Where the stack keeps what it must not forget: everything under one folder, `.devstack` of the project."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[4]


class AlreadyRunningError(Exception):
    """Another supervisor uses this folder."""


@dataclass(frozen=True)
class Folders:
    """The places inside the data folder."""

    root: Path

    @classmethod
    def of_project(cls) -> Folders:
        """`.devstack` in the project, or where PROCTORIUM_DEVSTACK says."""
        return cls(Path(os.environ.get("PROCTORIUM_DEVSTACK") or PROJECT / ".devstack").resolve())

    @classmethod
    def at(cls, folder: Path | None) -> Folders:
        """That folder, or the project's when there is none."""
        return cls(folder.resolve()) if folder else cls.of_project()

    @property
    def run_file(self) -> Path:
        """What runs now: see `run_file`."""
        return self.root / "run.json"

    @property
    def certificates(self) -> Path:
        """The development authority and the identities."""
        return self.root / "certificates"

    def log(self, part: str) -> Path:
        """What a part says."""
        return self.root / "logs" / f"{part}.log"

    def of(self, part: str) -> Path:
        """What a part keeps."""
        return self.root / "parts" / part

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other supervisor away while this one runs; the lock ends with the process, however that ends."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(str(self.root)) from None
            yield

    def require_unused(self) -> None:
        """Raise AlreadyRunningError when a supervisor runs on this folder."""
        if self.is_held():
            raise AlreadyRunningError(str(self.root))

    def is_held(self) -> bool:
        """Whether a supervisor runs on this folder."""
        if not (self.root / "lock").exists():
            return False
        try:
            with self.held():
                return False
        except AlreadyRunningError:
            return True

    def start_logs_afresh(self) -> None:
        """Keep the logs of the run before as `<part>.log.before`."""
        for log in (self.root / "logs").glob("*.log"):
            log.replace(log.with_suffix(".log.before"))
