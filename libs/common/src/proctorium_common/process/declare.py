"""`python -m proctorium_common.process.declare`: create the streams and consumers of the topology in NATS.

The command runs at deployment, before the services start. Services have no permission to create streams and consumers,
so the command uses its own certificate, named `streams`. The settings of the command are those of `DeclareSettings`.
The exit code is 0 for success, 1 for a failure, and 2 for an invalid setting. Errors are printed to standard error.
"""

from __future__ import annotations

import asyncio
import sys

from pydantic import Field

from proctorium_common.errors import ServiceError
from proctorium_common.events.permissions import DECLARER
from proctorium_common.events.streams import declare
from proctorium_common.process.settings import BrokerSettings, SettingsError, read_settings
from proctorium_common.telemetry.logs import configure_logs
from proctorium_common.telemetry.traces import Tracing, use_tracing
from proctorium_common.topology import services


class DeclareSettings(BrokerSettings):
    """The settings of this command."""

    stream_replicas: int = Field(
        1,
        ge=1,
        le=5,
        description="The number of NATS servers that store each stream: 1 for a single server, 3 for a cluster.",
    )


def main() -> int:
    """Create the streams and consumers of all services; return the exit code."""
    try:
        settings = read_settings(DeclareSettings)
        configure_logs(level=settings.log_level_number, format=settings.log_format)
        use_tracing(Tracing(DECLARER))
        identity = settings.broker_identity(DECLARER)
        replicas = settings.stream_replicas
        asyncio.run(declare(settings.nats_url, services(), identity, replicas=replicas))
    except SettingsError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    except ServiceError as failure:
        print(failure.message, file=sys.stderr)
        return 1
    print("The streams and consumers of all services are declared.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
