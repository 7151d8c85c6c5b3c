from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.message import Message
from sqlalchemy import select

from proctorium.enrollment.v1.codes_pb2 import (
    IssueCodeRequest,
    ListCodesRequest,
    RedeemCodeRequest,
    ReplaceCodeRequest,
    RevokeCodeRequest,
)
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_common.rpc.status import error_in
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.domain.throttling import (
    FIRST_WAIT,
    FREE_CODES_OF_NETWORK,
    FREE_OF_PERSON,
)
from proctorium_enrollment.operations.redemption import Asked, Redeemed, Redemption
from proctorium_enrollment.storage.tables import failed_entries, redemptions

from .enrollment import (
    Enrollment,
    Scheduled,
    cancelled_event,
    ended_event,
    stamp,
)

WRONG = "zZzZ9999"


async def code_id_of(enrollment: Enrollment, session: Scheduled) -> str:
    request = ListCodesRequest(session_id=session.session_id)
    return (await enrollment.administrator.codes.ListCodes(request)).codes[0].code_id


async def issue(enrollment: Enrollment, session: Scheduled, **fields: Any) -> str:
    """Issue a further code and return its text."""
    request = IssueCodeRequest(session_id=session.session_id, **fields)
    return (await enrollment.administrator.codes.IssueCode(request)).code.text


async def not_admitted(
    enrollment: Enrollment, text: str, person_id: str, address: str = "192.0.2.1"
) -> ServiceError:
    """Return the error with which a code is refused; fail if it succeeds or if anybody is admitted."""
    before = await enrollment.count(redemptions)
    told = await refusal(enrollment.redeem(text, person_id, address))
    assert await enrollment.count(redemptions) == before
    return told


