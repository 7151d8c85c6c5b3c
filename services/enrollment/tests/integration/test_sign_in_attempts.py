"""What many attempts from one network mean for those who share it, and that none is made for nothing (ADR 9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, select

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_devstack.demo.waiting import PATIENCE_SECONDS
from proctorium_enrollment.domain.attempt_limits import Failures, Limit
from proctorium_enrollment.operations.accounts import Accounts, SignedIn
from proctorium_enrollment.operations.attempts import Attempts
from proctorium_enrollment.operations.sign_in_attempts import (
    ACCOUNT_LIMIT,
    ADDRESS_LIMIT,
    EVERYWHERE_LIMIT,
    SITE_LIMIT,
)
from proctorium_enrollment.storage import attempt_limits
from proctorium_enrollment.storage.password_hashes import PasswordHashes, Turn
from proctorium_enrollment.storage.tables import attempt_failures

from .enrollment import OTHER_PASSWORD, PASSWORD, Enrollment, accounts_of

SCHOOL, HOME, LIBRARY = "192.0.2.1", "198.51.100.7", "203.0.113.9"


class CountedTurn(Turn):
    """A turn of `Counting`."""

    def __init__(self, hashes: Counting, turn: Turn) -> None:
        self._hashes = hashes
        self.make, self._matches = turn.make, turn.matches  # type: ignore[method-assign]

    async def matches(self, password: str, password_hash: str | None) -> bool:
        self._hashes.checks += 1
        self._hashes.begun.set()
        await self._hashes.may_go_on.wait()
        return await self._matches(password, password_hash)


class Counting(PasswordHashes):
    """Hashes that count how often a password was checked; checks go on when they may."""

    def __init__(self, *, places: int = 8, most_of_one: int = 8) -> None:
        super().__init__(memory_kib=64, passes=1, places=places, most_of_one=most_of_one)
        self.checks = 0
        self.begun, self.may_go_on = asyncio.Event(), asyncio.Event()
        self.may_go_on.set()

    @asynccontextmanager
    async def turn(self, group: str) -> AsyncIterator[Turn]:
        async with super().turn(group) as turn:
            yield CountedTurn(self, turn)


async def email_of(enrollment: Enrollment) -> str:
    return (await enrollment.person(password=PASSWORD)).email


async def told(
    accounts: Accounts, email: str, password: str = PASSWORD, address: str = SCHOOL
) -> ServiceError:
    with pytest.raises(ServiceError) as refusal:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await accounts.sign_in(email, password, address)
    return refusal.value


async def noise(enrollment: Enrollment, address: str = SCHOOL) -> None:
    """As many failures at many accounts as are free, all from one address; that takes a while with real attempts."""
    await failed(enrollment, "address", address, ADDRESS_LIMIT)


async def failed(enrollment: Enrollment, kind: str, name: str, limit: Limit) -> None:
    """As many failures in this hour as are free, which nobody forgets while the test runs."""
    enrollment.clock.now = enrollment.clock.now.replace(minute=0)
    hour = enrollment.clock.now.strftime("%Y-%m-%dT%H")
    seal = enrollment.served.service.settings.seals().attempts
    subject = Attempts(seal, "sign_in").of(kind, f"{hour} {name}", limit).subject
    async with enrollment.database.transaction() as tx:
        await attempt_limits.save(tx, subject, Failures(limit.free, enrollment.clock.now))


async def counted(enrollment: Enrollment) -> dict[str, list[int]]:
    """The failures of this moment, by what they are counted for."""
    rows = await enrollment.rows(
        select(attempt_failures).where(attempt_failures.c.last_at == enrollment.clock.now)
    )
    purposes = {row.purpose for row in rows}
    return {each: sorted(row.failures for row in rows if row.purpose == each) for each in purposes}


async def test_one_who_tries_many_accounts_keeps_nobody_out_who_signed_in_there_before(
    enrollment: Enrollment,
) -> None:
    known, newcomer = await email_of(enrollment), await email_of(enrollment)
    async with accounts_of(enrollment, Counting()) as accounts:
        await accounts.sign_in(known, PASSWORD, SCHOOL)
        await noise(enrollment)
        for _ in range(3):
            assert (await accounts.sign_in(known, PASSWORD, SCHOOL)).person.email == known
        # Slips of the finger are forgiven in a noisy room.
        for _ in range(ACCOUNT_LIMIT.free - 1):
            await told(accounts, known, OTHER_PASSWORD)
        assert (await accounts.sign_in(known, PASSWORD, SCHOOL)).person.email == known
        # Who tries many accounts cannot be told from somebody new there, but only there.
        waits = await told(accounts, newcomer)
        assert (waits.kind, waits.reason) == (Kind.EXHAUSTED, "TOO_MANY_ATTEMPTS")
        assert waits.retry_after == ADDRESS_LIMIT.first_wait
        assert (await accounts.sign_in(newcomer, PASSWORD, HOME)).person.email == newcomer


async def test_in_the_noise_nobody_learns_who_is_known_there_or_whether_a_password_is_right(
    enrollment: Enrollment,
) -> None:
    known, newcomer = await email_of(enrollment), await email_of(enrollment)
    without_password = (await enrollment.person()).email
    hashes = Counting()
    async with accounts_of(enrollment, hashes) as accounts:
        await accounts.sign_in(known, PASSWORD, SCHOOL)
        enrollment.clock.move(hours=1)
        await noise(enrollment)
        tries = [
            (known, OTHER_PASSWORD),
            (newcomer, PASSWORD),
            (newcomer.replace("@", "+1@"), PASSWORD),
            (without_password, PASSWORD),
            (f"{new_id()}@example.org", OTHER_PASSWORD),
        ]
        for turn in range(ACCOUNT_LIMIT.free + 2):
            hashes.checks, seen = 0, []
            for email, password in tries:
                refusal = await told(accounts, email, password)
                seen.append((refusal.reason, refusal.message, refusal.retry_after, hashes.checks))
                hashes.checks = 0
            # The same words after the same work; after some tries, no more work for anybody.
            own = turn >= ACCOUNT_LIMIT.free
            wait, work = (ACCOUNT_LIMIT.first_wait, 0) if own else (ADDRESS_LIMIT.first_wait, 1)
            expected = ("TOO_MANY_ATTEMPTS", seen[0][1], wait, work)
            assert seen == [expected] * len(tries)
    assert await counted(enrollment) == {
        "sign_in_address": [ADDRESS_LIMIT.free],
        "sign_in_account": [ACCOUNT_LIMIT.free] * len(tries),
    }


async def test_without_noise_the_same_is_counted_for_known_and_unknown(
    enrollment: Enrollment,
) -> None:
    known = await email_of(enrollment)
    seen = []
    async with accounts_of(enrollment, Counting()) as accounts:
        await accounts.sign_in(known, PASSWORD, SCHOOL)
        for email in (known, f"{new_id()}@example.org"):
            enrollment.clock.move(hours=1)
            assert (await told(accounts, email, OTHER_PASSWORD)).reason == "SIGN_IN_FAILED"
            seen.append(await counted(enrollment))
    counts = {"sign_in_account": [1], "sign_in_everywhere": [1], "sign_in_address": [1]}
    assert seen == [counts, counts]


@contextmanager
def asked() -> Iterator[list[str]]:
    """What the database is asked about accounts."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "people" in statement or "credentials" in statement:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield statements
    event.remove(Engine, "before_cursor_execute", note)


