"""Test that `signing_keys` fetches the signing keys from enrollment over mutual TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from proctorium.enrollment.v1 import accounts_pb2, accounts_pb2_grpc
from proctorium_access.signing_keys import signing_keys
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.rpc.client import channel
from proctorium_common.rpc.health import Health
from proctorium_common.rpc.server import Endpoint, Server
from proctorium_common.security.keys import KeyRing, PublicKey, SigningKey
from proctorium_common.security.tls import Certificates
from proctorium_common.security.tokens import TokenVerifier
from proctorium_common.telemetry import Telemetry
from proctorium_common.telemetry.logs import CallLog
from proctorium_common.telemetry.metrics import Metrics
from proctorium_common.telemetry.traces import NOT_TRACING
from proctorium_devstack.components.certificates import issue

IN_USE = SigningKey(b"u" * 32).public
RETIRED = PublicKey("old", SigningKey(b"r" * 32).public.raw, datetime(2026, 4, 2, tzinfo=UTC))


class Accounts(accounts_pb2_grpc.AccountServiceServicer):
    """A fake of enrollment's AccountService that implements only ListSigningKeys."""

    async def ListSigningKeys(
        self, request: accounts_pb2.ListSigningKeysRequest, context: Any
    ) -> accounts_pb2.ListSigningKeysResponse:
        response = accounts_pb2.ListSigningKeysResponse()
        response.keys.add(key_id=IN_USE.key_id, public_key=IN_USE.raw)
        retired = response.keys.add(key_id=RETIRED.key_id, public_key=RETIRED.raw)
        assert RETIRED.retire_time is not None
        retired.retire_time.FromDatetime(RETIRED.retire_time)
        return response


@asynccontextmanager
async def _enrollment(certificates: Certificates) -> AsyncIterator[str]:
    telemetry = Telemetry(NOT_TRACING, Metrics("enrollment"))
    health = Health(telemetry.metrics)
    server = Server(
        Endpoint("127.0.0.1:0", certificates, frozenset({"session"})),
        telemetry=telemetry,
        tokens=TokenVerifier(KeyRing.of()),
        health=health,
        call_log=CallLog(),
    )
    server.add(accounts_pb2_grpc.add_AccountServiceServicer_to_server, Accounts())  # type: ignore[abstract]  # only ListSigningKeys
    port = await server.start()
    await health.check_now()
    yield f"127.0.0.1:{port}"
    await server.drain(wait=timedelta(0), grace=timedelta(seconds=1))


def _certificates(folder: Path, name: str) -> Certificates:
    pair = issue(folder, [name])[name]
    return Certificates.load(pair.certificate, pair.key, pair.authority)


async def test_keys_have_their_retire_time(tmp_path: Path) -> None:
    async with (
        _enrollment(_certificates(tmp_path, "enrollment")) as address,
        channel(
            address, certificates=_certificates(tmp_path, "session"), server="enrollment"
        ) as enrollment,
    ):
        ring = KeyRing(signing_keys(enrollment))
        assert await ring.refresh()
        found, _ = await ring.find(RETIRED.key_id)
        assert found == RETIRED
        assert (await ring.find(IN_USE.key_id))[0] == IN_USE


async def test_unavailable_enrollment_raises_an_error_that_the_key_ring_handles() -> None:
    async with channel("127.0.0.1:1") as unavailable:
        fetch = signing_keys(unavailable)
        with pytest.raises(ServiceError) as error:
            await fetch()
        assert error.value.kind is Kind.UNAVAILABLE
        assert not await KeyRing(fetch).refresh()
