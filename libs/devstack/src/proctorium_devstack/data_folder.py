"""The data folder of a stack, with databases, messages, keys and logs. The default is `.devstack` in the project."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[4]


class AlreadyRunningError(Exception):
    """Another supervisor uses the data folder."""


@dataclass(frozen=True)
class DataFolder:
    """The paths in a data folder. A lock ensures that only one supervisor at a time uses the folder."""

    root: Path

    @classmethod
    def default(cls) -> DataFolder:
        """Return the folder in the variable PROCTORIUM_DEVSTACK, or `.devstack` in the project."""
        return cls(Path(os.environ.get("PROCTORIUM_DEVSTACK") or PROJECT / ".devstack").resolve())

    @classmethod
    def at(cls, folder: Path | None) -> DataFolder:
        """Return the data folder at `folder`, or the default data folder if `folder` is None."""
        return cls(folder.resolve()) if folder else cls.default()

    @property
    def run_file(self) -> Path:
        """The file that describes the running stack. The module `run_file` documents the contents of the file."""
        return self.root / "run.json"

    @property
    def certificates(self) -> Path:
        """The folder of the development certificate authority and of all certificates."""
        return self.root / "certificates"

    def log_file(self, component: str) -> Path:
        """Return the file to which a component's output is appended."""
        return self.root / "logs" / f"{component}.log"

    def component_folder(self, component: str) -> Path:
        """Return the folder of a component's data."""
        return self.root / "components" / component

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder within the block. The lock is released when the block or the process ends.

        Raises AlreadyRunningError if a supervisor already uses the folder.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(str(self.root)) from None
            yield

    def require_unlocked(self) -> None:
        """Raise AlreadyRunningError if a supervisor uses this folder."""
        if self.is_locked():
            raise AlreadyRunningError(str(self.root))

    def is_locked(self) -> bool:
        """Return whether a supervisor uses this folder."""
        if not (self.root / "lock").exists():
            return False
        try:
            with self.lock():
                return False
        except AlreadyRunningError:
            return True

    def rotate_logs(self) -> None:
        """Rename each log file of the previous run to `<component>.log.before`."""
        for log in (self.root / "logs").glob("*.log"):
            log.replace(log.with_suffix(".log.before"))
