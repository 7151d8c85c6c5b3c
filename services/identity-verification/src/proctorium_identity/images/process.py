"""Reads each uploaded image in a separate process (`reader.py`), and limits the number of concurrent processes."""

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

import proctorium_common
import proctorium_identity
from proctorium_common.fair_limiter import KeyFullError, LimitedThreads, LimiterFullError
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.traces import span
from proctorium_identity.domain.images import (
    Flaw,
    ImageLimits,
    image_uploads_in_progress,
    readers_busy,
    refusal,
)
from proctorium_identity.images.reader import ResourceLimits

_log = get_logger()

_KILLED_BY_CPU_LIMIT = (-24, -9)  # SIGXCPU, or SIGKILL if the hard limit is reached first
_CAPACITY_OF_A_CASE = 4
"""The maximum number of images of one case that are being read or waiting. A page sends at most two images."""
_CAPACITY = 64
"""The maximum number of images of all cases that are being read or waiting. All these images are in memory.

A larger number is not useful, because two processors cannot read even this number of images before the first deadline.
"""
_READING = 2.0
"""The time in seconds before the deadline of a call that is reserved for reading and storing the image.

When only this time is left, the call stops waiting for a permit. The time is enough on a busy machine.
"""
_FOLDERS = [
    str(Path(package.__path__[0]).parent)
    for package in (proctorium_identity, proctorium_common, PIL)
]
# With -S and only these folders in the path, the interpreter starts in half the time.
_PROGRAM = f"import sys; sys.path[:0] = {_FOLDERS!r}; from proctorium_identity.images.reader import main; main()"


@dataclass(frozen=True, slots=True)
class ReadImage:
    """An image that was read and re-encoded. `width` and `height` are in pixels."""

    jpeg: bytes
    media_type: str
    width: int
    height: int


class ImageReader:
    """Reads each image in a separate process.

    At most `at_once` images are read at a time, and at most one image of each case.
    """

    def __init__(
        self,
        *,
        limits: ImageLimits | None = None,
        resource_limits: ResourceLimits | None = None,
        wall_time: timedelta = timedelta(seconds=15),
        at_once: int = 2,
        capacity: int = _CAPACITY,
    ) -> None:
        self.limits = limits or ImageLimits()
        self._resource_limits = resource_limits or ResourceLimits()
        self._wall_time = wall_time
        self._readers: LimitedThreads[UUID] = LimitedThreads(
            "image",
            at_once,
            permits_per_key=1,
            capacity=capacity,
            capacity_per_key=_CAPACITY_OF_A_CASE,
        )

    async def read(self, file: bytes, case_id: UUID, *, within: float | None = None) -> ReadImage:
        """Return the image in `file`, re-encoded without metadata.

        `within` is the time until the deadline of the call in seconds, or None if the call has no deadline. Raises
        IMAGE_UNREADABLE, IMAGE_TOO_LARGE, IMAGE_TOO_SMALL, IMAGE_TOO_DARK, IMAGE_UPLOADS_IN_PROGRESS and
        IMAGE_READERS_BUSY.
        """
        if len(file) > self.limits.max_bytes:
            raise refusal(Flaw.TOO_MANY_BYTES, self.limits)
        with span("read_image", attributes={"image.bytes": len(file)}):
            timeout = None if within is None else max(within - _READING, 0.0)
            status, output = await self._run_with_permit(file, case_id, timeout)
        return self._result(status, output)

    async def close(self) -> None:
        """Wait until the reads in progress have ended. Images that wait for a permit are not read."""
        await self._readers.close()

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

    def _run(self, file: bytes) -> tuple[int | None, bytes]:
        """Run the program and return its exit status and output. The status is None if the wall time was exceeded.

        This method blocks and runs in a thread because uvloop's pipes sometimes fail ("the handler is closed") when one
        process starts while another ends.
        """
        try:
            process = subprocess.run(  # noqa: S603 - the command is fixed; the uploaded file is only its input
                [
                    *(sys.executable, "-I", "-S", "-c", _PROGRAM),
                    *(str(self._resource_limits.memory), str(self._resource_limits.cpu_seconds)),
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
        return process.returncode, process.stdout

    def _result(self, status: int | None, output: bytes) -> ReadImage:
        if status is None or status in _KILLED_BY_CPU_LIMIT:
            _log.warning("image_limits_exceeded", exit_status=status)
            raise refusal(Flaw.TOO_COSTLY, self.limits)
        line, _, jpeg = output.partition(b"\n")
        if status != 0 or not line:
            _log.warning("image_reader_failed", exit_status=status)
            raise refusal(Flaw.UNREADABLE, self.limits)
        result = json.loads(line)
        if "flaw" in result:
            raise refusal(Flaw(result["flaw"]), self.limits, result.get("format", ""))
        return ReadImage(jpeg, result["media_type"], result["width"], result["height"])
