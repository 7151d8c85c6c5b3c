"""Fetch the public keys that verify access tokens. Enrollment signs the tokens and lists the keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

import grpc

from proctorium.enrollment.v1 import accounts_pb2
from proctorium.enrollment.v1.accounts_pb2_grpc import AccountServiceStub
from proctorium_common.rpc.status import error_of
from proctorium_common.security.keys import Fetch, PublicKey


def signing_keys(channel: grpc.aio.Channel) -> Fetch:
    """Return a function that calls ListSigningKeys over `channel` and returns the public keys.

    The returned function raises ServiceError if the call fails.
    """
    accounts = AccountServiceStub(channel)

    async def fetch() -> Sequence[PublicKey]:
        try:
            listed = await accounts.ListSigningKeys(accounts_pb2.ListSigningKeysRequest())
        except grpc.aio.AioRpcError as failure:
            raise error_of(failure) from failure
        return [_key(key) for key in listed.keys]

    return fetch


def _key(key: accounts_pb2.SigningKey) -> PublicKey:
    retire_time = key.retire_time.ToDatetime(UTC) if key.HasField("retire_time") else None
    return PublicKey(key.key_id, key.public_key, retire_time)
