"""Tests of the resolution of code entries, and the counting of failed entries."""

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

from .harness import HERE, Harness, Scheduled, cancelled_event, ended_event, joined_event, stamp

WRONG = "zZzZ9999"


async def code_id_of(harness: Harness, session: Scheduled) -> str:
    request = ListCodesRequest(session_id=session.session_id)
    return (await harness.administrator.codes.ListCodes(request)).codes[0].code_id


async def issue(harness: Harness, session: Scheduled, **fields: Any) -> str:
    """Issue another code of the session, and return its text."""
    request = IssueCodeRequest(session_id=session.session_id, **fields)
    return (await harness.administrator.codes.IssueCode(request)).code.text


def delay_of(resolution: CodeResolution) -> timedelta:
    return resolution.retry_delay.ToTimedelta()


async def throttled(harness: Harness, person_id: str, address: str = HERE) -> timedelta:
    """Return the time that a learner has to wait before the next code entry."""
    return delay_of(await harness.resolve(WRONG, person_id, address))


async def guess(harness: Harness, person_id: str, times: int, address: str = "") -> None:
    """Enter a wrong code `times` times, and assert that no entry is throttled."""
    for _ in range(times):
        resolution = await harness.resolve(WRONG, person_id, address)
        assert resolution.WhichOneof("result") == "unknown"
        assert not resolution.HasField("retry_delay")


async def test_resolving_a_code_writes_nothing(
    harness: Harness,
) -> None:
    session = await harness.session()
    (learner,) = session.learner_ids
    written = select(failed_entries)
    before = await harness.rows(written)
    code = (await harness.resolve(f"  {session.code}\n", learner)).code
    assert code.session_id == session.session_id
    assert code.code_id == await code_id_of(harness, session)
    assert code.validity == CODE_VALIDITY_VALID
    assert code.registered
    assert not code.person_id
    assert not code.HasField("valid_from_time")
    assert await harness.rows(written) == before


async def test_shared_code_is_for_all_registered_learners(harness: Harness) -> None:
    session = await harness.session()
    uninvited = await harness.registered_learner(session.course.course_id)
    assert (await harness.resolve(session.code, uninvited)).code.registered
    stranger = await harness.person()
    assert not (await harness.resolve(session.code, stranger.person_id)).code.registered


@pytest.mark.parametrize("text", ["x", "!" * 60, "My code is Kf7Q2mXa"])
async def test_malformed_text_is_described_and_not_counted(harness: Harness, text: str) -> None:
    session = await harness.session()
    (learner,) = session.learner_ids
    for _ in range(2 * FREE_OF_PERSON):
        resolution = await harness.resolve(text, learner)
        assert "6 to 8 letters" in resolution.malformed.description
        assert not resolution.HasField("retry_delay")
    assert await harness.count(failed_entries) == 0
    pasted = f"\u200b{session.code[:4]}\u2011{session.code[4:]}\n"
    assert (await harness.resolve(pasted, learner)).code.session_id == session.session_id


async def test_texts_that_no_code_has_are_unknown(harness: Harness) -> None:
    session = await harness.session()
    (learner,) = session.learner_ids
    for text in (WRONG, session.code.swapcase(), "zZzZ99"):
        assert (await harness.resolve(text, learner)).WhichOneof("result") == "unknown"


@pytest.mark.parametrize("hours", [0, 4], ids=["before the lobby opens", "after the planned end"])
async def test_code_without_a_window_is_valid_at_any_time(harness: Harness, hours: int) -> None:
    session = await harness.session(lobby_opens=timedelta(minutes=30))
    harness.clock.move(hours=hours)
    (learner,) = session.learner_ids
    code = (await harness.resolve(session.code, learner)).code
    assert code.validity == CODE_VALIDITY_VALID


@pytest.mark.parametrize("over", [ended_event, cancelled_event], ids=["ended", "cancelled"])
async def test_code_of_a_session_that_is_over_resolves_to_it(
    harness: Harness, over: Callable[[Scheduled], Message]
) -> None:
    """Enter the code after the event which reports that the session has ended or was cancelled."""
    session = await harness.session()
    await harness.deliver(over(session))
    code = (await harness.resolve(session.code, session.learner_ids[0])).code
    assert code.session_id == session.session_id