async def test_the_same_is_asked_of_the_database_for_known_and_unknown(
    enrollment: Enrollment,
) -> None:
    known, without_password = await email_of(enrollment), (await enrollment.person()).email
    seen = []
    async with accounts_of(enrollment, Counting()) as accounts:
        for email in (known, without_password, f"{new_id()}@example.org"):
            with asked() as statements:
                await told(accounts, email, OTHER_PASSWORD)
            seen.append(statements)
    assert seen == [seen[0]] * 3
    assert len(seen[0]) == 1


async def test_a_class_that_signs_in_at_once_does_not_reach_the_limit_of_its_address(
    enrollment: Enrollment,
) -> None:
    """Attempts under way count as failures until they succeed: they are no more than have a turn at a hash."""
    pupils = [await email_of(enrollment) for _ in range(60)]
    await failed(enrollment, "address", SCHOOL, replace(ADDRESS_LIMIT, free=ADDRESS_LIMIT.free - 8))
    one, other = (Counting(places=192, most_of_one=48) for _ in range(2))
    for hashes in (one, other):
        hashes.may_go_on.clear()
    async with (
        accounts_of(enrollment, one) as first,
        accounts_of(enrollment, other) as second,
        accounts_of(enrollment, Counting()) as third,
    ):
        replicas = [first, second] * (len(pupils) // 2)
        signing_in = [
            asyncio.create_task(replica.sign_in(email, PASSWORD, SCHOOL))
            for replica, email in zip(replicas, pupils, strict=True)
        ]
        await one.begun.wait()
        await other.begun.wait()
        # Somebody new gets in meanwhile, again and again.
        for _ in range(10):
            await third.sign_in(await email_of(enrollment), PASSWORD, SCHOOL)
        for hashes in (one, other):
            hashes.may_go_on.set()
        signed_in = await asyncio.gather(*signing_in)
    assert [each.person.email for each in signed_in] == pupils


async def test_who_signs_in_beside_others_makes_nobody_wait_for_longer(
    enrollment: Enrollment,
) -> None:
    """Each begins before the one before has ended, and all have the right password."""
    newcomers = [await email_of(enrollment) for _ in range(4)]
    await noise(enrollment)
    began = enrollment.clock.now
    async with AsyncExitStack() as replicas:
        under_way: list[tuple[Counting, asyncio.Task[SignedIn]]] = []
        enrollment.clock.move(minutes=2)
        for email in newcomers:
            hashes = Counting()
            hashes.may_go_on.clear()
            accounts = await replicas.enter_async_context(accounts_of(enrollment, hashes))
            enrollment.clock.move(seconds=1)
            signing_in = asyncio.create_task(accounts.sign_in(email, PASSWORD, SCHOOL))
            await hashes.begun.wait()
            under_way.append((hashes, signing_in))
            if len(under_way) == 2:
                await ended(under_way.pop(0))
        await ended(*under_way)
    enrollment.clock.now = began
    assert await counted(enrollment) == {"sign_in_address": [ADDRESS_LIMIT.free]}


async def ended(*under_way: tuple[Counting, asyncio.Task[SignedIn]]) -> None:
    for hashes, signing_in in under_way:
        hashes.may_go_on.set()
        await signing_in


async def test_three_wrong_guesses_at_each_do_not_make_a_class_wait_for_whoever_polls(
    enrollment: Enrollment,
) -> None:
    pupils = [await email_of(enrollment) for _ in range(4)]
    async with accounts_of(enrollment, Counting()) as accounts:
        for email in pupils:
            await accounts.sign_in(email, PASSWORD, SCHOOL)
        await noise(enrollment)
        for email in pupils * 3:
            await told(accounts, email, OTHER_PASSWORD)
        for email in pupils:
            # A moment before, somebody has taken the time that was told.
            enrollment.clock.move(seconds=ADDRESS_LIMIT.longest_wait.total_seconds())
            for _ in range(ADDRESS_LIMIT.at_once):
                await told(accounts, f"{new_id()}@example.org", OTHER_PASSWORD)
            assert (await accounts.sign_in(email, PASSWORD, SCHOOL)).person.email == email


@pytest.mark.parametrize(("limit", "at_once"), [(EVERYWHERE_LIMIT, 3), (ADDRESS_LIMIT, 5)])
async def test_one_attempt_of_somebody_else_does_not_take_the_time_that_was_told(
    enrollment: Enrollment, limit: Limit, at_once: int
) -> None:
    owner = await email_of(enrollment)
    if limit is EVERYWHERE_LIMIT:
        await failed(enrollment, "everywhere", owner, limit)
        guessed, address = owner, LIBRARY
    else:
        await noise(enrollment, HOME)
        guessed, address = f"{new_id()}@example.org", HOME
    async with accounts_of(enrollment, Counting()) as accounts:
        assert (await told(accounts, owner, address=HOME)).retry_after == limit.first_wait
        enrollment.clock.move(seconds=limit.first_wait.total_seconds())
        for _ in range(at_once - 1):
            assert (
                await told(accounts, guessed, OTHER_PASSWORD, address)
            ).reason == "SIGN_IN_FAILED"
        assert (await accounts.sign_in(owner, PASSWORD, HOME)).person.email == owner
        # Nor is there an end to waiting for whoever guesses.
        assert (await told(accounts, guessed, OTHER_PASSWORD, address)).reason == "SIGN_IN_FAILED"
        assert (
            await told(accounts, guessed, OTHER_PASSWORD, address)
        ).retry_after == 2 * limit.first_wait


async def test_the_promised_time_comes_for_all_who_are_new_there(enrollment: Enrollment) -> None:
    """Neither refusals nor successes make it later."""
    newcomers = [await email_of(enrollment) for _ in range(3)]
    async with accounts_of(enrollment, Counting()) as accounts:
        await noise(enrollment)
        wait = (await told(accounts, newcomers[0])).retry_after
        assert wait is not None
        await told(accounts, newcomers[1], OTHER_PASSWORD)
        enrollment.clock.move(seconds=wait.total_seconds())
        for email in newcomers:
            assert (await accounts.sign_in(email, PASSWORD, SCHOOL)).person.email == email
        for _ in range(ADDRESS_LIMIT.at_once):
            assert (await told(accounts, newcomers[0], OTHER_PASSWORD)).reason == "SIGN_IN_FAILED"
        longer = await told(accounts, await email_of(enrollment))
        assert longer.retry_after == 2 * ADDRESS_LIMIT.first_wait


async def test_who_has_a_site_of_networks_does_not_try_accounts_without_end(
    enrollment: Enrollment,
) -> None:
    owner = await email_of(enrollment)
    networks = (f"2001:db8:1:{number:x}::1" for number in range(100))
    await failed(
        enrollment, "site", "2001:db8:1::/48", replace(SITE_LIMIT, free=SITE_LIMIT.free - 2)
    )
    async with accounts_of(enrollment, Counting()) as accounts:
        await accounts.sign_in(owner, PASSWORD, next(networks))
        for _ in range(2):
            refusal = await told(
                accounts, f"{new_id()}@example.org", OTHER_PASSWORD, next(networks)
            )
            assert refusal.reason == "SIGN_IN_FAILED"
        for _ in range(2):
            refusal = await told(
                accounts, f"{new_id()}@example.org", OTHER_PASSWORD, next(networks)
            )
            assert refusal.reason == "TOO_MANY_ATTEMPTS"
            assert refusal.retry_after == SITE_LIMIT.first_wait
        # Neither in the neighbourhood where one is known, nor in another, is anybody kept out.
        assert (await accounts.sign_in(owner, PASSWORD, "2001:db8:1::2")).person.email == owner
        assert (await accounts.sign_in(owner, PASSWORD, "2001:db8:2::1")).person.email == owner


async def test_who_hangs_up_has_made_an_attempt(enrollment: Enrollment) -> None:
    hashes = Counting()
    hashes.may_go_on.clear()
    async with accounts_of(enrollment, hashes) as accounts:
        attempt = asyncio.create_task(
            accounts.sign_in(f"{new_id()}@example.org", OTHER_PASSWORD, SCHOOL)
        )
        await hashes.begun.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
    assert await counted(enrollment) == {
        "sign_in_address": [1],
        "sign_in_account": [1],
        "sign_in_everywhere": [1],
    }


async def test_when_too_many_wait_one_more_is_told_when_to_come_back_and_nothing_is_counted(
    enrollment: Enrollment,
) -> None:
    hashes = Counting(places=2, most_of_one=1)
    hashes.may_go_on.clear()
    known, other = await email_of(enrollment), await email_of(enrollment)
    async with accounts_of(enrollment, hashes) as accounts:
        first = asyncio.create_task(accounts.sign_in(known, PASSWORD, SCHOOL))
        await hashes.begun.wait()
        here = await told(accounts, other, address=SCHOOL)
        assert (here.kind, here.reason) == (Kind.EXHAUSTED, "TOO_MANY_AT_ONCE")
        assert here.retry_after == timedelta(seconds=3)
        assert "try again in 3 seconds" in here.message
        # Who floods from one network leaves places to others, up to a number.
        hashes.begun.clear()
        second = asyncio.create_task(accounts.sign_in(other, PASSWORD, HOME))
        await hashes.begun.wait()
        assert (await told(accounts, other, address=LIBRARY)).reason == "TOO_MANY_AT_ONCE"
        hashes.may_go_on.set()
        assert (await first).person.email == known
        assert (await second).person.email == other
        assert await counted(enrollment) == {}
        assert (await accounts.sign_in(other, PASSWORD, LIBRARY)).person.email == other


async def test_who_comes_from_elsewhere_takes_a_place_of_the_network_that_has_most(
    enrollment: Enrollment,
) -> None:
    hashes = Counting(places=4, most_of_one=4)
    hashes.may_go_on.clear()
    owner = await email_of(enrollment)
    async with accounts_of(enrollment, hashes) as accounts:
        flood = [
            asyncio.create_task(
                told(accounts, f"{new_id()}@example.org", OTHER_PASSWORD, address=SCHOOL)
            )
            for _ in range(4)
        ]
        await hashes.begun.wait()
        home = asyncio.create_task(accounts.sign_in(owner, PASSWORD, HOME))
        pushed_out = await flood[-1]
        assert (pushed_out.kind, pushed_out.reason) == (Kind.EXHAUSTED, "TOO_MANY_AT_ONCE")
        hashes.may_go_on.set()
        assert (await home).person.email == owner
        assert [each.reason for each in await asyncio.gather(*flood[:3])] == ["SIGN_IN_FAILED"] * 3
    # Who was not looked at has made no attempt.
    assert await counted(enrollment) == {
        "sign_in_address": [3],
        "sign_in_account": [1, 1, 1],
        "sign_in_everywhere": [1, 1, 1],
    }
