"""Codes that learners enter: what they resolve to, and which entries are counted as failed."""

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
    CODE_VALIDITY_EXPIRED,
    CODE_VALIDITY_NOT_YET_VALID,
    CODE_VALIDITY_REPLACED,
    CODE_VALIDITY_REVOKED,
    CODE_VALIDITY_VALID,
    BatchResolveCodesRequest,
    CodeEntry,
    CodeResolution,
    IssueCodeRequest,
    ListCodesRequest,
    ReplaceCodeRequest,
    RevokeCodeRequest,
)
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.domain.throttling import (
    FIRST_WAIT,
    FREE_CODES_OF_NETWORK,
    FREE_OF_PERSON,
)
from proctorium_enrollment.operations import code_resolution
from proctorium_enrollment.operations.code_resolution import Resolution
from proctorium_enrollment.storage.tables import failed_entries

from .enrollment import (
    HERE,
    Enrollment,
    Scheduled,
    cancelled_event,
    ended_event,
    joined_event,
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


def delay_of(resolution: CodeResolution) -> timedelta:
    return resolution.retry_delay.ToTimedelta()


async def throttled(enrollment: Enrollment, person_id: str, address: str = HERE) -> timedelta:
    """How long a learner has to wait."""
    return delay_of(await enrollment.resolve(WRONG, person_id, address))


async def guess(enrollment: Enrollment, person_id: str, times: int, address: str = "") -> None:
    """Fail so many times without having to wait."""
    for _ in range(times):
        resolution = await enrollment.resolve(WRONG, person_id, address)
        assert resolution.WhichOneof("result") == "unknown"
        assert not resolution.HasField("retry_delay")


async def test_resolving_a_code_writes_nothing(
    enrollment: Enrollment,
) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    written = select(failed_entries)
    before = await enrollment.rows(written)
    code = (await enrollment.resolve(f"  {session.code}\n", learner)).code
    assert code.session_id == session.session_id
    assert code.code_id == await code_id_of(enrollment, session)
    assert code.validity == CODE_VALIDITY_VALID
    assert code.registered
    assert not code.person_id
    assert not code.HasField("valid_from_time")
    assert await enrollment.rows(written) == before


async def test_shared_code_is_for_all_registered_learners(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    uninvited = await enrollment.registered_learner(session.course.course_id)
    assert (await enrollment.resolve(session.code, uninvited)).code.registered
    stranger = await enrollment.person()
    assert not (await enrollment.resolve(session.code, stranger.person_id)).code.registered


@pytest.mark.parametrize("text", ["x", "!" * 60, "My code is Kf7Q2mXa"])
async def test_malformed_text_is_described_and_not_counted(
    enrollment: Enrollment, text: str
) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    for _ in range(2 * FREE_OF_PERSON):
        resolution = await enrollment.resolve(text, learner)
        assert "6 to 8 letters" in resolution.malformed.description
        assert not resolution.HasField("retry_delay")
    assert await enrollment.count(failed_entries) == 0
    pasted = f"\u200b{session.code[:4]}\u2011{session.code[4:]}\n"
    assert (await enrollment.resolve(pasted, learner)).code.session_id == session.session_id


async def test_texts_that_no_code_has_are_unknown(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    for text in (WRONG, session.code.swapcase(), "zZzZ99"):
        assert (await enrollment.resolve(text, learner)).WhichOneof("result") == "unknown"


@pytest.mark.parametrize("hours", [0, 4], ids=["before the lobby opens", "after the planned end"])
async def test_code_without_a_window_is_valid_at_any_time(
    enrollment: Enrollment, hours: int
) -> None:
    session = await enrollment.session(lobby_opens=timedelta(minutes=30))
    enrollment.clock.move(hours=hours)
    (learner,) = session.learner_ids
    code = (await enrollment.resolve(session.code, learner)).code
    assert code.validity == CODE_VALIDITY_VALID


@pytest.mark.parametrize("over", [ended_event, cancelled_event], ids=["ended", "cancelled"])
async def test_code_of_a_session_that_is_over_resolves_to_it(
    enrollment: Enrollment, over: Callable[[Scheduled], Message]
) -> None:
    """Session orchestration says that it is over."""
    session = await enrollment.session()
    await enrollment.tell(over(session))
    code = (await enrollment.resolve(session.code, session.learner_ids[0])).code
    assert code.session_id == session.session_id


async def test_validity_follows_the_window(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    begin = enrollment.clock.now + timedelta(minutes=3)
    end = begin + timedelta(minutes=2)
    text = await issue(
        enrollment, session, valid_from_time=stamp(begin), valid_until_time=stamp(end)
    )
    expected = (CODE_VALIDITY_NOT_YET_VALID, CODE_VALIDITY_VALID, CODE_VALIDITY_EXPIRED)
    for validity, minutes in zip(expected, (3, 2, 0), strict=True):
        code = (await enrollment.resolve(text, learner)).code
        assert code.validity == validity
        assert (code.valid_from_time, code.valid_until_time) == (stamp(begin), stamp(end))
        enrollment.clock.move(minutes=minutes)
    past = await issue(
        enrollment,
        session,
        valid_from_time=stamp(begin - timedelta(hours=2)),
        valid_until_time=stamp(begin - timedelta(hours=1)),
    )
    assert (await enrollment.resolve(past, learner)).code.validity == CODE_VALIDITY_EXPIRED


async def test_revoked_and_replaced_codes_resolve_as_such(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    request = ReplaceCodeRequest(code_id=await code_id_of(enrollment, session))
    new = (await enrollment.administrator.codes.ReplaceCode(request)).code
    assert (await enrollment.resolve(session.code, learner)).code.validity == CODE_VALIDITY_REPLACED
    assert (await enrollment.resolve(new.text, learner)).code.code_id == new.code_id
    await enrollment.administrator.codes.RevokeCode(RevokeCodeRequest(code_id=new.code_id))
    assert (await enrollment.resolve(new.text, learner)).code.validity == CODE_VALIDITY_REVOKED


async def test_personal_code_has_its_learner(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    other = await enrollment.registered_learner(session.course.course_id)
    personal = await issue(enrollment, session, person_id=other)
    for person in (other, learner):
        assert (await enrollment.resolve(personal, person)).code.person_id == other


async def test_only_session_orchestration_resolves_codes(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    request = BatchResolveCodesRequest(entries=[CodeEntry(text=session.code, person_id=learner)])
    for client in (enrollment.administrator, enrollment.learner(learner)):
        assert (await refusal(client.codes.BatchResolveCodes(request))).reason == "NOT_ALLOWED"


async def test_learner_has_one_entry_in_a_request(enrollment: Enrollment) -> None:
    entries = [CodeEntry(text=WRONG, person_id=str(new_id()))] * 2
    request = BatchResolveCodesRequest(entries=entries)
    told = await refusal(enrollment.service("session").codes.BatchResolveCodes(request))
    assert (told.kind, told.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert await enrollment.count(failed_entries) == 0


# Guessing.


async def test_failed_entry_counts_for_learner_and_network(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    await guess(enrollment, session.learner_ids[0], 3, "192.0.2.1")
    rows = await enrollment.rows(
        select(failed_entries).where(failed_entries.c.first_at == enrollment.clock.now)
    )
    assert {(row.kind, row.failures) for row in rows} == {
        ("code_person", 3),
        ("code_network", 3),
    }


async def test_wait_after_failed_entries_grows(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    await guess(enrollment, learner, FREE_OF_PERSON)
    # What is entered meanwhile is resolved, because a rejoin never has to wait, and not counted.
    resolution = await enrollment.resolve(session.code, learner)
    assert resolution.code.session_id == session.session_id
    assert delay_of(resolution) == FIRST_WAIT
    assert await throttled(enrollment, learner) == FIRST_WAIT
    enrollment.clock.move(seconds=2)
    await guess(enrollment, learner, 1)
    assert await throttled(enrollment, learner) == 2 * FIRST_WAIT
    enrollment.clock.move(seconds=4)
    assert not (await enrollment.resolve(session.code, learner)).HasField("retry_delay")


async def test_concurrent_failed_entries_are_all_counted(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    resolutions = await asyncio.gather(*(enrollment.resolve(WRONG, learner) for _ in range(20)))
    waits = [each.HasField("retry_delay") for each in resolutions]
    assert waits.count(False) == FREE_OF_PERSON


async def test_replicas_count_together(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    learner = UUID(session.learner_ids[0])
    keys = enrollment.served.service.settings.encryption_keys()
    replicas = [
        code_resolution.CodeResolution(enrollment.database, keys.codes, keys.throttling)
        for _ in range(2)
    ]
    entry = code_resolution.CodeEntry(WRONG, learner, "192.0.2.1")
    resolutions = await asyncio.gather(*(each.resolve([entry]) for each in replicas * 6))
    assert [each[0] for each in resolutions].count(Resolution(None)) == FREE_OF_PERSON


async def test_each_entry_of_a_batch_is_resolved_as_if_alone(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    guessers = [str(new_id()), str(new_id())]
    address = "192.0.2.77"
    texts = {
        guessers[0]: WRONG,
        learner: session.code,
        guessers[1]: session.code,
        str(new_id()): "x",
    }
    request = BatchResolveCodesRequest(
        entries=[
            CodeEntry(text=text, person_id=person, client_address=address)
            for person, text in texts.items()
        ]
    )
    codes = enrollment.service("session").codes
    unknown, found, foreign, malformed = (await codes.BatchResolveCodes(request)).resolutions
    assert unknown.WhichOneof("result") == "unknown"
    assert found.code.registered
    assert not foreign.code.registered
    assert malformed.WhichOneof("result") == "malformed"
    keys = enrollment.served.service.settings.encryption_keys()
    named = [f"code_person:{each}" for each in texts] + [f"code_network:{address}"]
    marks = [keys.throttling.blind_index(each) for each in named]
    counted = select(failed_entries.c.failures).where(failed_entries.c.digest.in_(marks))
    assert sorted(row.failures for row in await enrollment.rows(counted)) == [1, 1, 2]


async def test_entering_the_code_of_another_learner_counts_as_failed(
    enrollment: Enrollment,
) -> None:
    session = await enrollment.session()
    person = (await enrollment.person()).person_id
    for _ in range(FREE_OF_PERSON):
        resolution = await enrollment.resolve(session.code, person)
        assert not resolution.HasField("retry_delay")
    assert (await enrollment.resolve(session.code, person)).HasField("retry_delay")


async def test_entering_a_code_too_early_does_not_count(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    begin = enrollment.clock.now + timedelta(minutes=30)
    code = await issue(enrollment, session, valid_from_time=stamp(begin))
    for _ in range(2 * FREE_OF_PERSON):
        assert not (await enrollment.resolve(code, learner)).HasField("retry_delay")


async def test_participant_who_is_no_longer_registered_resolves_the_code(
    enrollment: Enrollment,
) -> None:
    session = await enrollment.session()
    stranger = (await enrollment.person()).person_id
    await enrollment.tell(joined_event(session, stranger))
    for _ in range(2 * FREE_OF_PERSON):
        resolution = await enrollment.resolve(session.code, stranger)
        assert not resolution.code.registered
        assert not resolution.HasField("retry_delay")


async def test_joining_deletes_failures_but_a_valid_code_does_not(
    enrollment: Enrollment,
) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    await guess(enrollment, learner, FREE_OF_PERSON - 1)
    assert (await enrollment.resolve(session.code, learner)).code.registered
    await guess(enrollment, learner, 1)
    assert await throttled(enrollment, learner) == FIRST_WAIT
    await enrollment.tell(joined_event(session, learner))
    await guess(enrollment, learner, FREE_OF_PERSON)


async def test_many_accounts_of_one_network_have_to_wait(enrollment: Enrollment) -> None:
    address = "198.51.100.7"
    guessers = [str(new_id()) for _ in range(FREE_CODES_OF_NETWORK // 3)]
    for guesser in guessers:
        await guess(enrollment, guesser, 3, address)
    assert await throttled(enrollment, guessers[-1], address) > timedelta(0)
    # From elsewhere the same account has entries left.
    await guess(enrollment, guessers[-1], 1, "192.0.2.9")


async def test_failures_of_others_do_not_throttle_a_learner(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    mistaken = await enrollment.registered_learner(session.course.course_id)
    address = "198.51.100.8"
    for _ in range(FREE_CODES_OF_NETWORK // 3 + 1):
        guesser = str(new_id())
        for _ in range(3):
            await enrollment.resolve(WRONG, guesser, address)
    assert not (await enrollment.resolve(session.code, learner, address)).HasField("retry_delay")
    # One slip of the finger is forgiven in a noisy room.
    await guess(enrollment, mistaken, 1, address)
    assert not (await enrollment.resolve(session.code, mistaken, address)).HasField("retry_delay")
