"""Has pictures read by processes of their own (`reader.py`): a few at a time, each ended when it takes too long."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import PIL
import structlog
from structlog.typing import FilteringBoundLogger

import proctorium_common
import proctorium_identity
from proctorium_common.fair_limiter import KeyFullError, LimitedThreads, LimiterFullError
from proctorium_common.telemetry.traces import span
from proctorium_identity.domain.images import (
    Flaw,
    ImageLimits,
    image_uploads_in_progress,
    readers_busy,
    refusal,
)
from proctorium_identity.images.reader import Allowance

_log: FilteringBoundLogger = structlog.get_logger()

_KILLED_BY_CPU_LIMIT = (-24, -9)  # SIGXCPU, and SIGKILL where the hard limit comes first
_CAPACITY_OF_A_CASE = 4
"""The one that is read and those that wait behind it; a page sends two at most."""
_CAPACITY = 64
"""Pictures that are read or wait, each of them in memory: more than two processors read before the first call's deadline."""
_READING = 2.0
"""Seconds left of a call when it stops waiting for a permit: enough to read and store a photo on a busy machine."""
_FOLDERS = [
    str(Path(package.__path__[0]).parent)
    for package in (proctorium_identity, proctorium_common, PIL)
]
# -S and its own path: the interpreter starts in half the time.
_PROGRAM = f"import sys; sys.path[:0] = {_FOLDERS!r}; from proctorium_identity.images.reader import main; main()"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept: `width` and `height` in pixels."""

    jpeg: bytes
    media_type: str
    width: int
    height: int


class ImageReader:
    """Reads pictures, `at_once` at a time and one of a case. Nothing of one picture is left when the next is read."""

    def __init__(
        self,
        *,
        limits: ImageLimits | None = None,
        allowance: Allowance | None = None,
        wall_time: timedelta = timedelta(seconds=15),
        at_once: int = 2,
        capacity: int = _CAPACITY,
    ) -> None:
        self.limits = limits or ImageLimits()
        self._allowance = allowance or Allowance()
        self._wall_time = wall_time
        self._readers: LimitedThreads[UUID] = LimitedThreads(
            "picture",
            at_once,
            permits_per_key=1,
            capacity=capacity,
            capacity_per_key=_CAPACITY_OF_A_CASE,
        )

    async def read(self, file: bytes, case_id: UUID, *, within: float | None = None) -> Picture:
        """Return the picture in `file`, re-encoded without metadata; `within` is the time that the call has left, in seconds.

        Raises IMAGE_UNREADABLE, _TOO_LARGE, _TOO_SMALL, _TOO_DARK, IMAGE_UPLOADS_IN_PROGRESS, IMAGE_READERS_BUSY.
        """
        if len(file) > self.limits.most_bytes:
            raise refusal(Flaw.TOO_MANY_BYTES, self.limits)
        with span("read_image", attributes={"picture.bytes": len(file)}):
            timeout = None if within is None else max(within - _READING, 0.0)
            status, out = await self._run_with_permit(file, case_id, timeout)
        return self._answer(status, out)

    async def _run_with_permit(
        self, file: bytes, case_id: UUID, timeout: float | None
    ) -> tuple[int | None, bytes]:
        try:
            async with asyncio.timeout(timeout):
                await self._readers.acquire(case_id)
        except KeyFullError:
            raise image_uploads_in_progress() from None
        except (LimiterFullError, TimeoutError) as busy:
            raise readers_busy() from busy
        try:
            return await self._readers.run(partial(self._run, file))
        finally:
            self._readers.release(case_id)

    async def close(self) -> None:
        """Returns when what is being read is read; what waits is dropped."""
        await self._readers.close()

    def _run(self, file: bytes) -> tuple[int | None, bytes]:
        """The exit status (None: it took too long and was ended) and the output.

        In a thread and by blocking pipes: the loop's own pipes to processes fail now and then where a process begins while another
        one ends (uvloop: "the handler is closed").
        """
        try:
            ended = subprocess.run(  # noqa: S603 - our own program; what strangers sent is its input
                [
                    *(sys.executable, "-I", "-S", "-c", _PROGRAM),
                    *(str(self._allowance.memory), str(self._allowance.cpu_seconds)),
                    json.dumps(asdict(self.limits)),
                ],
                input=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                timeout=self._wall_time.total_seconds(),
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, b""
        return ended.returncode, ended.stdout

    def _answer(self, status: int | None, out: bytes) -> Picture:
        if status is None or status in _KILLED_BY_CPU_LIMIT:
            _log.warning("image_limits_exceeded", exit_status=status)
            raise refusal(Flaw.TOO_COSTLY, self.limits)
        line, _, jpeg = out.partition(b"\n")
        if status != 0 or not line:
            _log.warning("image_reader_died", exit_status=status)
            raise refusal(Flaw.UNREADABLE, self.limits)
        verdict = json.loads(line)
        if "flaw" in verdict:
            raise refusal(Flaw(verdict["flaw"]), self.limits, verdict.get("format", ""))
        return Picture(jpeg, verdict["media_type"], verdict["width"], verdict["height"])
