"""The data folder of a stack: databases, messages, keys and logs, by default in `.devstack` of the project."""

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
class DataFolder:
    """The paths inside a data folder, and the lock that gives it to one supervisor."""

    root: Path

    @classmethod
    def default(cls) -> DataFolder:
        """Return the folder that PROCTORIUM_DEVSTACK names, or `.devstack` in the project."""
        return cls(Path(os.environ.get("PROCTORIUM_DEVSTACK") or PROJECT / ".devstack").resolve())

    @classmethod
    def at(cls, folder: Path | None) -> DataFolder:
        """Return `folder` as a data folder, or the default one if it is None."""
        return cls(folder.resolve()) if folder else cls.default()

    @property
    def run_file(self) -> Path:
        """The file that describes the running stack: see `run_file`."""
        return self.root / "run.json"

    @property
    def certificates(self) -> Path:
        """The folder of the development certificate authority and of all certificates."""
        return self.root / "certificates"

    def log_file(self, component: str) -> Path:
        """Return the file that a component's output is appended to."""
        return self.root / "logs" / f"{component}.log"

    def component_folder(self, component: str) -> Path:
        """Return the folder of a component's data."""
        return self.root / "components" / component

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder within the block or until the process ends. Raises AlreadyRunningError."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(str(self.root)) from None
            yield

    def require_unlocked(self) -> None:
        """Raise AlreadyRunningError when a supervisor runs on this folder."""
        if self.is_locked():
            raise AlreadyRunningError(str(self.root))

    def is_locked(self) -> bool:
        """Return whether a supervisor runs on this folder."""
        if not (self.root / "lock").exists():
            return False
        try:
            with self.lock():
                return False
        except AlreadyRunningError:
            return True

    def rotate_logs(self) -> None:
        """Rename the logs of the previous run to `<component>.log.before`."""
        for log in (self.root / "logs").glob("*.log"):
            log.replace(log.with_suffix(".log.before"))