async def test_validity_follows_the_window(harness: Harness) -> None:
    session = await harness.session()
    (learner,) = session.learner_ids
    start = harness.clock.now + timedelta(minutes=3)
    end = start + timedelta(minutes=2)
    text = await issue(harness, session, valid_from_time=stamp(start), valid_until_time=stamp(end))
    expected = (CODE_VALIDITY_NOT_YET_VALID, CODE_VALIDITY_VALID, CODE_VALIDITY_EXPIRED)
    for validity, minutes in zip(expected, (3, 2, 0), strict=True):
        code = (await harness.resolve(text, learner)).code
        assert code.validity == validity
        assert (code.valid_from_time, code.valid_until_time) == (stamp(start), stamp(end))
        harness.clock.move(minutes=minutes)
    past = await issue(
        harness,
        session,
        valid_from_time=stamp(start - timedelta(hours=2)),
        valid_until_time=stamp(start - timedelta(hours=1)),
    )
    assert (await harness.resolve(past, learner)).code.validity == CODE_VALIDITY_EXPIRED


async def test_revoked_and_replaced_codes_resolve_as_such(harness: Harness) -> None:
    session = await harness.session()
    (learner,) = session.learner_ids
    request = ReplaceCodeRequest(code_id=await code_id_of(harness, session))
    new = (await harness.administrator.codes.ReplaceCode(request)).code
    assert (await harness.resolve(session.code, learner)).code.validity == CODE_VALIDITY_REPLACED
    assert (await harness.resolve(new.text, learner)).code.code_id == new.code_id
    await harness.administrator.codes.RevokeCode(RevokeCodeRequest(code_id=new.code_id))
    assert (await harness.resolve(new.text, learner)).code.validity == CODE_VALIDITY_REVOKED


async def test_personal_code_has_its_learner(harness: Harness) -> None:
    session = await harness.session()
    (learner,) = session.learner_ids
    other = await harness.registered_learner(session.course.course_id)
    personal = await issue(harness, session, person_id=other)
    for person in (other, learner):
        assert (await harness.resolve(personal, person)).code.person_id == other


async def test_only_session_orchestration_resolves_codes(harness: Harness) -> None:
    session = await harness.session()
    (learner,) = session.learner_ids
    request = BatchResolveCodesRequest(entries=[CodeEntry(text=session.code, person_id=learner)])
    for client in (harness.administrator, harness.learner(learner)):
        assert (await refusal(client.codes.BatchResolveCodes(request))).reason == "NOT_ALLOWED"


async def test_learner_has_one_entry_in_a_request(harness: Harness) -> None:
    entries = [CodeEntry(text=WRONG, person_id=str(new_id()))] * 2
    request = BatchResolveCodesRequest(entries=entries)
    error = await refusal(harness.peer("session").codes.BatchResolveCodes(request))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert await harness.count(failed_entries) == 0


# Throttling of guesses.


async def test_failed_entry_counts_for_learner_and_network(harness: Harness) -> None:
    session = await harness.session()
    await guess(harness, session.learner_ids[0], 3, "192.0.2.1")
    rows = await harness.rows(
        select(failed_entries).where(failed_entries.c.first_at == harness.clock.now)
    )
    assert {(row.kind, row.failures) for row in rows} == {
        ("code_person", 3),
        ("code_network", 3),
    }


async def test_wait_after_failed_entries_grows(harness: Harness) -> None:
    session = await harness.session()
    (learner,) = session.learner_ids
    await guess(harness, learner, FREE_OF_PERSON)
    # Entries during the wait are not counted, but they are resolved, because a learner who rejoins never has to wait.
    resolution = await harness.resolve(session.code, learner)
    assert resolution.code.session_id == session.session_id
    assert delay_of(resolution) == FIRST_WAIT
    assert await throttled(harness, learner) == FIRST_WAIT
    harness.clock.move(seconds=2)
    await guess(harness, learner, 1)
    assert await throttled(harness, learner) == 2 * FIRST_WAIT
    harness.clock.move(seconds=4)
    assert not (await harness.resolve(session.code, learner)).HasField("retry_delay")


async def test_concurrent_failed_entries_are_all_counted(harness: Harness) -> None:
    session = await harness.session()
    (learner,) = session.learner_ids
    resolutions = await asyncio.gather(*(harness.resolve(WRONG, learner) for _ in range(20)))
    waits = [each.HasField("retry_delay") for each in resolutions]
    assert waits.count(False) == FREE_OF_PERSON


