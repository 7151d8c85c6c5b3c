from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import grpc
import pytest
from sqlalchemy import select, update

from proctorium.enrollment.events.v1.events_pb2 import PersonSignedOut
from proctorium.enrollment.v1.accounts_pb2 import (
    GetMeRequest,
    RefreshTokenRequest,
    SetPasswordRequest,
    SignInRequest,
    SignInResponse,
    SignOutEverywhereRequest,
    SignOutRequest,
)
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.rpc.status import error_of
from proctorium_devstack.demo.waiting import PATIENCE_SECONDS
from proctorium_enrollment.domain.sign_ins import LONGEST
from proctorium_enrollment.operations.accounts import Accounts
from proctorium_enrollment.operations.sign_in_attempts import (
    ACCOUNT_LIMIT,
    EVERYWHERE_LIMIT,
)
from proctorium_enrollment.operations.signing import Signing
from proctorium_enrollment.storage.password_hashes import PasswordHashes, Turn
from proctorium_enrollment.storage.tables import (
    attempt_failures,
    credentials,
    people,
    refresh_tokens,
    sign_ins,
)

from .enrollment import PASSWORD, Enrollment, eventually_refused, refused

OTHER = "harbour-violin-31"
GRACE = timedelta(seconds=30)
IDLE_LIMIT = timedelta(hours=1)
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"


async def sign_in(
    enrollment: Enrollment,
    email: str,
    password: str = PASSWORD,
    *,
    address: str = HERE,
    stay_signed_in: bool = False,
) -> SignInResponse:
    """As somebody signs in whom the edge sees at `address`."""
    request = SignInRequest(email=email, password=password, stay_signed_in=stay_signed_in)
    metadata = (("x-forwarded-for", address),)
    # Many at once take turns: on a busy machine the last waits longer than a call has by default.
    return await enrollment.anonymous.accounts.SignIn(
        request, metadata=metadata, timeout=PATIENCE_SECONDS
    )


class HeldTurn(Turn):
    """A turn of `Held`."""

    def __init__(self, hashes: Held, turn: Turn) -> None:
        self._hashes = hashes
        self.make, self._matches = turn.make, turn.matches  # type: ignore[method-assign]

    async def matches(self, password: str, password_hash: str | None) -> bool:
        found = await self._matches(password, password_hash)
        self._hashes.checked.set()
        await self._hashes.may_go_on.wait()
        return found


class Held(PasswordHashes):
    """Hashes that tell when a password was checked, and go on when they may."""

    def __init__(self) -> None:
        super().__init__(memory_kib=64, passes=1)
        self.checked, self.may_go_on = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def turn(self, group: str) -> AsyncIterator[Turn]:
        async with super().turn(group) as turn:
            yield HeldTurn(self, turn)


@asynccontextmanager
async def held(enrollment: Enrollment) -> AsyncIterator[tuple[Accounts, Held]]:
    """Accounts of another replica, which are held between the check of a password and what follows from it."""
    seals, hashes = enrollment.served.service.settings.seals(), Held()
    signing = Signing(seals.signing_keys)
    yield (
        Accounts(
            enrollment.database, hashes, seals, signing, refresh_grace=GRACE, idle_limit=IDLE_LIMIT
        ),
        hashes,
    )
    await hashes.close()


async def reset(enrollment: Enrollment, person_id: str, password: str) -> None:
    request = SetPasswordRequest(person_id=person_id, new_password=password)
    await enrollment.administrator.accounts.SetPassword(request)


async def refresh(enrollment: Enrollment, token: str) -> str:
    answer = await enrollment.anonymous.accounts.RefreshToken(
        RefreshTokenRequest(refresh_token=token)
    )
    return answer.tokens.refresh_token


