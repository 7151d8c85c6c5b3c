"""Failed sign-ins are counted for each account, and who fails often has to wait."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from proctorium_common.errors import Kind, ServiceError
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.operations.accounts import Accounts
from proctorium_enrollment.operations.sign_in_attempts import ACCOUNT_LIMIT, EVERYWHERE_LIMIT
from proctorium_enrollment.storage.password_hashes import PasswordHashes
from proctorium_enrollment.storage.tables import attempt_failures, sign_ins

from .enrollment import HERE, OTHER_PASSWORD, PASSWORD, Enrollment, accounts_of, sign_in

ELSEWHERE = "198.51.100.7"


async def test_after_some_failures_one_has_to_wait_and_the_wait_grows(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    for _ in range(ACCOUNT_LIMIT.free):
        failed = await refusal(sign_in(enrollment, person.email, OTHER_PASSWORD))
        assert failed.reason == "SIGN_IN_FAILED"
    limited = await refusal(sign_in(enrollment, person.email))
    assert (limited.kind, limited.reason) == (Kind.EXHAUSTED, "TOO_MANY_ATTEMPTS")
    assert limited.retry_after == ACCOUNT_LIMIT.first_wait
    enrollment.clock.move(seconds=2)
    assert (
        await refusal(sign_in(enrollment, person.email, OTHER_PASSWORD))
    ).reason == "SIGN_IN_FAILED"
    again = await refusal(sign_in(enrollment, person.email))
    assert again.retry_after == 2 * ACCOUNT_LIMIT.first_wait
    assert await enrollment.count(sign_ins) == 0


async def test_wrong_passwords_from_one_place_make_nobody_wait_in_another(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    for _ in range(ACCOUNT_LIMIT.free):
        await refusal(sign_in(enrollment, person.email, OTHER_PASSWORD, address=ELSEWHERE))
    guesser = await refusal(sign_in(enrollment, person.email, OTHER_PASSWORD, address=ELSEWHERE))
    assert guesser.reason == "TOO_MANY_ATTEMPTS"
    assert (await sign_in(enrollment, person.email)).person == person
    # Nor does the owner's success let the guesser go on.
    guesser = await refusal(sign_in(enrollment, person.email, address=ELSEWHERE))
    assert guesser.reason == "TOO_MANY_ATTEMPTS"


async def test_many_places_together_have_to_wait_but_not_where_one_has_signed_in_before(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    await sign_in(enrollment, person.email)
    await guessed_from_many_places(enrollment, person.email)
    for password in (OTHER_PASSWORD, PASSWORD):
        limited = await refusal(sign_in(enrollment, person.email, password, address=ELSEWHERE))
        assert limited.reason == "TOO_MANY_ATTEMPTS"
        assert limited.retry_after == EVERYWHERE_LIMIT.first_wait
    assert (await sign_in(enrollment, person.email)).person == person
    enrollment.clock.move(seconds=2)
    assert (await sign_in(enrollment, person.email, address=ELSEWHERE)).person == person
    assert (await sign_in(enrollment, person.email, address=ELSEWHERE)).person == person


async def guessed_from_many_places(enrollment: Enrollment, email: str) -> None:
    """As many failures as are free, each from a place of its own; the world has not seen that many addresses fail."""
    for number in range(EVERYWHERE_LIMIT.free):
        address = f"203.0.113.{number}"
        assert (
            await refusal(sign_in(enrollment, email, OTHER_PASSWORD, address=address))
        ).reason == "SIGN_IN_FAILED"


async def test_signing_in_again_and_again_in_new_places_is_no_guessing(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    for number in range(3):
        await sign_in(enrollment, person.email, address=f"203.0.113.{number}")
    failures = await enrollment.rows(
        select(attempt_failures).where(attempt_failures.c.last_at == enrollment.clock.now)
    )
    assert failures == []


async def test_success_forgets_the_failures_before(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    for _ in range(ACCOUNT_LIMIT.free - 1):
        await refusal(sign_in(enrollment, person.email, OTHER_PASSWORD))
    await sign_in(enrollment, person.email)
    assert (
        await refusal(sign_in(enrollment, person.email, OTHER_PASSWORD))
    ).reason == "SIGN_IN_FAILED"
    assert (await sign_in(enrollment, person.email)).person == person


async def test_one_accounts_failures_do_not_stop_another(enrollment: Enrollment) -> None:
    victim = await enrollment.person(password=PASSWORD)
    other = await enrollment.person(password=PASSWORD)
    for _ in range(ACCOUNT_LIMIT.free + 1):
        await refusal(sign_in(enrollment, victim.email, OTHER_PASSWORD))
    assert (await sign_in(enrollment, other.email)).person == other


async def test_however_many_come_at_once_none_is_made_uncounted(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    refusals = await asyncio.gather(
        *(refusal(sign_in(enrollment, person.email, OTHER_PASSWORD)) for _ in range(20))
    )
    reasons = [refusal.reason for refusal in refusals]
    assert reasons.count("SIGN_IN_FAILED") == ACCOUNT_LIMIT.free
    assert reasons.count("TOO_MANY_ATTEMPTS") == 20 - ACCOUNT_LIMIT.free


async def test_replicas_count_together(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)

    async def attempt(replica: Accounts) -> str:
        with pytest.raises(ServiceError) as refusal:
            await replica.sign_in(person.email, OTHER_PASSWORD, HERE)
        return refusal.value.reason

    async with (
        accounts_of(enrollment, PasswordHashes(memory_kib=64, passes=1)) as one,
        accounts_of(enrollment, PasswordHashes(memory_kib=64, passes=1)) as other,
    ):
        reasons = await asyncio.gather(*(attempt(replica) for replica in (one, other) * 6))
    assert reasons.count("SIGN_IN_FAILED") == ACCOUNT_LIMIT.free
    assert reasons.count("TOO_MANY_ATTEMPTS") == 12 - ACCOUNT_LIMIT.free


async def test_the_table_of_failures_names_nobody(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    await refusal(sign_in(enrollment, person.email, OTHER_PASSWORD))
    rows = await enrollment.rows(
        select(attempt_failures).where(attempt_failures.c.last_at == enrollment.clock.now)
    )
    assert {row.purpose for row in rows} == {
        "sign_in_account",
        "sign_in_everywhere",
        "sign_in_address",
    }
    for row in rows:
        assert len(row.subject) == 32
        assert person.email.encode() not in row.subject
