"""`python -m proctorium_access.edge_keys`: update the file that contains the edge's keys for checking tokens.

The process runs beside Envoy. The process authenticates with the edge's certificate, fetches the signing keys from
enrollment, and writes the file that Envoy watches (`token_check.py`). Envoy needs only this file to check tokens, so
Envoy still checks tokens while this process or enrollment is down. The exit code is 0 after SIGTERM or SIGINT, 1 if the
file cannot be written, and 2 if a setting is not valid.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from pydantic import Field

from proctorium_access.signing_keys import signing_keys
from proctorium_access.token_check import TokenCheckFile
from proctorium_common.process.settings import (
    Duration,
    ProcessSettings,
    SettingsError,
    read_settings,
)
from proctorium_common.rpc.client import channel
from proctorium_common.security.keys import Fetch, KeyRing, PublicKey
from proctorium_common.security.tls import NotLoopbackError
from proctorium_common.tasks import end
from proctorium_common.telemetry.logs import configure_logs
from proctorium_common.telemetry.traces import Tracing, use_tracing

_ENROLLMENT = "enrollment"


class Settings(ProcessSettings):
    """The address of enrollment, the path of the file that Envoy watches, and the interval for fetching the keys."""

    enrollment_address: str | None = Field(
        None, description="host:port of enrollment, which signs access tokens."
    )
    token_check_file: Path = Field(
        description="The file that Envoy watches, in a separate folder that survives a restart.",
    )
    refresh_every: Duration = Field(
        timedelta(seconds=10),
        gt=timedelta(0),
        le=timedelta(minutes=1),
        description="The interval between requests to enrollment. A new key signs six minutes after it is published, the first one at once.",
    )


async def update_file(settings: Settings) -> None:
    """Write the file now and after each change of the keys, until the task is cancelled.

    Raises SettingsError, NotLoopbackError, OSError.
    """
    file = TokenCheckFile(settings.token_check_file)
    address, certificates = settings.address_of(_ENROLLMENT), settings.certificates()
    async with channel(address, certificates=certificates, server=_ENROLLMENT) as enrollment:
        fetch = _confirming(signing_keys(enrollment), file)
        ring = KeyRing(fetch, store=file, refresh_every=settings.refresh_every)
        await ring.load()
        await ring.keep_fresh()


def _confirming(fetch: Fetch, file: TokenCheckFile) -> Fetch:
    async def confirmed() -> Sequence[PublicKey]:
        keys = await fetch()
        if keys:
            file.confirm()
        return keys

    return confirmed


async def _until_signal(settings: Settings) -> None:
    updating = asyncio.ensure_future(update_file(settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, updating.cancel)
    with suppress(asyncio.CancelledError):
        await updating
    await end(updating)


def main() -> int:
    """Update the file until SIGTERM or SIGINT arrives, and return the exit code."""
    try:
        settings = read_settings(Settings)
        configure_logs(level=settings.log_level_number, format=settings.log_format)
        use_tracing(Tracing("edge-keys"))
        asyncio.run(_until_signal(settings))
    except (SettingsError, NotLoopbackError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as failure:
        sys.stderr.write(f"{failure.filename} cannot be written: {failure.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