async def test_signing_in_gives_tokens_and_says_who_one_is(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    answer = await sign_in(enrollment, person.email.upper())
    assert answer.person == person
    expires = answer.tokens.access_expire_time.ToDatetime(enrollment.clock.now.tzinfo)
    assert expires == enrollment.clock.now + timedelta(minutes=10)
    assert answer.tokens.refresh_token


async def test_a_wrong_password_and_an_unknown_address_are_refused_alike(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    wrong = await refused(sign_in(enrollment, person.email, OTHER))
    unknown = await refused(sign_in(enrollment, "nobody@example.org", OTHER))
    assert (wrong.kind, wrong.reason) == (Kind.UNAUTHENTICATED, "SIGN_IN_FAILED")
    assert (unknown.kind, unknown.reason, unknown.message) == (
        wrong.kind,
        wrong.reason,
        wrong.message,
    )
    assert await enrollment.count(sign_ins) == 0


async def test_who_has_no_password_cannot_sign_in(enrollment: Enrollment) -> None:
    person = await enrollment.person()
    assert (await refused(sign_in(enrollment, person.email))).reason == "SIGN_IN_FAILED"


async def test_after_some_failures_one_has_to_wait_and_the_wait_grows(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    for _ in range(ACCOUNT_LIMIT.free):
        failed = await refused(sign_in(enrollment, person.email, OTHER))
        assert failed.reason == "SIGN_IN_FAILED"
    limited = await refused(sign_in(enrollment, person.email))
    assert (limited.kind, limited.reason) == (Kind.EXHAUSTED, "TOO_MANY_ATTEMPTS")
    assert limited.retry_after == ACCOUNT_LIMIT.first_wait
    enrollment.clock.move(seconds=2)
    assert (await refused(sign_in(enrollment, person.email, OTHER))).reason == "SIGN_IN_FAILED"
    again = await refused(sign_in(enrollment, person.email))
    assert again.retry_after == 2 * ACCOUNT_LIMIT.first_wait
    assert await enrollment.count(sign_ins) == 0


async def test_wrong_passwords_from_one_place_make_nobody_wait_in_another(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    for _ in range(ACCOUNT_LIMIT.free):
        await refused(sign_in(enrollment, person.email, OTHER, address=ELSEWHERE))
    guesser = await refused(sign_in(enrollment, person.email, OTHER, address=ELSEWHERE))
    assert guesser.reason == "TOO_MANY_ATTEMPTS"
    assert (await sign_in(enrollment, person.email)).person == person
    # Nor does the owner's success let the guesser go on.
    guesser = await refused(sign_in(enrollment, person.email, address=ELSEWHERE))
    assert guesser.reason == "TOO_MANY_ATTEMPTS"


async def test_many_places_together_have_to_wait_but_not_where_one_has_signed_in_before(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    await sign_in(enrollment, person.email)
    await guessed_from_many_places(enrollment, person.email)
    for password in (OTHER, PASSWORD):
        limited = await refused(sign_in(enrollment, person.email, password, address=ELSEWHERE))
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
            await refused(sign_in(enrollment, email, OTHER, address=address))
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
        await refused(sign_in(enrollment, person.email, OTHER))
    await sign_in(enrollment, person.email)
    assert (await refused(sign_in(enrollment, person.email, OTHER))).reason == "SIGN_IN_FAILED"
    assert (await sign_in(enrollment, person.email)).person == person


async def test_one_accounts_failures_do_not_stop_another(enrollment: Enrollment) -> None:
    victim = await enrollment.person(password=PASSWORD)
    other = await enrollment.person(password=PASSWORD)
    for _ in range(ACCOUNT_LIMIT.free + 1):
        await refused(sign_in(enrollment, victim.email, OTHER))
    assert (await sign_in(enrollment, other.email)).person == other


async def test_however_many_come_at_once_none_is_made_uncounted(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    refusals = await asyncio.gather(
        *(refused(sign_in(enrollment, person.email, OTHER)) for _ in range(20))
    )
    reasons = [refusal.reason for refusal in refusals]
    assert reasons.count("SIGN_IN_FAILED") == ACCOUNT_LIMIT.free
    assert reasons.count("TOO_MANY_ATTEMPTS") == 20 - ACCOUNT_LIMIT.free


async def test_replicas_count_together(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    seals = enrollment.served.service.settings.seals()
    hashes = PasswordHashes(memory_kib=64, passes=1)
    signing = Signing(seals.signing_keys)
    replicas = [
        Accounts(
            enrollment.database, hashes, seals, signing, refresh_grace=GRACE, idle_limit=IDLE_LIMIT
        )
        for _ in range(2)
    ]

    async def attempt(replica: Accounts) -> str:
        with pytest.raises(ServiceError) as refusal:
            await replica.sign_in(person.email, OTHER, "192.0.2.1")
        return refusal.value.reason

    reasons = await asyncio.gather(*(attempt(replica) for replica in replicas * 6))
    await hashes.close()
    assert reasons.count("SIGN_IN_FAILED") == ACCOUNT_LIMIT.free
    assert reasons.count("TOO_MANY_ATTEMPTS") == 12 - ACCOUNT_LIMIT.free


async def test_the_table_of_failures_names_nobody(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    await refused(sign_in(enrollment, person.email, OTHER))
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


async def has_hash_of_earlier_parameters(enrollment: Enrollment, person_id: str) -> None:
    earlier = PasswordHashes(memory_kib=128, passes=1)
    async with earlier.turn("test") as turn, enrollment.database.transaction() as tx:
        await tx.execute(
            update(credentials)
            .where(credentials.c.person_id == person_id)
            .values(password_hash=await turn.make(PASSWORD))
        )
    await earlier.close()


async def test_who_signs_in_beside_another_who_makes_the_hash_anew_gets_in_too(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    await has_hash_of_earlier_parameters(enrollment, person.person_id)
    async with held(enrollment) as (accounts, hashes):
        late = asyncio.create_task(accounts.sign_in(person.email, PASSWORD, HERE))
        await hashes.checked.wait()
        await sign_in(enrollment, person.email)
        hashes.may_go_on.set()
        assert (await late).person.person_id == UUID(person.person_id)
    assert await enrollment.count(sign_ins) == 2
    assert await enrollment.count(attempt_failures) == 0


async def test_one_sets_ones_password_while_another_sign_in_makes_the_hash_anew(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    await has_hash_of_earlier_parameters(enrollment, person.person_id)
    caller = Caller(UUID(person.person_id), frozenset({"learner"}), None)
    async with held(enrollment) as (accounts, hashes):
        late = asyncio.create_task(accounts.set_password(caller, None, PASSWORD, OTHER))
        await hashes.checked.wait()
        await sign_in(enrollment, person.email)
        hashes.may_go_on.set()
        await late
    assert (await sign_in(enrollment, person.email, OTHER)).person == person


async def test_a_hash_of_earlier_parameters_is_made_anew(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    await has_hash_of_earlier_parameters(enrollment, person.person_id)
    await sign_in(enrollment, person.email)
    (row,) = await enrollment.rows(
        select(credentials.c.password_hash).where(credentials.c.person_id == person.person_id)
    )
    assert "m=64,t=1,p=1" in row.password_hash
    assert (await sign_in(enrollment, person.email)).person == person


# Cookies.


async def cookies_of(call: Any) -> list[str]:
    metadata = await call.initial_metadata()
    await call
    return [value for key, value in metadata if key == "set-cookie"]


async def test_a_browser_gets_both_tokens_as_cookies_its_pages_cannot_read(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    request = SignInRequest(email=person.email, password=PASSWORD)
    access, refreshing = await cookies_of(enrollment.anonymous.accounts.SignIn(request))
    assert access.startswith("__Host-proctorium_token=ey")
    assert refreshing.startswith("__Host-proctorium_refresh=")
    for cookie in (access, refreshing):
        assert "; Path=/;" in cookie
        assert cookie.endswith("; Secure; HttpOnly; SameSite=Strict")


@pytest.mark.parametrize("stay_signed_in", [False, True], ids=["browser-session", "longer"])
async def test_a_browser_stores_the_cookies_only_of_who_stays_signed_in(
    enrollment: Enrollment, stay_signed_in: bool
) -> None:
    person = await enrollment.person(password=PASSWORD)
    accounts = enrollment.anonymous.accounts
    request = SignInRequest(email=person.email, password=PASSWORD, stay_signed_in=stay_signed_in)
    first = await cookies_of(accounts.SignIn(request))
    kept = (("cookie", first[1].partition(";")[0]),)
    renewed = await cookies_of(accounts.RefreshToken(RefreshTokenRequest(), metadata=kept))
    # The response was lost, and the browser asks again.
    repeated = await cookies_of(accounts.RefreshToken(RefreshTokenRequest(), metadata=kept))
    for cookie in (*first, *renewed, *repeated):
        assert ("; Expires=" in cookie) is stay_signed_in
        assert "Max-Age" not in cookie


async def test_a_browser_refreshes_and_signs_out_by_its_cookie(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    accounts = enrollment.anonymous.accounts
    request = SignInRequest(email=person.email, password=PASSWORD)
    _, cookie = await cookies_of(accounts.SignIn(request))
    kept = (("cookie", f"a=b; {cookie.partition(';')[0]}"),)
    _, cookie = await cookies_of(accounts.RefreshToken(RefreshTokenRequest(), metadata=kept))
    kept = (("cookie", cookie.partition(";")[0]),)
    cleared = await cookies_of(accounts.SignOut(SignOutRequest(), metadata=kept))
    assert [text.partition(";")[0] for text in cleared] == [
        "__Host-proctorium_token=",
        "__Host-proctorium_refresh=",
    ]
    assert all("1970" in text for text in cleared)
    with pytest.raises(grpc.aio.AioRpcError) as gone:
        await accounts.RefreshToken(RefreshTokenRequest(), metadata=kept)
    assert error_of(gone.value).reason == "REFRESH_TOKEN_INVALID"


async def test_a_page_gets_tokens_as_cookies_and_not_in_a_response(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    accounts = enrollment.anonymous.accounts
    page = (("sec-fetch-site", "same-origin"), ("origin", "https://proctorium.example"))
    call = accounts.SignIn(SignInRequest(email=person.email, password=PASSWORD), metadata=page)
    _, cookie = await cookies_of(call)
    signed_in = await call
    assert signed_in.person == person
    kept = (*page, ("cookie", cookie.partition(";")[0]))
    renewed = await accounts.RefreshToken(RefreshTokenRequest(), metadata=kept)
    for tokens in (signed_in.tokens, renewed.tokens):
        assert (tokens.access_token, tokens.refresh_token) == ("", "")
        assert tokens.access_expire_time.seconds
        assert tokens.refresh_expire_time.seconds


async def test_a_page_of_another_site_signs_nobody_in_or_out(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    accounts = enrollment.anonymous.accounts
    tokens = (await sign_in(enrollment, person.email)).tokens
    other_site = (("sec-fetch-site", "cross-site"),)
    for call in (
        accounts.SignIn(SignInRequest(email=person.email, password=PASSWORD), metadata=other_site),
        accounts.RefreshToken(
            RefreshTokenRequest(refresh_token=tokens.refresh_token), metadata=other_site
        ),
        accounts.SignOut(SignOutRequest(refresh_token=tokens.refresh_token), metadata=other_site),
        enrollment.learner(person.person_id).accounts.SignOutEverywhere(
            SignOutEverywhereRequest(), metadata=other_site
        ),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert error_of(refused.value).reason == "OTHER_SITE"
        headers = [key for key, _ in await call.initial_metadata()]
        assert "set-cookie" not in headers
    await refresh(enrollment, tokens.refresh_token)


# Refreshing.


async def test_each_refresh_token_works_once_and_gives_the_next(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    token = (await sign_in(enrollment, person.email)).tokens.refresh_token
    tokens = [token]
    for _ in range(3):
        tokens.append(await refresh(enrollment, tokens[-1]))
    assert len(set(tokens)) == 4
    stored = await enrollment.rows(select(refresh_tokens.c.token_hash))
    assert all(text.encode() not in row.token_hash for text in tokens for row in stored)


async def test_a_token_that_is_used_twice_ends_the_sign_in(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    first = (await sign_in(enrollment, person.email)).tokens.refresh_token
    elsewhere = (await sign_in(enrollment, person.email)).tokens.refresh_token
    second = await refresh(enrollment, first)
    enrollment.clock.move(seconds=30)
    again = await refused(refresh(enrollment, first))
    assert (again.kind, again.reason) == (Kind.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID")
    assert (await refused(refresh(enrollment, second))).reason == "REFRESH_TOKEN_INVALID"
    # The sign-in on another device is another one.
    assert await refresh(enrollment, elsewhere)


async def test_a_lost_answer_is_told_again_for_a_while(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    first = (await sign_in(enrollment, person.email)).tokens.refresh_token
    lost = await refresh(enrollment, first)
    enrollment.clock.move(seconds=29)
    again = await enrollment.anonymous.accounts.RefreshToken(
        RefreshTokenRequest(refresh_token=first)
    )
    assert again.tokens.refresh_token == lost
    assert person.person_id in claims_of(again.tokens.access_token)
    assert await enrollment.count(sign_ins) == 1
    enrollment.clock.move(minutes=30)
    assert await refresh(enrollment, lost) != lost


async def test_two_tabs_that_refresh_at_once_end_up_with_the_same_token(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    first = (await sign_in(enrollment, person.email)).tokens.refresh_token
    tokens = await asyncio.gather(*(refresh(enrollment, first) for _ in range(8)))
    assert len(set(tokens)) == 1
    assert await refresh(enrollment, tokens[0])


async def test_a_repetition_is_told_the_newest_token_though_another_has_gone_on(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    first = (await sign_in(enrollment, person.email)).tokens.refresh_token
    second = await refresh(enrollment, first)
    third = await refresh(enrollment, second)
    assert await refresh(enrollment, first) == third
    # One that repeats forks nothing: whoever still holds what the other has used gives the theft away.
    enrollment.clock.move(minutes=9)
    fourth = await refresh(enrollment, third)
    enrollment.clock.move(minutes=9)
    assert (await refused(refresh(enrollment, third))).reason == "REFRESH_TOKEN_INVALID"
    assert (await refused(refresh(enrollment, fourth))).reason == "REFRESH_TOKEN_INVALID"


async def test_a_token_whose_time_is_over_is_not_told_again(enrollment: Enrollment) -> None:
    """At the end of the longest sign-in the newest token lives shorter than a lost answer is told again."""
    person = await enrollment.person(password=PASSWORD)
    first = (await sign_in(enrollment, person.email)).tokens.refresh_token
    signed_in = enrollment.clock.now - LONGEST + timedelta(seconds=10)
    async with enrollment.database.transaction() as tx:
        begun = update(sign_ins).where(sign_ins.c.person_id == UUID(person.person_id))
        await tx.execute(begun.values(created_at=signed_in))
    second = await refresh(enrollment, first)
    assert await refresh(enrollment, first) == second
    enrollment.clock.move(seconds=10)
    assert (await refused(refresh(enrollment, first))).reason == "REFRESH_TOKEN_INVALID"


async def test_a_sign_in_that_is_over_has_no_grace(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    first = (await sign_in(enrollment, person.email)).tokens.refresh_token
    second = await refresh(enrollment, first)
    await enrollment.anonymous.accounts.SignOut(SignOutRequest(refresh_token=second))
    assert (await refused(refresh(enrollment, first))).reason == "REFRESH_TOKEN_INVALID"


async def test_an_unknown_or_old_token_is_refused(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    token = (await sign_in(enrollment, person.email, stay_signed_in=True)).tokens.refresh_token
    assert (await refused(refresh(enrollment, "nonsense"))).reason == "REFRESH_TOKEN_INVALID"
    assert (await refused(refresh(enrollment, ""))).reason == "REFRESH_TOKEN_INVALID"
    enrollment.clock.move(hours=12)
    assert (await refused(refresh(enrollment, token))).reason == "REFRESH_TOKEN_INVALID"


async def test_a_sign_in_for_the_browser_session_ends_when_it_is_idle(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    token = (await sign_in(enrollment, person.email)).tokens.refresh_token
    # An exam of three hours, of which half an hour without a connection.
    for minutes in [10] * 15 + [40]:
        enrollment.clock.move(minutes=minutes)
        token = await refresh(enrollment, token)
    enrollment.clock.move(minutes=59, seconds=59)
    token = await refresh(enrollment, token)
    enrollment.clock.move(hours=1)
    assert (await refused(refresh(enrollment, token))).reason == "REFRESH_TOKEN_INVALID"


async def test_who_stays_signed_in_may_be_away_for_hours_after_each_renewal(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    token = (await sign_in(enrollment, person.email, stay_signed_in=True)).tokens.refresh_token
    for _ in range(3):
        enrollment.clock.move(hours=11, minutes=59)
        token = await refresh(enrollment, token)


async def test_new_tokens_say_the_present_roles(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    signed_in = await sign_in(enrollment, person.email)
    async with enrollment.database.transaction() as tx:
        await tx.execute(
            update(people)
            .where(people.c.person_id == person.person_id)
            .values(roles=["learner", "proctor"])
        )
    answer = await enrollment.anonymous.accounts.RefreshToken(
        RefreshTokenRequest(refresh_token=signed_in.tokens.refresh_token)
    )
    assert '"roles":["learner","proctor"]' in claims_of(answer.tokens.access_token)


def claims_of(token: str) -> str:
    import base64

    body = token.split(".")[1]
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()


async def test_signing_out_twice_is_fine(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    token = (await sign_in(enrollment, person.email)).tokens.refresh_token
    for _ in range(2):
        await enrollment.anonymous.accounts.SignOut(SignOutRequest(refresh_token=token))
    assert (await refused(refresh(enrollment, token))).reason == "REFRESH_TOKEN_INVALID"
    await enrollment.anonymous.accounts.SignOut(SignOutRequest())


# Who one is.


async def test_get_me_says_who_is_signed_in(enrollment: Enrollment) -> None:
    person = await enrollment.person()
    answer = await enrollment.learner(person.person_id).accounts.GetMe(GetMeRequest())
    assert answer.person == person


async def test_get_me_needs_somebody_known(enrollment: Enrollment) -> None:
    nobody = await refused(enrollment.anonymous.accounts.GetMe(GetMeRequest()))
    assert nobody.reason == "TOKEN_MISSING"
    unknown = await refused(enrollment.client(new_id(), "learner").accounts.GetMe(GetMeRequest()))
    assert unknown.reason == "NOT_FOUND"


async def test_an_expired_token_is_refused(enrollment: Enrollment) -> None:
    person = await enrollment.person()
    client = enrollment.learner(person.person_id)
    await client.accounts.GetMe(GetMeRequest())
    enrollment.clock.move(hours=1)
    assert (await refused(client.accounts.GetMe(GetMeRequest()))).reason == "TOKEN_EXPIRED"


# Signing out everywhere.


async def test_one_signs_out_everywhere(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    tokens = [
        (await sign_in(enrollment, person.email, stay_signed_in=stays)).tokens.refresh_token
        for stays in (False, True)
    ]
    other = await enrollment.person(password=PASSWORD)
    others_token = (await sign_in(enrollment, other.email)).tokens.refresh_token
    accounts = enrollment.learner(person.person_id).accounts
    await accounts.GetMe(GetMeRequest())
    await accounts.SignOutEverywhere(SignOutEverywhereRequest())
    ended = await eventually_refused(lambda: accounts.GetMe(GetMeRequest()))
    assert ended.reason == "TOKEN_INVALID"
    for token in tokens:
        assert (await refused(refresh(enrollment, token))).reason == "REFRESH_TOKEN_INVALID"
    (told,) = await enrollment.events(PersonSignedOut)
    assert (told.person_id, told.access_version) == (person.person_id, 1)
    assert await refresh(enrollment, others_token)
    # The password stays, and what is signed from now on is accepted.
    assert await refresh(enrollment, (await sign_in(enrollment, person.email)).tokens.refresh_token)


async def test_an_administrator_signs_anybody_out_and_a_repetition_ends_no_newer_sign_in(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    token = (await sign_in(enrollment, person.email)).tokens.refresh_token
    request = SignOutEverywhereRequest(request_id=str(new_id()), person_id=person.person_id)
    await enrollment.administrator.accounts.SignOutEverywhere(request)
    assert (await refused(refresh(enrollment, token))).reason == "REFRESH_TOKEN_INVALID"
    newer = (await sign_in(enrollment, person.email)).tokens.refresh_token
    await enrollment.administrator.accounts.SignOutEverywhere(request)
    assert await refresh(enrollment, newer)
    assert len(await enrollment.events(PersonSignedOut)) == 1


async def test_nobody_else_signs_a_person_out(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    token = (await sign_in(enrollment, person.email)).tokens.refresh_token
    other = enrollment.client(new_id(), "learner", "proctor").accounts
    request = SignOutEverywhereRequest(person_id=person.person_id)
    assert (await refused(other.SignOutEverywhere(request))).reason == "NOT_FOUND"
    unknown = SignOutEverywhereRequest(person_id=str(new_id()))
    gone = await refused(enrollment.administrator.accounts.SignOutEverywhere(unknown))
    assert gone.reason == "NOT_FOUND"
    wrong = SignOutEverywhereRequest(person_id="nobody")
    malformed = await refused(enrollment.administrator.accounts.SignOutEverywhere(wrong))
    assert (malformed.reason, malformed.metadata["field"]) == ("INVALID_ID", "person_id")
    assert await refresh(enrollment, token)


# Passwords.


async def test_one_sets_ones_own_password_with_the_present_one(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    token = (await sign_in(enrollment, person.email)).tokens.refresh_token
    accounts = enrollment.learner(person.person_id).accounts
    await accounts.GetMe(GetMeRequest())
    await accounts.SetPassword(SetPasswordRequest(present_password=PASSWORD, new_password=OTHER))
    ended = await eventually_refused(lambda: accounts.GetMe(GetMeRequest()))
    assert ended.reason == "TOKEN_INVALID"
    assert (await refused(sign_in(enrollment, person.email))).reason == "SIGN_IN_FAILED"
    assert (await refused(refresh(enrollment, token))).reason == "REFRESH_TOKEN_INVALID"
    assert (await sign_in(enrollment, person.email, OTHER)).person == person


async def test_of_several_who_replace_one_password_at_once_one_does(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    accounts = enrollment.learner(person.person_id).accounts
    new = [f"{OTHER}-{number}" for number in range(3)]
    answers = await asyncio.gather(
        *(
            accounts.SetPassword(SetPasswordRequest(present_password=PASSWORD, new_password=each))
            for each in new
        ),
        return_exceptions=True,
    )
    told = {
        password: error_of(answer).reason
        for password, answer in zip(new, answers, strict=True)
        if isinstance(answer, grpc.aio.AioRpcError)
    }
    # A call that arrives after the first has ended is refused with the token that it ended.
    assert len(told) == 2
    assert set(told.values()) <= {"SIGN_IN_FAILED", "TOKEN_INVALID"}
    (kept,) = set(new) - set(told)
    assert (await sign_in(enrollment, person.email, kept)).person == person


async def test_a_password_that_was_reset_meanwhile_is_not_replaced(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    person_id = UUID(person.person_id)
    caller = Caller(person_id, frozenset({"learner"}), None)
    async with held(enrollment) as (accounts, hashes):
        late = asyncio.create_task(accounts.set_password(caller, None, PASSWORD, f"{OTHER}-late"))
        await hashes.checked.wait()
        await reset(enrollment, person.person_id, OTHER)
        hashes.may_go_on.set()
        with pytest.raises(ServiceError) as refusal:
            await late
    assert refusal.value.reason == "SIGN_IN_FAILED"
    assert (await sign_in(enrollment, person.email, OTHER)).person == person


async def test_a_sign_in_does_not_outlive_the_password_it_was_begun_with(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    async with held(enrollment) as (accounts, hashes):
        late = asyncio.create_task(accounts.sign_in(person.email, PASSWORD, HERE))
        await hashes.checked.wait()
        await reset(enrollment, person.person_id, OTHER)
        hashes.may_go_on.set()
        with pytest.raises(ServiceError) as refusal:
            await late
    assert refusal.value.reason == "SIGN_IN_FAILED"
    assert await enrollment.count(sign_ins) == 0


async def test_the_wrong_present_password_changes_nothing_and_is_counted(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    accounts = enrollment.learner(person.person_id).accounts
    request = SetPasswordRequest(present_password=OTHER, new_password=OTHER)
    for _ in range(ACCOUNT_LIMIT.free):
        assert (await refused(accounts.SetPassword(request))).reason == "SIGN_IN_FAILED"
    assert (await refused(accounts.SetPassword(request))).reason == "TOO_MANY_ATTEMPTS"
    # Only who is signed in can fail here, so signing in does not wait for it.
    assert (await sign_in(enrollment, person.email)).person == person


async def test_a_weak_password_is_refused(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    accounts = enrollment.learner(person.person_id).accounts
    request = SetPasswordRequest(present_password=PASSWORD, new_password="password1234")
    assert (await refused(accounts.SetPassword(request))).reason == "PASSWORD_TOO_WEAK"
    assert (await sign_in(enrollment, person.email)).person == person


async def test_an_administrator_sets_anybodys_password(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    token = (await sign_in(enrollment, person.email)).tokens.refresh_token
    await enrollment.administrator.accounts.SetPassword(
        SetPasswordRequest(person_id=person.person_id, new_password=OTHER)
    )
    assert (await sign_in(enrollment, person.email, OTHER)).person == person
    assert (await refused(refresh(enrollment, token))).reason == "REFRESH_TOKEN_INVALID"


async def test_nobody_else_does(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    other = enrollment.client(new_id(), "learner", "proctor")
    request = SetPasswordRequest(person_id=person.person_id, new_password=OTHER)
    assert (await refused(other.accounts.SetPassword(request))).reason == "NOT_FOUND"
    request = SetPasswordRequest(person_id=str(new_id()), new_password=OTHER)
    gone = await refused(enrollment.administrator.accounts.SetPassword(request))
    assert gone.reason == "NOT_FOUND"
    assert (await sign_in(enrollment, person.email)).person == person
