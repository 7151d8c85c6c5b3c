"""Tests of setting passwords, also concurrently, and of replacing outdated hashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import grpc
import pytest
from sqlalchemy import select, update

from proctorium.enrollment.v1.accounts_pb2 import GetMeRequest, SetPasswordRequest
from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.rpc.status import error_of
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.domain.throttling import FREE_OF_PERSON
from proctorium_enrollment.operations.accounts import Accounts
from proctorium_enrollment.storage.password_hashes import PasswordHashes
from proctorium_enrollment.storage.tables import credentials, failed_entries, sign_ins

from .harness import (
    HERE,
    OTHER_PASSWORD,
    PASSWORD,
    Harness,
    accounts_of,
    refresh,
    sign_in,
    until_refused,
)


async def reset(harness: Harness, person_id: str, password: str) -> None:
    request = SetPasswordRequest(person_id=person_id, new_password=password)
    await harness.administrator.accounts.SetPassword(request)


async def test_person_sets_their_password_with_the_current_one(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    token = (await sign_in(harness, person.email)).tokens.refresh_token
    accounts = harness.learner(person.person_id).accounts
    await accounts.GetMe(GetMeRequest())
    await accounts.SetPassword(
        SetPasswordRequest(current_password=PASSWORD, new_password=OTHER_PASSWORD)
    )
    ended = await until_refused(lambda: accounts.GetMe(GetMeRequest()))
    assert ended.reason == "TOKEN_INVALID"
    assert (await refusal(sign_in(harness, person.email))).reason == "SIGN_IN_FAILED"
    assert (await refusal(refresh(harness, token))).reason == "REFRESH_TOKEN_INVALID"
    assert (await sign_in(harness, person.email, OTHER_PASSWORD)).person == person


async def test_wrong_current_password_is_counted_and_changes_nothing(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    accounts = harness.learner(person.person_id).accounts
    request = SetPasswordRequest(current_password=OTHER_PASSWORD, new_password=OTHER_PASSWORD)
    for _ in range(FREE_OF_PERSON):
        assert (await refusal(accounts.SetPassword(request))).reason == "SIGN_IN_FAILED"
    assert (await refusal(accounts.SetPassword(request))).reason == "TOO_MANY_FAILED_SIGN_INS"
    # A wrong current password does not throttle sign-ins, because only a signed-in person can enter a current password.
    assert (await sign_in(harness, person.email)).person == person


async def test_weak_password_is_refused(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    accounts = harness.learner(person.person_id).accounts
    request = SetPasswordRequest(current_password=PASSWORD, new_password="password1234")
    assert (await refusal(accounts.SetPassword(request))).reason == "PASSWORD_TOO_WEAK"
    assert (await sign_in(harness, person.email)).person == person


async def test_administrator_sets_the_password_of_another_person(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    token = (await sign_in(harness, person.email)).tokens.refresh_token
    await harness.administrator.accounts.SetPassword(
        SetPasswordRequest(person_id=person.person_id, new_password=OTHER_PASSWORD)
    )
    assert (await sign_in(harness, person.email, OTHER_PASSWORD)).person == person
    assert (await refusal(refresh(harness, token))).reason == "REFRESH_TOKEN_INVALID"


async def test_only_administrators_set_passwords_of_others(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    other = harness.client(new_id(), "learner", "proctor")
    request = SetPasswordRequest(person_id=person.person_id, new_password=OTHER_PASSWORD)
    assert (await refusal(other.accounts.SetPassword(request))).reason == "NOT_FOUND"
    request = SetPasswordRequest(person_id=str(new_id()), new_password=OTHER_PASSWORD)
    gone = await refusal(harness.administrator.accounts.SetPassword(request))
    assert gone.reason == "NOT_FOUND"
    assert (await sign_in(harness, person.email)).person == person


async def test_one_of_several_concurrent_password_changes_succeeds(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    accounts = harness.learner(person.person_id).accounts
    new = [f"{OTHER_PASSWORD}-{number}" for number in range(3)]
    responses = await asyncio.gather(
        *(
            accounts.SetPassword(SetPasswordRequest(current_password=PASSWORD, new_password=each))
            for each in new
        ),
        return_exceptions=True,
    )
    refused = {
        password: error_of(response).reason
        for password, response in zip(new, responses, strict=True)
        if isinstance(response, grpc.aio.AioRpcError)
    }
    # The first call revokes the tokens of the caller. Calls that arrive later are therefore refused.
    assert len(refused) == 2
    assert set(refused.values()) <= {"SIGN_IN_FAILED", "TOKEN_INVALID"}
    (accepted,) = set(new) - set(refused)
    assert (await sign_in(harness, person.email, accepted)).person == person


class PausedHashes(PasswordHashes):
    """Password hashes whose `verify` verifies the password and then pauses until `may_continue` is set."""

    def __init__(self) -> None:
        super().__init__(memory_kib=64, passes=1)
        self.checked, self.may_continue = asyncio.Event(), asyncio.Event()

    async def verify(self, password: str, password_hash: str | None) -> bool:
        found = await super().verify(password, password_hash)
        self.checked.set()
        await self.may_continue.wait()
        return found


@asynccontextmanager
async def paused(harness: Harness) -> AsyncIterator[tuple[Accounts, PausedHashes]]:
    """Yield the account operations of another replica, and its hashes.

    The operations pause after they verify a password.
    """
    hashes = PausedHashes()
    async with accounts_of(harness, hashes) as accounts:
        yield accounts, hashes


async def test_password_that_was_reset_concurrently_is_not_replaced(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    person_id = UUID(person.person_id)
    caller = Caller(person_id, frozenset({"learner"}), None)
    async with paused(harness) as (accounts, hashes):
        late = asyncio.create_task(
            accounts.set_password(caller, None, PASSWORD, f"{OTHER_PASSWORD}-late")
        )
        await hashes.checked.wait()
        await reset(harness, person.person_id, OTHER_PASSWORD)
        hashes.may_continue.set()
        with pytest.raises(ServiceError) as refusal:
            await late
    assert refusal.value.reason == "SIGN_IN_FAILED"
    assert (await sign_in(harness, person.email, OTHER_PASSWORD)).person == person


async def test_sign_in_with_a_password_that_was_reset_concurrently_is_refused(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    async with paused(harness) as (accounts, hashes):
        late = asyncio.create_task(accounts.sign_in(person.email, PASSWORD, HERE))
        await hashes.checked.wait()
        await reset(harness, person.person_id, OTHER_PASSWORD)
        hashes.may_continue.set()
        with pytest.raises(ServiceError) as refusal:
            await late
    assert refusal.value.reason == "SIGN_IN_FAILED"
    assert await harness.count(sign_ins) == 0


async def store_outdated_hash(harness: Harness, person_id: str) -> None:
    earlier = PasswordHashes(memory_kib=128, passes=1)
    async with harness.database.transaction() as tx:
        await tx.execute(
            update(credentials)
            .where(credentials.c.person_id == person_id)
            .values(password_hash=await earlier.compute(PASSWORD))
        )
    await earlier.close()


async def test_sign_in_succeeds_although_a_concurrent_one_computes_the_hash_again(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    await store_outdated_hash(harness, person.person_id)
    async with paused(harness) as (accounts, hashes):
        late = asyncio.create_task(accounts.sign_in(person.email, PASSWORD, HERE))
        await hashes.checked.wait()
        await sign_in(harness, person.email)
        hashes.may_continue.set()
        assert (await late).person.person_id == UUID(person.person_id)
    assert await harness.count(sign_ins) == 2
    assert await harness.count(failed_entries) == 0


async def test_password_is_set_although_a_concurrent_sign_in_computes_the_hash_again(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    await store_outdated_hash(harness, person.person_id)
    caller = Caller(UUID(person.person_id), frozenset({"learner"}), None)
    async with paused(harness) as (accounts, hashes):
        late = asyncio.create_task(accounts.set_password(caller, None, PASSWORD, OTHER_PASSWORD))
        await hashes.checked.wait()
        await sign_in(harness, person.email)
        hashes.may_continue.set()
        await late
    assert (await sign_in(harness, person.email, OTHER_PASSWORD)).person == person


async def test_outdated_hash_is_computed_again(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    await store_outdated_hash(harness, person.person_id)
    await sign_in(harness, person.email)
    (row,) = await harness.rows(
        select(credentials.c.password_hash).where(credentials.c.person_id == person.person_id)
    )
    assert "m=64,t=1,p=1" in row.password_hash
    assert (await sign_in(harness, person.email)).person == person