async def test_a_code_admits_a_registered_learner(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    admitted = await enrollment.redeem(f"  {session.code}\n", learner)
    assert admitted.session_id == session.session_id
    assert admitted.code_id == await code_id_of(enrollment, session)
    assert not admitted.rejoin
    (row,) = await enrollment.rows(
        select(redemptions).where(redemptions.c.session_id == session.session_id)
    )
    assert str(row.person_id) == learner


async def test_a_shared_code_admits_whoever_is_registered(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    unexpected = await enrollment.registered_learner(session.course.course_id)
    assert (await enrollment.redeem(session.code, unexpected)).session_id == session.session_id


async def test_redeeming_again_is_a_rejoin(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    assert not (await enrollment.redeem(session.code, learner)).rejoin
    for _ in range(2):
        assert (await enrollment.redeem(session.code, learner)).rejoin
    assert await enrollment.count(redemptions) == 1


async def test_however_many_devices_redeem_at_once_one_admits(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    answers = await asyncio.gather(*(enrollment.redeem(session.code, learner) for _ in range(8)))
    assert sorted(answer.rejoin for answer in answers) == [False] + [True] * 7
    assert await enrollment.count(redemptions) == 1


@pytest.mark.parametrize("how", ["expired", "revoked", "replaced"])
async def test_a_rejoin_is_allowed_as_long_as_the_session_lives(
    enrollment: Enrollment, how: str
) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    end = enrollment.clock.now + timedelta(minutes=10)
    code = await issue(enrollment, session, valid_until_time=stamp(end))
    await enrollment.redeem(code, learner)
    await enrollment.start(session)
    code_id = await code_id_of(enrollment, session)
    if how == "expired":
        enrollment.clock.move(hours=4)
    elif how == "revoked":
        await enrollment.administrator.codes.RevokeCode(RevokeCodeRequest(code_id=code_id))
    else:
        await enrollment.administrator.codes.ReplaceCode(ReplaceCodeRequest(code_id=code_id))
    assert (await enrollment.redeem(code, learner)).rejoin
    await enrollment.tell(ended_event(session))
    assert (await not_admitted(enrollment, code, learner)).reason == "SESSION_ENDED"


@pytest.mark.parametrize("how", ["revoked", "replaced", "too many failed code entries"])
async def test_who_redeemed_and_never_joined_is_told_what_a_newcomer_is(
    enrollment: Enrollment, how: str
) -> None:
    """Session orchestration refuses with it: redeeming is not joining."""
    session = await enrollment.session()
    (learner,) = session.learner_ids
    code_id = await code_id_of(enrollment, session)
    await enrollment.redeem(session.code, learner)
    assert not (await enrollment.redeem(session.code, learner)).newcomer_refusal
    if how == "revoked":
        await enrollment.administrator.codes.RevokeCode(RevokeCodeRequest(code_id=code_id))
    elif how == "replaced":
        await enrollment.administrator.codes.ReplaceCode(ReplaceCodeRequest(code_id=code_id))
    else:
        await guess(enrollment, learner, FREE_OF_PERSON)
    told = error_in((await enrollment.redeem(session.code, learner)).newcomer_refusal)
    newcomer = await enrollment.registered_learner(session.course.course_id)
    if how == "too many failed code entries":
        assert (told.kind, told.reason) == (Kind.EXHAUSTED, "TOO_MANY_FAILED_CODE_ENTRIES")
        assert told.retry_after == FIRST_WAIT
    else:
        refusal_of_newcomer = await not_admitted(enrollment, session.code, newcomer)
        assert (told.kind, told.reason) == (refusal_of_newcomer.kind, refusal_of_newcomer.reason)
        assert told.reason == f"CODE_{how.upper()}"


async def test_who_joined_by_one_code_rejoins_by_its_replacement(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    await enrollment.redeem(session.code, learner)
    code_id = await code_id_of(enrollment, session)
    request = ReplaceCodeRequest(code_id=code_id)
    replaced = await enrollment.administrator.codes.ReplaceCode(request)
    assert (await enrollment.redeem(replaced.code.text, learner)).rejoin


# What was pasted.


@pytest.mark.parametrize("text", ["x", "!" * 60, "My code is Kf7Q2mXa"])
async def test_a_text_that_cannot_be_a_code_is_said_to_be_so_and_is_no_guess(
    enrollment: Enrollment, text: str
) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    for _ in range(2 * FREE_OF_PERSON):
        told = await not_admitted(enrollment, text, learner)
        assert (told.kind, told.reason) == (Kind.INVALID, "CODE_MALFORMED")
        assert [each.field for each in told.violations] == ["text"]
    assert await enrollment.count(failed_entries) == 0
    pasted = f"\u200b{session.code[:4]}\u2011{session.code[4:]}\n"
    assert (await enrollment.redeem(pasted, learner)).session_id == session.session_id


# Each reason.


async def test_wrong_codes_all_look_the_same(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    told = [
        await not_admitted(enrollment, text, learner)
        for text in (WRONG, session.code.swapcase(), "zZzZ99")
    ]
    assert {(one.kind, one.reason) for one in told} == {(Kind.NOT_FOUND, "CODE_INVALID")}
    assert len({one.message for one in told}) == 1
    assert "upper and lower case" in told[0].message


@pytest.mark.parametrize("hours", [0, 4], ids=["before the lobby opens", "after the planned end"])
async def test_a_code_without_a_window_leaves_it_to_the_lobby_who_may_enter(
    enrollment: Enrollment, hours: int
) -> None:
    session = await enrollment.session(lobby_opens=timedelta(minutes=30))
    enrollment.clock.move(hours=hours)
    (learner,) = session.learner_ids
    assert (await enrollment.redeem(session.code, learner)).session_id == session.session_id


async def test_an_early_code_says_when(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    begin = enrollment.clock.now + timedelta(minutes=30)
    code = await issue(enrollment, session, valid_from_time=stamp(begin))
    told = await not_admitted(enrollment, code, learner)
    assert (told.kind, told.reason) == (Kind.INVALID_STATE_TRANSITION, "CODE_NOT_YET_VALID")
    assert told.metadata["valid_from"] == begin.isoformat()
    enrollment.clock.move(minutes=30)
    assert (await enrollment.redeem(code, learner)).session_id == session.session_id


async def test_an_expired_code_says_so(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    end = enrollment.clock.now + timedelta(minutes=10)
    code = await issue(enrollment, session, valid_until_time=stamp(end))
    enrollment.clock.move(minutes=10)
    told = await not_admitted(enrollment, code, session.learner_ids[0])
    assert (told.kind, told.reason) == (Kind.INVALID_STATE_TRANSITION, "CODE_EXPIRED")


async def test_a_revoked_code_says_so(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    request = RevokeCodeRequest(code_id=await code_id_of(enrollment, session))
    await enrollment.administrator.codes.RevokeCode(request)
    told = await not_admitted(enrollment, session.code, session.learner_ids[0])
    assert (told.kind, told.reason) == (Kind.INVALID_STATE_TRANSITION, "CODE_REVOKED")


async def test_a_replaced_code_says_so_and_the_new_one_works(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    request = ReplaceCodeRequest(code_id=await code_id_of(enrollment, session))
    new = (await enrollment.administrator.codes.ReplaceCode(request)).code
    told = await not_admitted(enrollment, session.code, learner)
    assert (told.kind, told.reason) == (Kind.INVALID_STATE_TRANSITION, "CODE_REPLACED")
    assert (await enrollment.redeem(new.text, learner)).code_id == new.code_id


async def test_a_personal_code_is_for_one_learner(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    other = await enrollment.registered_learner(session.course.course_id)
    request = IssueCodeRequest(session_id=session.session_id, person_id=other)
    personal = (await enrollment.administrator.codes.IssueCode(request)).code
    told = await not_admitted(enrollment, personal.text, learner)
    assert (told.kind, told.reason) == (Kind.INVALID_STATE_TRANSITION, "NOT_YOUR_CODE")
    assert (await enrollment.redeem(personal.text, other)).session_id == session.session_id


async def test_who_is_not_registered_in_the_course_is_not_admitted(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    person = await enrollment.person()
    told = await not_admitted(enrollment, session.code, person.person_id)
    assert told.reason == "NOT_YOUR_CODE"
    assert (await not_admitted(enrollment, session.code, str(new_id()))).reason == "NOT_YOUR_CODE"


@pytest.mark.parametrize(
    ("over", "reason"),
    [(ended_event, "SESSION_ENDED"), (cancelled_event, "SESSION_CANCELLED")],
    ids=["ended", "cancelled"],
)
async def test_a_session_that_is_over_admits_nobody(
    enrollment: Enrollment, over: Callable[[Scheduled], Message], reason: str
) -> None:
    session = await enrollment.session()
    await enrollment.tell(over(session))
    told = await not_admitted(enrollment, session.code, session.learner_ids[0])
    assert (told.kind, told.reason) == (Kind.INVALID_STATE_TRANSITION, reason)


async def test_only_session_orchestration_redeems(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    request = RedeemCodeRequest(text=session.code, person_id=learner)
    for client in (enrollment.administrator, enrollment.learner(learner)):
        assert (await refusal(client.codes.RedeemCode(request))).reason == "NOT_ALLOWED"
    assert await enrollment.count(redemptions) == 0


# Guessing.


async def guess(enrollment: Enrollment, person_id: str, times: int, address: str = "") -> None:
    for _ in range(times):
        assert (await not_admitted(enrollment, WRONG, person_id, address)).reason == "CODE_INVALID"


async def test_a_failed_entry_is_counted_although_the_call_is_refused(
    enrollment: Enrollment,
) -> None:
    session = await enrollment.session()
    await guess(enrollment, session.learner_ids[0], 3, "192.0.2.1")
    rows = await enrollment.rows(
        select(failed_entries).where(failed_entries.c.first_at == enrollment.clock.now)
    )
    assert {(row.kind, row.failures) for row in rows} == {
        ("code_person", 3),
        ("code_network", 3),
    }


async def test_a_guesser_has_to_wait_and_the_wait_grows(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    await guess(enrollment, learner, FREE_OF_PERSON)
    told = await not_admitted(enrollment, session.code, learner)
    assert (told.kind, told.reason) == (Kind.EXHAUSTED, "TOO_MANY_FAILED_CODE_ENTRIES")
    assert told.retry_after == FIRST_WAIT
    enrollment.clock.move(seconds=2)
    await guess(enrollment, learner, 1)
    assert (await not_admitted(enrollment, WRONG, learner)).retry_after == 2 * FIRST_WAIT
    enrollment.clock.move(seconds=4)
    assert (await enrollment.redeem(session.code, learner)).session_id == session.session_id


async def test_guesses_at_once_are_all_counted(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    told = await asyncio.gather(*(refusal(enrollment.redeem(WRONG, learner)) for _ in range(20)))
    reasons = [one.reason for one in told]
    assert reasons.count("CODE_INVALID") == FREE_OF_PERSON
    assert reasons.count("TOO_MANY_FAILED_CODE_ENTRIES") == 20 - FREE_OF_PERSON


async def test_replicas_count_together(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    learner = UUID(session.learner_ids[0])
    keys = enrollment.served.service.settings.encryption_keys()

    async def fail(replica: Redemption) -> str:
        with pytest.raises(ServiceError) as refusal:
            await replica.redeem(Asked(WRONG, learner, "192.0.2.1"))
        return refusal.value.reason

    replicas = [Redemption(enrollment.database, keys.codes, keys.throttling) for _ in range(2)]
    reasons = await asyncio.gather(*(fail(replica) for replica in replicas * 6))
    assert reasons.count("CODE_INVALID") == FREE_OF_PERSON
    assert reasons.count("TOO_MANY_FAILED_CODE_ENTRIES") == 12 - FREE_OF_PERSON


async def test_each_of_those_who_share_a_commit_is_answered_as_if_alone(
    enrollment: Enrollment,
) -> None:
    session = await enrollment.session()
    learner, guessers = UUID(session.learner_ids[0]), [new_id(), new_id()]
    keys = enrollment.served.service.settings.encryption_keys()
    redemption = Redemption(enrollment.database, keys.codes, keys.throttling)
    address = "192.0.2.77"
    asked = [
        Asked(WRONG, guessers[0], address),
        Asked(session.code, learner, address),
        Asked(session.code, guessers[1], address),
    ]
    async with enrollment.database.transaction() as tx:
        first, admitted, second = await redemption.redeem_all(tx, asked)
    assert isinstance(first, ServiceError)
    assert first.reason == "CODE_INVALID"
    assert isinstance(second, ServiceError)
    assert second.reason == "NOT_YOUR_CODE"
    assert isinstance(admitted, Redeemed)
    assert str(admitted.session_id) == session.session_id
    assert (await enrollment.redeem(session.code, str(learner))).rejoin
    named = [f"code_person:{each}" for each in guessers] + [f"code_network:{address}"]
    marks = [keys.throttling.blind_index(each) for each in named]
    counted = select(failed_entries.c.failures).where(failed_entries.c.digest.in_(marks))
    assert sorted(row.failures for row in await enrollment.rows(counted)) == [1, 1, 2]


async def test_trying_anothers_code_counts_as_guessing(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    person = await enrollment.person()
    for _ in range(FREE_OF_PERSON):
        told = await not_admitted(enrollment, session.code, person.person_id)
        assert told.reason == "NOT_YOUR_CODE"
    told = await not_admitted(enrollment, session.code, person.person_id)
    assert told.reason == "TOO_MANY_FAILED_CODE_ENTRIES"


async def test_entering_a_code_too_early_does_not(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    begin = enrollment.clock.now + timedelta(minutes=30)
    code = await issue(enrollment, session, valid_from_time=stamp(begin))
    for _ in range(2 * FREE_OF_PERSON):
        told = await not_admitted(enrollment, code, learner)
        assert told.reason == "CODE_NOT_YET_VALID"


async def test_success_forgets_the_failures(enrollment: Enrollment) -> None:
    session, other = await enrollment.session(), await enrollment.session()
    (learner,) = session.learner_ids
    await enrollment.register(learner, other.course.course_id)
    await guess(enrollment, learner, FREE_OF_PERSON - 1)
    await enrollment.redeem(session.code, learner)
    await guess(enrollment, learner, FREE_OF_PERSON - 1)
    await enrollment.redeem(other.code, learner)


async def test_a_rejoin_is_never_made_to_wait(enrollment: Enrollment) -> None:
    session, other = await enrollment.session(), await enrollment.session()
    (learner,) = session.learner_ids
    await enrollment.register(learner, other.course.course_id)
    await enrollment.redeem(session.code, learner)
    await guess(enrollment, learner, FREE_OF_PERSON)
    assert (
        await not_admitted(enrollment, other.code, learner)
    ).reason == "TOO_MANY_FAILED_CODE_ENTRIES"
    assert (await enrollment.redeem(session.code, learner)).rejoin


async def test_many_accounts_of_one_address_have_to_wait_too(enrollment: Enrollment) -> None:
    address = "198.51.100.7"
    guessers = [str(new_id()) for _ in range(FREE_CODES_OF_NETWORK // 3)]
    for guesser in guessers:
        await guess(enrollment, guesser, 3, address)
    told = await not_admitted(enrollment, WRONG, guessers[-1], address)
    assert told.reason == "TOO_MANY_FAILED_CODE_ENTRIES"
    # From elsewhere the same person may enter codes.
    assert (
        await not_admitted(enrollment, WRONG, guessers[-1], "192.0.2.9")
    ).reason == "CODE_INVALID"


async def test_nobody_is_kept_out_by_the_failures_of_others(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    mistaken = await enrollment.registered_learner(session.course.course_id)
    address = "198.51.100.8"
    for _ in range(FREE_CODES_OF_NETWORK // 3 + 1):
        guesser = str(new_id())
        for _ in range(3):
            await refusal(enrollment.redeem(WRONG, guesser, address))
    assert (await enrollment.redeem(session.code, learner, address)).session_id
    # One slip of the finger is forgiven in a noisy room.
    await guess(enrollment, mistaken, 1, address)
    assert (await enrollment.redeem(session.code, mistaken, address)).session_id


async def test_the_window_of_a_code_is_its_own(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    now = enrollment.clock.now
    past = await issue(
        enrollment,
        session,
        valid_from_time=stamp(now - timedelta(hours=1)),
        valid_until_time=stamp(now - timedelta(minutes=1)),
    )
    assert (await not_admitted(enrollment, past, learner)).reason == "CODE_EXPIRED"