async def test_replicas_count_together(harness: Harness) -> None:
    session = await harness.session()
    learner = UUID(session.learner_ids[0])
    keys = harness.service.settings.encryption_keys()
    replicas = [
        code_resolution.CodeResolution(harness.database, keys.codes, keys.throttling)
        for _ in range(2)
    ]
    entry = code_resolution.CodeEntry(WRONG, learner, "192.0.2.1")
    resolutions = await asyncio.gather(*(each.resolve([entry]) for each in replicas * 6))
    assert [each[0] for each in resolutions].count(Resolution(None)) == FREE_OF_PERSON


async def test_each_entry_of_a_batch_is_resolved_as_if_alone(harness: Harness) -> None:
    session = await harness.session()
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
    codes = harness.peer("session").codes
    unknown, found, foreign, malformed = (await codes.BatchResolveCodes(request)).resolutions
    assert unknown.WhichOneof("result") == "unknown"
    assert found.code.registered
    assert not foreign.code.registered
    assert malformed.WhichOneof("result") == "malformed"
    keys = harness.service.settings.encryption_keys()
    named = [f"code_person:{each}" for each in texts] + [f"code_network:{address}"]
    digests = [keys.throttling.blind_index(each) for each in named]
    counted = select(failed_entries.c.failures).where(failed_entries.c.digest.in_(digests))
    assert sorted(row.failures for row in await harness.rows(counted)) == [1, 1, 2]


async def test_entering_the_code_of_another_learner_counts_as_failed(
    harness: Harness,
) -> None:
    session = await harness.session()
    person = (await harness.person()).person_id
    for _ in range(FREE_OF_PERSON):
        resolution = await harness.resolve(session.code, person)
        assert not resolution.HasField("retry_delay")
    assert (await harness.resolve(session.code, person)).HasField("retry_delay")


async def test_entering_a_code_too_early_does_not_count(harness: Harness) -> None:
    session = await harness.session()
    (learner,) = session.learner_ids
    start = harness.clock.now + timedelta(minutes=30)
    code = await issue(harness, session, valid_from_time=stamp(start))
    for _ in range(2 * FREE_OF_PERSON):
        assert not (await harness.resolve(code, learner)).HasField("retry_delay")


async def test_participant_who_is_no_longer_registered_resolves_the_code(
    harness: Harness,
) -> None:
    session = await harness.session()
    stranger = (await harness.person()).person_id
    await harness.deliver(joined_event(session, stranger))
    for _ in range(2 * FREE_OF_PERSON):
        resolution = await harness.resolve(session.code, stranger)
        assert not resolution.code.registered
        assert not resolution.HasField("retry_delay")


async def test_joining_deletes_failures_but_a_valid_code_does_not(
    harness: Harness,
) -> None:
    session = await harness.session()
    (learner,) = session.learner_ids
    await guess(harness, learner, FREE_OF_PERSON - 1)
    assert (await harness.resolve(session.code, learner)).code.registered
    await guess(harness, learner, 1)
    assert await throttled(harness, learner) == FIRST_WAIT
    await harness.deliver(joined_event(session, learner))
    await guess(harness, learner, FREE_OF_PERSON)


async def test_many_accounts_of_one_network_have_to_wait(harness: Harness) -> None:
    address = "198.51.100.7"
    guessers = [str(new_id()) for _ in range(FREE_CODES_OF_NETWORK // 3)]
    for guesser in guessers:
        await guess(harness, guesser, 3, address)
    assert await throttled(harness, guessers[-1], address) > timedelta(0)
    # The failures in the first network do not make the same person wait in another network.
    await guess(harness, guessers[-1], 1, "192.0.2.9")


async def test_failures_of_others_do_not_throttle_a_learner(harness: Harness) -> None:
    session = await harness.session()
    (learner,) = session.learner_ids
    mistaken = await harness.registered_learner(session.course.course_id)
    address = "198.51.100.8"
    for _ in range(FREE_CODES_OF_NETWORK // 3 + 1):
        guesser = str(new_id())
        for _ in range(3):
            await harness.resolve(WRONG, guesser, address)
    assert not (await harness.resolve(session.code, learner, address)).HasField("retry_delay")
    # The first failure of a learner causes no wait, even in a network that is throttled.
    await guess(harness, mistaken, 1, address)
    assert not (await harness.resolve(session.code, mistaken, address)).HasField("retry_delay")
