"""Tests of the throttling of failed sign-ins. It must not delay the sign-ins of other people (ADR 9)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import grpc
import pytest
from sqlalchemy import Engine, event, select

from proctorium.enrollment.v1.accounts_pb2 import SignInRequest, SignOutRequest
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_common.rpc.status import error_of
from proctorium_devstack.testing.waiting import TIMEOUT
from proctorium_enrollment.domain.throttling import (
    FIRST_WAIT,
    FREE_OF_ACCOUNT,
    FREE_OF_DEVICE,
    FREE_OF_NETWORK,
)
from proctorium_enrollment.operations.accounts import Accounts, SignedIn
from proctorium_enrollment.operations.throttling import DEVICE_COOKIE_LIFE
from proctorium_enrollment.storage.password_hashes import PasswordHashes
from proctorium_enrollment.storage.tables import failed_entries, sign_ins

from .harness import HERE, OTHER_PASSWORD, PASSWORD, Harness, accounts_of

SCHOOL, HOME, LIBRARY = HERE, "198.51.100.7", "203.0.113.9"
UNKNOWN = f"{new_id()}@example.org"


class Browser:
    """A browser that stores the device cookie of its sign-ins."""

    def __init__(self, harness: Harness, address: str = SCHOOL, device: str = "") -> None:
        self._accounts = harness.anonymous.accounts
        self.address = address
        self.device = device
        self.cookies_set: list[str] = []

    async def sign_in(self, email: str, password: str = PASSWORD) -> ServiceError | None:
        """Sign in. Return the error, or None if the sign-in succeeds."""
        metadata = [("x-forwarded-for", self.address)]
        if self.device:
            metadata.append(("cookie", f"__Host-proctorium_device={self.device}"))
        request = SignInRequest(email=email, password=password)
        call = self._accounts.SignIn(request, metadata=tuple(metadata), timeout=TIMEOUT)
        refusal = None
        try:
            await call
        except grpc.aio.AioRpcError as failed:
            refusal = error_of(failed)
        found = await call.initial_metadata() or ()
        self.cookies_set = [str(value) for key, value in found if key == "set-cookie"]
        for cookie in self.cookies_set:
            name, _, value = cookie.partition(";")[0].partition("=")
            if name == "__Host-proctorium_device":
                self.device = value
        return refusal


async def email_of(harness: Harness) -> str:
    return (await harness.person(password=PASSWORD)).email


async def fail(browser: Browser, email: str, times: int = 1) -> None:
    for _ in range(times):
        refusal = await browser.sign_in(email, OTHER_PASSWORD)
        assert refusal is not None
        assert refusal.reason == "SIGN_IN_FAILED"


async def assert_throttled(browser: Browser, email: str) -> None:
    refusal = await browser.sign_in(email)
    assert refusal is not None
    assert (refusal.kind, refusal.reason) == (Kind.EXHAUSTED, "TOO_MANY_FAILED_SIGN_INS")


async def guess_from_many_networks(harness: Harness, email: str) -> None:
    """Guess the password of an account from many networks, until guesses from all networks are throttled."""
    for number in range(FREE_OF_ACCOUNT):
        await fail(Browser(harness, f"203.0.113.{number}"), email)


async def counted(harness: Harness) -> dict[str, list[int]]:
    """Return the numbers of failures in the rows that were created at the current time of the clock.

    The keys of the returned dictionary are the kinds of failures.
    """
    rows = await harness.rows(
        select(failed_entries).where(failed_entries.c.first_at == harness.clock.now)
    )
    return {
        kind: sorted(row.failures for row in rows if row.kind == kind)
        for kind in {row.kind for row in rows}
    }


# Backoff.


async def test_wait_grows_after_the_free_failures(harness: Harness) -> None:
    email, browser = await email_of(harness), Browser(harness)
    await fail(browser, email, FREE_OF_NETWORK)
    refusal = await browser.sign_in(email)
    assert refusal is not None
    assert (refusal.reason, refusal.retry_after) == ("TOO_MANY_FAILED_SIGN_INS", FIRST_WAIT)
    harness.clock.now += FIRST_WAIT
    await fail(browser, email)
    refusal = await browser.sign_in(email)
    assert refusal is not None
    assert refusal.retry_after == 2 * FIRST_WAIT
    assert await harness.count(sign_ins) == 0
    harness.clock.now += 2 * FIRST_WAIT
    assert await browser.sign_in(email) is None


async def test_failures_in_one_network_do_not_delay_another(harness: Harness) -> None:
    email, guesser = await email_of(harness), Browser(harness, HOME)
    await fail(guesser, email, FREE_OF_NETWORK)
    await assert_throttled(guesser, email)
    assert await Browser(harness, SCHOOL).sign_in(email) is None
    # The sign-in of the owner does not reset the failures that were counted for the guesser.
    await assert_throttled(guesser, email)


async def test_ipv6_prefix_is_one_network(harness: Harness) -> None:
    email = await email_of(harness)
    for number in range(FREE_OF_NETWORK):
        await fail(Browser(harness, f"2001:db8:1:{number:x}::1"), email)
    await assert_throttled(Browser(harness, "2001:db8:1:ff::1"), email)
    assert await Browser(harness, "2001:db8:2::1").sign_in(email) is None


async def test_failures_of_one_account_do_not_delay_another(harness: Harness) -> None:
    browser = Browser(harness)
    await fail(browser, await email_of(harness), FREE_OF_NETWORK)
    assert await browser.sign_in(await email_of(harness)) is None


async def test_success_deletes_the_failures_before(harness: Harness) -> None:
    email, browser = await email_of(harness), Browser(harness)
    for _ in range(2):
        await fail(browser, email, FREE_OF_NETWORK - 1)
        assert await Browser(harness).sign_in(email) is None


async def test_success_in_new_browsers_uses_up_no_free_failures(
    harness: Harness,
) -> None:
    email = await email_of(harness)
    await fail(Browser(harness, HOME), email)
    for number in range(3):
        assert await Browser(harness, f"203.0.113.{number}").sign_in(email) is None
    assert await counted(harness) == {"sign_in_network": [1], "sign_in_account": [1]}


# Device cookies.


async def test_known_browser_signs_in_despite_failures_in_its_network(
    harness: Harness,
) -> None:
    email, known = await email_of(harness), Browser(harness)
    assert await known.sign_in(email) is None
    attacker = Browser(harness)
    await fail(attacker, email, FREE_OF_NETWORK)
    await assert_throttled(attacker, email)
    assert await known.sign_in(email) is None
    await assert_throttled(attacker, email)


async def test_known_browser_signs_in_from_anywhere_despite_failures_of_many_networks(
    harness: Harness,
) -> None:
    email, known = await email_of(harness), Browser(harness)
    assert await known.sign_in(email) is None
    await guess_from_many_networks(harness, email)
    await assert_throttled(Browser(harness, HOME), email)
    known.address = LIBRARY
    assert await known.sign_in(email) is None
    harness.clock.now += FIRST_WAIT
    assert await Browser(harness, HOME).sign_in(email) is None


async def test_known_browser_has_its_own_backoff(harness: Harness) -> None:
    email, known = await email_of(harness), Browser(harness)
    assert await known.sign_in(email) is None
    await fail(known, email, FREE_OF_DEVICE)
    await assert_throttled(known, email)
    known.address = HOME
    await assert_throttled(known, email)
    assert await counted(harness) == {"sign_in_device": [FREE_OF_DEVICE]}
    assert await Browser(harness).sign_in(email) is None


async def test_browser_stays_known_after_signing_out(harness: Harness) -> None:
    email, known = await email_of(harness), Browser(harness)
    assert await known.sign_in(email) is None
    (refresh,) = (each for each in known.cookies_set if "proctorium_refresh" in each)
    call = harness.anonymous.accounts.SignOut(
        SignOutRequest(), metadata=(("cookie", refresh.partition(";")[0]),)
    )
    await call
    cleared = [value for key, value in await call.initial_metadata() if key == "set-cookie"]
    assert len(cleared) == 2
    assert not any("proctorium_device" in str(each) for each in cleared)
    await guess_from_many_networks(harness, email)
    assert await known.sign_in(email) is None


async def test_shared_computer_is_known_to_all_its_accounts(harness: Harness) -> None:
    shared = Browser(harness)
    emails = [await email_of(harness) for _ in range(3)]
    for email in emails:
        assert await shared.sign_in(email) is None
    for email in emails:
        await fail(Browser(harness), email, FREE_OF_NETWORK)
        assert await shared.sign_in(email) is None


async def test_device_cookie_counts_only_for_its_accounts(harness: Harness) -> None:
    own, victim = await email_of(harness), await email_of(harness)
    guesser = Browser(harness)
    assert await guesser.sign_in(own) is None
    await fail(guesser, victim, FREE_OF_NETWORK)
    await assert_throttled(guesser, victim)
    # The result is the same after another sign-in to the guesser's own account, and in a browser without a device
    # cookie.
    assert await Browser(harness).sign_in(own) is None
    await assert_throttled(guesser, victim)
    await assert_throttled(Browser(harness), victim)


@pytest.mark.parametrize("how", ["forged", "changed", "truncated", "not encoded", "expired"])
async def test_invalid_device_cookie_is_ignored(harness: Harness, how: str) -> None:
    email, known = await email_of(harness), Browser(harness)
    assert await known.sign_in(email) is None
    cookie = known.device
    harness.clock.now += timedelta(hours=1)
    if how == "forged":
        known.device = "Zm9yZ2Vk"
    elif how == "changed":
        known.device = cookie[:-8] + ("A" if cookie[-8] != "A" else "B") + cookie[-7:]
    elif how == "truncated":
        known.device = cookie[:5]
    elif how == "not encoded":
        known.device = "not base64!"
    else:
        harness.clock.now += DEVICE_COOKIE_LIFE
    await fail(Browser(harness), email, FREE_OF_NETWORK)
    await assert_throttled(known, email)


async def test_failed_sign_in_sets_no_cookie(harness: Harness) -> None:
    email, browser = await email_of(harness), Browser(harness)
    for each in (email, UNKNOWN):
        await fail(browser, each)
        assert browser.cookies_set == []


# The tests below check that responses and stored rows do not reveal whether an account exists.


class Counting(PasswordHashes):
    """Password hashes that count the verifications. Each verification pauses until it may continue."""

    def __init__(self, *, permits: int = 2, capacity_per_key: int = 48) -> None:
        super().__init__(
            memory_kib=64, passes=1, permits=permits, capacity_per_key=capacity_per_key
        )
        self.checks = 0
        self.started, self.may_continue = asyncio.Event(), asyncio.Event()
        self.may_continue.set()

    async def has_started(self) -> None:
        """Wait until a verification has started."""
        async with asyncio.timeout(TIMEOUT):
            await self.started.wait()

    async def verify(self, password: str, password_hash: str | None) -> bool:
        self.checks += 1
        self.started.set()
        await self.may_continue.wait()
        return await super().verify(password, password_hash)


async def refused(
    accounts: Accounts, email: str, password: str = OTHER_PASSWORD, address: str = SCHOOL
) -> ServiceError:
    with pytest.raises(ServiceError) as refusal:
        async with asyncio.timeout(TIMEOUT):
            await accounts.sign_in(email, password, address)
    return refusal.value


@contextmanager
def statements() -> Iterator[list[str]]:
    """Yield a list to which the executed statements about people, credentials and failed entries are appended."""
    executed: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if any(table in statement for table in ("people", "credentials", "failed_entries")):
            executed.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield executed
    event.remove(Engine, "before_cursor_execute", note)


async def test_existing_and_unknown_accounts_cannot_be_distinguished(
    harness: Harness,
) -> None:
    existing, without_password = await email_of(harness), (await harness.person()).email
    seen = []
    hashes = Counting()
    async with accounts_of(harness, hashes) as accounts:
        # The person signed in from this network before, but this client has no device cookie.
        await accounts.sign_in(existing, PASSWORD, SCHOOL)
        for email in (existing, without_password, UNKNOWN):
            harness.clock.move(hours=1)
            hashes.checks = 0
            responses = []
            with statements() as executed:
                for _ in range(FREE_OF_NETWORK + 2):
                    refusal = await refused(accounts, email)
                    responses.append((refusal.reason, refusal.message, refusal.retry_after))
            seen.append((responses, hashes.checks, executed, await counted(harness)))
    assert seen[0] == seen[1] == seen[2]
    assert [response[0] for response in seen[0][0]] == [
        *["SIGN_IN_FAILED"] * FREE_OF_NETWORK,
        *["TOO_MANY_FAILED_SIGN_INS"] * 2,
    ]
    # A refused sign-in computes no hash.
    assert seen[0][1] == FREE_OF_NETWORK


async def test_right_password_during_a_wait_is_refused_like_a_wrong_one(
    harness: Harness,
) -> None:
    email, hashes = await email_of(harness), Counting()
    async with accounts_of(harness, hashes) as accounts:
        for _ in range(FREE_OF_NETWORK):
            await refused(accounts, email)
        wrong, right = await refused(accounts, email), await refused(accounts, email, PASSWORD)
    assert (wrong.message, wrong.retry_after) == (right.message, right.retry_after)
    assert hashes.checks == FREE_OF_NETWORK


async def test_failed_entries_contain_no_identity(harness: Harness) -> None:
    email = await email_of(harness)
    await fail(Browser(harness), email)
    rows = await harness.rows(
        select(failed_entries).where(failed_entries.c.first_at == harness.clock.now)
    )
    assert {row.kind for row in rows} == {"sign_in_network", "sign_in_account"}
    for row in rows:
        assert len(row.digest) == 32
        assert email.encode() not in row.digest


# In the tests below, many sign-ins arrive at the same time.


async def test_class_behind_one_address_can_sign_in(harness: Harness) -> None:
    """An attacker guesses passwords of many other accounts from the network that all learners of a class share."""
    learners = [await email_of(harness) for _ in range(60)]

    async def spray(accounts: Accounts) -> None:
        for _ in range(100):
            assert (await refused(accounts, f"{new_id()}@example.org")).reason == "SIGN_IN_FAILED"

    async def mistype_then_sign_in(accounts: Accounts, email: str) -> SignedIn:
        for _ in range(FREE_OF_NETWORK - 1):
            assert (await refused(accounts, email)).reason == "SIGN_IN_FAILED"
        return await accounts.sign_in(email, PASSWORD, SCHOOL)

    async with (
        accounts_of(harness, Counting(capacity_per_key=100)) as one,
        accounts_of(harness, Counting(capacity_per_key=100)) as other,
    ):
        spraying = asyncio.create_task(spray(one))
        replicas = [one, other] * (len(learners) // 2)
        signed_in = await asyncio.gather(
            *(mistype_then_sign_in(*each) for each in zip(replicas, learners, strict=True))
        )
        await spraying
    assert [each.person.email for each in signed_in] == learners


async def test_concurrent_failures_are_all_counted(harness: Harness) -> None:
    email = await email_of(harness)
    refusals = await asyncio.gather(
        *(Browser(harness).sign_in(email, OTHER_PASSWORD) for _ in range(20))
    )
    reasons = [refusal.reason for refusal in refusals if refusal is not None]
    assert reasons.count("SIGN_IN_FAILED") == FREE_OF_NETWORK
    assert reasons.count("TOO_MANY_FAILED_SIGN_INS") == 20 - FREE_OF_NETWORK


async def test_replicas_count_together(harness: Harness) -> None:
    email = await email_of(harness)
    async with (
        accounts_of(harness, Counting(permits=6)) as one,
        accounts_of(harness, Counting(permits=6)) as other,
    ):
        refusals = await asyncio.gather(*(refused(each, email) for each in (one, other) * 6))
    reasons = [refusal.reason for refusal in refusals]
    assert reasons.count("SIGN_IN_FAILED") == FREE_OF_NETWORK
    assert reasons.count("TOO_MANY_FAILED_SIGN_INS") == 12 - FREE_OF_NETWORK


async def test_cancelled_sign_in_counts_as_failed(harness: Harness) -> None:
    hashes = Counting()
    hashes.may_continue.clear()
    async with accounts_of(harness, hashes) as accounts:
        signing_in = asyncio.create_task(refused(accounts, UNKNOWN))
        await hashes.has_started()
        signing_in.cancel()
        with pytest.raises(asyncio.CancelledError):
            await signing_in
    assert await counted(harness) == {"sign_in_network": [1], "sign_in_account": [1]}


async def test_flood_from_one_network_delays_neither_others_nor_known_browsers(
    harness: Harness,
) -> None:
    hashes = Counting(permits=1, capacity_per_key=4)
    known, other = await email_of(harness), await email_of(harness)
    async with accounts_of(harness, hashes) as accounts:
        cookie = (await accounts.sign_in(known, PASSWORD, SCHOOL)).device_cookie
        hashes.may_continue.clear()
        hashes.started.clear()
        hashes.checks = 0
        flood = [
            asyncio.create_task(refused(accounts, f"{new_id()}@example.org")) for _ in range(4)
        ]
        await hashes.has_started()
        too_many = await refused(accounts, other, PASSWORD)
        assert (too_many.kind, too_many.reason) == (Kind.EXHAUSTED, "TOO_MANY_AT_ONCE")
        assert too_many.retry_after == timedelta(seconds=3)
        assert "try again in 3 seconds" in too_many.message
        order: list[str] = []

        async def sign_in(email: str, address: str, cookie: str = "") -> None:
            await accounts.sign_in(email, PASSWORD, address, device_cookie=cookie)
            order.append(email)

        waiting = [
            asyncio.create_task(sign_in(other, HOME)),
            asyncio.create_task(sign_in(known, SCHOOL, cookie)),
        ]
        await asyncio.sleep(0)
        for task in flood:
            task.add_done_callback(lambda _: order.append("flood"))
        hashes.may_continue.set()
        await asyncio.gather(*waiting, *flood)
        # When the sign-ins from the other two networks arrived, one sign-in of the flood was being hashed and one was
        # next in the queue.
        assert set(order[:4]) == {"flood", other, known}
        assert order[:4].count("flood") == 2
    assert await counted(harness) == {
        "sign_in_network": [1, 1, 1, 1],
        "sign_in_account": [1, 1, 1, 1],
    }
