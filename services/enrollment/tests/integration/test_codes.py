"""Tests of issuing, replacement and revocation of codes, and access to codes."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import select

from proctorium.enrollment.events.v1.events_pb2 import CodeIssued, CodeRevoked
from proctorium.enrollment.v1.codes_pb2 import (
    CODE_STATE_ACTIVE,
    CODE_STATE_EXPIRED,
    CODE_STATE_REPLACED,
    CODE_STATE_REVOKED,
    CODE_WARNING_DIFFERS_ONLY_IN_CASE,
    CODE_WARNING_LOOK_ALIKES,
    Code,
    IssueCodeRequest,
    ListCodesRequest,
    ReplaceCodeRequest,
    RevokeCodeRequest,
)
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_common.storage.tables import idempotency_keys
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.domain.codes import ALPHABET
from proctorium_enrollment.storage.tables import codes

from .harness import (
    Client,
    Harness,
    Scheduled,
    cancelled_event,
    ended_event,
    scheduled_event,
    stamp,
)


async def listed(client: Client, session_id: str) -> list[Code]:
    response = await client.codes.ListCodes(ListCodesRequest(session_id=session_id))
    return list(response.codes)


async def issue(harness: Harness, session: Scheduled, **fields: object) -> Code:
    request = IssueCodeRequest(session_id=session.session_id, **fields)  # type: ignore[arg-type]
    return (await harness.administrator.codes.IssueCode(request)).code


async def replace(harness: Harness, code_id: str) -> Code:
    request = ReplaceCodeRequest(code_id=code_id)
    return (await harness.administrator.codes.ReplaceCode(request)).code


async def revoke(harness: Harness, code_id: str) -> Code:
    request = RevokeCodeRequest(code_id=code_id)
    return (await harness.administrator.codes.RevokeCode(request)).code


# Automatic codes.


async def test_scheduled_session_has_one_shared_code(harness: Harness) -> None:
    session = await harness.session(lobby_opens=timedelta(minutes=30))
    (code,) = await listed(harness.administrator, session.session_id)
    assert len(code.text) == 8
    assert set(code.text) <= set(ALPHABET)
    assert code.person_id == ""
    assert code.state == CODE_STATE_ACTIVE
    assert not code.HasField("valid_from_time")
    assert not code.HasField("valid_until_time")
    (event,) = await harness.events(CodeIssued)
    assert event == CodeIssued(
        code_id=code.code_id, session_id=session.session_id, recipient_ids=session.learner_ids
    )
    assert code.text.encode() not in event.SerializeToString()


async def test_repeated_event_issues_no_second_code(harness: Harness) -> None:
    course = await harness.course()
    event = scheduled_event(course.course_id, harness.clock.now)
    for _ in range(3):
        await harness.deliver(event)
    assert len(await listed(harness.administrator, event.session_id)) == 1
    assert len(await harness.events(CodeIssued)) == 1


async def test_no_code_is_issued_for_a_session_that_is_cancelled_or_over(
    harness: Harness,
) -> None:
    course = await harness.course()
    cancelled = scheduled_event(course.course_id, harness.clock.now)
    session = Scheduled(cancelled.session_id, course, "", (), "")
    await harness.deliver(cancelled_event(session))
    await harness.deliver(cancelled)
    past = scheduled_event(course.course_id, harness.clock.now - timedelta(hours=3))
    await harness.deliver(past)
    assert await harness.count(codes) == 0
    assert await harness.events(CodeIssued) == []


# Issuing.


async def test_personal_code_is_sent_only_to_its_learner(harness: Harness) -> None:
    session = await harness.session()
    other = await harness.registered_learner(session.course.course_id)
    code = await issue(harness, session, person_id=other)
    assert code.person_id == other
    event = (await harness.events(CodeIssued))[-1]
    assert event.recipient_ids == [other]
    assert len(await listed(harness.administrator, session.session_id)) == 2


async def test_typed_code_is_issued_unchanged(harness: Harness) -> None:
    session = await harness.session()
    until = harness.clock.now + timedelta(minutes=10)
    text = f"aB{new_id().hex[-5:]}"
    code = await issue(harness, session, text=text, valid_until_time=stamp(until))
    assert code.text == text
    assert code.valid_from_time == stamp(harness.clock.now)
    assert code.valid_until_time == stamp(until)
    other = text.swapcase()
    assert (await issue(harness, session, text=other)).text == other


async def test_text_belongs_to_one_code(harness: Harness) -> None:
    session, other = await harness.session(), await harness.session()
    for where in (session, other):
        taken = await refusal(issue(harness, where, text=session.code))
        assert (taken.kind, taken.reason) == (Kind.ALREADY_EXISTS, "CODE_TAKEN")
    assert await harness.count(codes) == 2
    assert len(await harness.events(CodeIssued)) == 2


@pytest.mark.parametrize("text", ["short", "ninechars", "umläut1", "  "])
async def test_typed_code_has_six_to_eight_letters_and_digits(harness: Harness, text: str) -> None:
    request = IssueCodeRequest(session_id=str(new_id()), text=text)
    error = await refusal(harness.administrator.codes.IssueCode(request))
    assert (error.kind, error.reason) == (Kind.INVALID, "CODE_MALFORMED")
    assert [each.field for each in error.violations] == ["text"]


async def test_code_that_is_easily_mistyped_causes_a_warning(
    harness: Harness,
) -> None:
    session = await harness.session()
    text = "".join(secrets.choice("abcdefghjkmnp") for _ in range(7))

    async def warnings(typed: str, until: Timestamp | None = None) -> list[int]:
        request = IssueCodeRequest(
            request_id=str(new_id()),
            session_id=session.session_id,
            text=typed,
            valid_until_time=until,
        )
        responses = [await harness.administrator.codes.IssueCode(request) for _ in range(2)]
        assert responses[0] == responses[1], "a repeated request has the same response"
        return list(responses[0].warnings)

    soon = stamp(harness.clock.now + timedelta(minutes=1))
    assert await warnings(text, soon) == []
    assert await warnings(text.upper()) == [CODE_WARNING_DIFFERS_ONLY_IN_CASE]
    assert await warnings(f"{text[:6]}0") == [CODE_WARNING_LOOK_ALIKES]
    both = [CODE_WARNING_LOOK_ALIKES, CODE_WARNING_DIFFERS_ONLY_IN_CASE]
    assert sorted(await warnings(f"{text[:6].upper()}0")) == both


async def test_codes_that_are_not_valid_any_more_cause_no_warning(harness: Harness) -> None:
    session, ended = await harness.session(), await harness.session()
    soon = stamp(harness.clock.now + timedelta(minutes=1))
    await issue(harness, session, text="expiredA", valid_until_time=soon)
    await issue(harness, ended, text="endedAbc")
    code = await issue(harness, session, text="revokedA")
    await revoke(harness, code.code_id)
    await harness.deliver(ended_event(ended))
    harness.clock.move(minutes=1)
    for text in ("expiredA", "endedAbc", "revokedA"):
        request = IssueCodeRequest(session_id=session.session_id, text=text.upper())
        response = await harness.client(new_id(), "administrator").codes.IssueCode(request)
        assert CODE_WARNING_DIFFERS_ONLY_IN_CASE not in response.warnings


async def test_repeated_request_issues_once_and_stores_no_text(
    harness: Harness,
) -> None:
    session = await harness.session()
    request_id = str(new_id())
    first = await issue(harness, session, request_id=request_id)
    assert await issue(harness, session, request_id=request_id) == first
    assert await harness.count(codes) == 2
    (stored,) = await harness.rows(
        select(idempotency_keys).where(idempotency_keys.c.request_id == request_id)
    )
    assert first.text.encode() not in stored.response


async def test_request_id_with_another_text_is_refused(harness: Harness) -> None:
    session = await harness.session()
    request_id = str(new_id())
    typed = await issue(harness, session, request_id=request_id, text="abcd2345")
    assert await issue(harness, session, request_id=request_id, text="abcd2345") == typed
    error = await refusal(issue(harness, session, request_id=request_id, text="efgh6789"))
    assert error.reason == "REQUEST_ID_REUSED"


async def test_code_is_stored_encrypted(harness: Harness) -> None:
    session = await harness.session()
    (row,) = await harness.rows(select(codes).where(codes.c.session_id == session.session_id))
    for value in (row.lookup, row.encrypted_text):
        assert session.code.encode() not in value
    assert len(row.lookup) == 32


async def test_codes_are_issued_only_for_open_sessions_and_registered_learners(
    harness: Harness,
) -> None:
    session, ended = await harness.session(), await harness.session()
    await harness.deliver(ended_event(ended))
    unknown = Scheduled(str(new_id()), session.course, "", (), "")
    unregistered = await harness.person()
    before = await harness.count(codes)
    for call, reason in (
        (issue(harness, unknown), "SESSION_UNKNOWN"),
        (issue(harness, ended), "SESSION_ENDED"),
        (issue(harness, session, person_id=unregistered.person_id), "LEARNER_NOT_REGISTERED"),
    ):
        error = await refusal(call)
        assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, reason)
    error = await refusal(issue(harness, session, person_id=str(new_id())))
    assert error.reason == "NOT_FOUND"
    now = stamp(harness.clock.now)
    error = await refusal(issue(harness, session, valid_until_time=now))
    assert error.reason == "INVALID_REQUEST"
    assert await harness.count(codes) == before


# The tests below register learners after a session was scheduled.


async def issued_to(harness: Harness, person_id: str) -> list[CodeIssued]:
    events = await harness.events(CodeIssued)
    return [event for event in events if person_id in event.recipient_ids]


async def test_learner_registered_after_scheduling_is_sent_the_shared_code(
    harness: Harness,
) -> None:
    session = await harness.session()
    over = await harness.session(course=session.course)
    await harness.deliver(ended_event(over))
    (shared,) = await listed(harness.administrator, session.session_id)
    late = await harness.registered_learner(session.course.course_id)
    (event,) = await issued_to(harness, late)
    assert event == CodeIssued(
        code_id=shared.code_id, session_id=session.session_id, recipient_ids=[late]
    )
    assert (await harness.resolve(shared.text, late)).code.session_id == session.session_id
    new = await replace(harness, shared.code_id)
    assert [each.code_id for each in await issued_to(harness, late)] == [
        shared.code_id,
        new.code_id,
    ]


async def test_learner_registered_later_is_sent_a_personal_code_if_the_shared_one_is_revoked(
    harness: Harness,
) -> None:
    session = await harness.session()
    (shared,) = await listed(harness.administrator, session.session_id)
    await revoke(harness, shared.code_id)
    late = await harness.registered_learner(session.course.course_id)
    own = next(
        code
        for code in await listed(harness.administrator, session.session_id)
        if code.person_id == late
    )
    assert [each.code_id for each in await issued_to(harness, late)] == [own.code_id]
    assert (await harness.resolve(own.text, late)).code.session_id == session.session_id


async def test_learner_registered_before_the_event_arrives_is_sent_the_code(
    harness: Harness,
) -> None:
    course = await harness.course()
    uninvited = await harness.registered_learner(course.course_id)
    scheduled_at = harness.clock.now
    event = scheduled_event(course.course_id, scheduled_at)
    harness.clock.move(seconds=1)
    late = await harness.registered_learner(course.course_id)
    await harness.deliver(event, time=scheduled_at)
    (code,) = await listed(harness.administrator, event.session_id)
    assert [each.code_id for each in await issued_to(harness, late)] == [code.code_id]
    assert await issued_to(harness, uninvited) == []


async def test_invited_learner_who_is_registered_later_is_sent_the_code_once(
    harness: Harness,
) -> None:
    course, invited = await harness.course(), await harness.person()
    event = scheduled_event(course.course_id, harness.clock.now, learner_ids=[invited.person_id])
    await harness.deliver(event)
    await harness.register(invited.person_id, course.course_id)
    assert len(await issued_to(harness, invited.person_id)) == 1


# Replacing and revoking.


async def test_replacing_a_code_issues_a_new_one(harness: Harness) -> None:
    session = await harness.session()
    (old,) = await listed(harness.administrator, session.session_id)
    harness.clock.move(seconds=1)
    new = await replace(harness, old.code_id)
    assert new.text != old.text
    assert (new.valid_from_time, new.valid_until_time) == (
        old.valid_from_time,
        old.valid_until_time,
    )
    shown = await listed(harness.administrator, session.session_id)
    assert [code.code_id for code in shown] == [new.code_id, old.code_id]
    assert [code.state for code in shown] == [CODE_STATE_ACTIVE, CODE_STATE_REPLACED]
    event = (await harness.events(CodeIssued))[-1]
    assert event.replaced_code_id == old.code_id
    assert event.recipient_ids == list(session.learner_ids)
    assert (await refusal(replace(harness, old.code_id))).reason == "INVALID_STATE_TRANSITION"


async def test_repeated_request_replaces_once(harness: Harness) -> None:
    session = await harness.session()
    (old,) = await listed(harness.administrator, session.session_id)
    request = ReplaceCodeRequest(request_id=str(new_id()), code_id=old.code_id)
    responses = await asyncio.gather(
        *(harness.administrator.codes.ReplaceCode(request) for _ in range(4))
    )
    assert len({response.code.text for response in responses}) == 1
    assert await harness.count(codes) == 2


async def test_two_administrators_replace_a_code_once(harness: Harness) -> None:
    session = await harness.session()
    (old,) = await listed(harness.administrator, session.session_id)
    results = await asyncio.gather(
        *(replace(harness, old.code_id) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(result, Code) for result in results) == 1
    assert await harness.count(codes) == 2


async def test_revoked_code_stays_revoked(harness: Harness) -> None:
    session = await harness.session()
    (code,) = await listed(harness.administrator, session.session_id)
    revoked = await revoke(harness, code.code_id)
    assert (revoked.state, revoked.text) == (CODE_STATE_REVOKED, session.code)
    (event,) = await harness.events(CodeRevoked)
    assert event == CodeRevoked(code_id=code.code_id, session_id=session.session_id)
    for action in (revoke, replace):
        error = await refusal(action(harness, code.code_id))
        assert (error.kind, error.reason) == (
            Kind.INVALID_STATE_TRANSITION,
            "INVALID_STATE_TRANSITION",
        )
        assert error.metadata["from"] == "revoked"
    assert len(await harness.events(CodeRevoked)) == 1


async def test_expired_code_can_be_replaced_but_not_revoked(harness: Harness) -> None:
    session = await harness.session()
    until = stamp(harness.clock.now + timedelta(minutes=10))
    code = await issue(harness, session, valid_until_time=until)
    harness.clock.move(minutes=11)
    administrator = harness.client(new_id(), "administrator")
    states = {
        shown.code_id: shown.state for shown in await listed(administrator, session.session_id)
    }
    assert states[code.code_id] == CODE_STATE_EXPIRED
    assert (await refusal(revoke(harness, code.code_id))).reason == "INVALID_STATE_TRANSITION"
    new = await replace(harness, code.code_id)
    assert new.state == CODE_STATE_ACTIVE
    assert new.valid_until_time == stamp(harness.clock.now + timedelta(hours=3, minutes=-11))


async def test_no_code_of_an_ended_session_is_replaced(harness: Harness) -> None:
    session = await harness.session()
    (code,) = await listed(harness.administrator, session.session_id)
    await harness.deliver(ended_event(session))
    assert (await refusal(replace(harness, code.code_id))).reason == "SESSION_ENDED"
    assert await harness.count(codes) == 1


async def test_unknown_code_is_not_found(harness: Harness) -> None:
    for action in (revoke, replace):
        assert (await refusal(action(harness, str(new_id())))).reason == "NOT_FOUND"


async def test_only_administrators_issue_replace_and_revoke_codes(harness: Harness) -> None:
    session = await harness.session()
    (code,) = await listed(harness.administrator, session.session_id)
    proctor = harness.client(session.proctor_id, "proctor").codes
    for call in (
        proctor.IssueCode(IssueCodeRequest(session_id=session.session_id)),
        proctor.ReplaceCode(ReplaceCodeRequest(code_id=code.code_id)),
        proctor.RevokeCode(RevokeCodeRequest(code_id=code.code_id)),
    ):
        assert (await refusal(call)).reason == "NOT_ALLOWED"
    assert await listed(harness.administrator, session.session_id) == [code]


# Access to codes.


async def test_administrators_proctors_of_the_session_and_notification_list_codes(
    harness: Harness,
) -> None:
    session, other = await harness.session(), await harness.session()
    request = ListCodesRequest(session_id=session.session_id)
    for client in (
        harness.administrator,
        harness.client(session.proctor_id, "proctor"),
        harness.peer("notification"),
    ):
        (code,) = await listed(client, session.session_id)
        assert code.text == session.code
    stranger = harness.client(other.proctor_id, "proctor")
    assert (await refusal(stranger.codes.ListCodes(request))).reason == "NOT_FOUND"
    learner = harness.learner(session.learner_ids[0])
    assert (await refusal(learner.codes.ListCodes(request))).reason == "NOT_ALLOWED"
    assert (await refusal(harness.anonymous.codes.ListCodes(request))).reason == "TOKEN_MISSING"
    service = harness.peer("session")
    assert (await refusal(service.codes.ListCodes(request))).reason == "TOKEN_MISSING"


async def test_codes_have_pages_newest_first(harness: Harness) -> None:
    session, other = await harness.session(), await harness.session()
    issued = [(await issue(harness, session)).text for _ in range(4)]
    request = ListCodesRequest(session_id=session.session_id, page_size=2)
    texts: list[str] = []
    while True:
        page = await harness.administrator.codes.ListCodes(request)
        assert 1 <= len(page.codes) <= 2
        texts += [code.text for code in page.codes]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert texts == [*reversed(issued), session.code]
    whole = ListCodesRequest(session_id=session.session_id, page_size=1_000_000)
    found = await harness.administrator.codes.ListCodes(whole)
    assert [code.text for code in found.codes] == texts
    whole.page_size = -1
    error = await refusal(harness.administrator.codes.ListCodes(whole))
    assert (error.reason, error.violations[0].field) == ("INVALID_REQUEST", "page_size")
    request.session_id = other.session_id
    error = await refusal(harness.administrator.codes.ListCodes(request))
    assert error.reason == "INVALID_PAGE_TOKEN"


async def test_learner_calling_through_notification_sees_no_codes(
    harness: Harness,
) -> None:
    session = await harness.session()
    both = harness.client(session.learner_ids[0], "learner", peer="notification")
    call = both.codes.ListCodes(ListCodesRequest(session_id=session.session_id))
    assert (await refusal(call)).reason == "NOT_FOUND"


async def test_codes_of_an_unknown_session_are_not_found(harness: Harness) -> None:
    request = ListCodesRequest(session_id=str(new_id()))
    call = harness.administrator.codes.ListCodes(request)
    assert (await refusal(call)).reason == "NOT_FOUND"
