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

from .enrollment import (
    Client,
    Enrollment,
    Scheduled,
    cancelled_event,
    ended_event,
    scheduled_event,
    stamp,
)


async def listed(client: Client, session_id: str) -> list[Code]:
    answer = await client.codes.ListCodes(ListCodesRequest(session_id=session_id))
    return list(answer.codes)


async def issue(enrollment: Enrollment, session: Scheduled, **given: object) -> Code:
    request = IssueCodeRequest(session_id=session.session_id, **given)  # type: ignore[arg-type]
    return (await enrollment.administrator.codes.IssueCode(request)).code


async def replace(enrollment: Enrollment, code_id: str) -> Code:
    request = ReplaceCodeRequest(code_id=code_id)
    return (await enrollment.administrator.codes.ReplaceCode(request)).code


async def revoke(enrollment: Enrollment, code_id: str) -> Code:
    request = RevokeCodeRequest(code_id=code_id)
    return (await enrollment.administrator.codes.RevokeCode(request)).code


# The code that is issued by itself.


async def test_scheduled_session_has_one_shared_code(enrollment: Enrollment) -> None:
    session = await enrollment.session(lobby_opens=timedelta(minutes=30))
    (code,) = await listed(enrollment.administrator, session.session_id)
    assert len(code.text) == 8
    assert set(code.text) <= set(ALPHABET)
    assert code.person_id == ""
    assert code.state == CODE_STATE_ACTIVE
    assert not code.HasField("valid_from_time")
    assert not code.HasField("valid_until_time")
    (event,) = await enrollment.events(CodeIssued)
    assert event == CodeIssued(
        code_id=code.code_id, session_id=session.session_id, recipient_ids=session.learner_ids
    )
    assert code.text.encode() not in event.SerializeToString()


async def test_repeated_event_issues_no_second_code(enrollment: Enrollment) -> None:
    course = await enrollment.course()
    event = scheduled_event(course.course_id, enrollment.clock.now)
    for _ in range(3):
        await enrollment.tell(event)
    assert len(await listed(enrollment.administrator, event.session_id)) == 1
    assert len(await enrollment.events(CodeIssued)) == 1


async def test_no_code_is_issued_for_a_session_that_is_cancelled_or_over(
    enrollment: Enrollment,
) -> None:
    course = await enrollment.course()
    cancelled = scheduled_event(course.course_id, enrollment.clock.now)
    session = Scheduled(cancelled.session_id, course, "", (), "")
    await enrollment.tell(cancelled_event(session))
    await enrollment.tell(cancelled)
    past = scheduled_event(course.course_id, enrollment.clock.now - timedelta(hours=3))
    await enrollment.tell(past)
    assert await enrollment.count(codes) == 0
    assert await enrollment.events(CodeIssued) == []


# Issuing.


async def test_personal_code_is_sent_only_to_its_learner(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    other = await enrollment.registered_learner(session.course.course_id)
    code = await issue(enrollment, session, person_id=other)
    assert code.person_id == other
    event = (await enrollment.events(CodeIssued))[-1]
    assert event.recipient_ids == [other]
    assert len(await listed(enrollment.administrator, session.session_id)) == 2


async def test_typed_code_is_issued_unchanged(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    until = enrollment.clock.now + timedelta(minutes=10)
    text = f"aB{new_id().hex[-5:]}"
    code = await issue(enrollment, session, text=text, valid_until_time=stamp(until))
    assert code.text == text
    assert code.valid_from_time == stamp(enrollment.clock.now)
    assert code.valid_until_time == stamp(until)
    other = text.swapcase()
    assert (await issue(enrollment, session, text=other)).text == other


async def test_text_belongs_to_one_code(enrollment: Enrollment) -> None:
    session, other = await enrollment.session(), await enrollment.session()
    for where in (session, other):
        taken = await refusal(issue(enrollment, where, text=session.code))
        assert (taken.kind, taken.reason) == (Kind.ALREADY_EXISTS, "CODE_TAKEN")
    assert await enrollment.count(codes) == 2
    assert len(await enrollment.events(CodeIssued)) == 2


@pytest.mark.parametrize("text", ["short", "ninechars", "umläut1", "  "])
async def test_typed_code_has_six_to_eight_letters_and_digits(
    enrollment: Enrollment, text: str
) -> None:
    request = IssueCodeRequest(session_id=str(new_id()), text=text)
    wrong = await refusal(enrollment.administrator.codes.IssueCode(request))
    assert (wrong.kind, wrong.reason) == (Kind.INVALID, "CODE_MALFORMED")
    assert [each.field for each in wrong.violations] == ["text"]


async def test_typed_code_that_learners_may_mistype_gets_a_warning(
    enrollment: Enrollment,
) -> None:
    session = await enrollment.session()
    text = "".join(secrets.choice("abcdefghjkmnp") for _ in range(7))

    async def warnings(typed: str, until: Timestamp | None = None) -> list[int]:
        request = IssueCodeRequest(
            request_id=str(new_id()),
            session_id=session.session_id,
            text=typed,
            valid_until_time=until,
        )
        answers = [await enrollment.administrator.codes.IssueCode(request) for _ in range(2)]
        assert answers[0] == answers[1], "a repetition says the same"
        return list(answers[0].warnings)

    soon = stamp(enrollment.clock.now + timedelta(minutes=1))
    assert await warnings(text, soon) == []
    assert await warnings(text.upper()) == [CODE_WARNING_DIFFERS_ONLY_IN_CASE]
    assert await warnings(f"{text[:6]}0") == [CODE_WARNING_LOOK_ALIKES]
    both = [CODE_WARNING_LOOK_ALIKES, CODE_WARNING_DIFFERS_ONLY_IN_CASE]
    assert sorted(await warnings(f"{text[:6].upper()}0")) == both


async def test_codes_that_are_not_valid_any_more_cause_no_warning(enrollment: Enrollment) -> None:
    session, ended = await enrollment.session(), await enrollment.session()
    soon = stamp(enrollment.clock.now + timedelta(minutes=1))
    await issue(enrollment, session, text="expiredA", valid_until_time=soon)
    await issue(enrollment, ended, text="endedAbc")
    code = await issue(enrollment, session, text="revokedA")
    await revoke(enrollment, code.code_id)
    await enrollment.tell(ended_event(ended))
    enrollment.clock.move(minutes=1)
    for text in ("expiredA", "endedAbc", "revokedA"):
        request = IssueCodeRequest(session_id=session.session_id, text=text.upper())
        answer = await enrollment.client(new_id(), "administrator").codes.IssueCode(request)
        assert CODE_WARNING_DIFFERS_ONLY_IN_CASE not in answer.warnings


async def test_repeated_request_issues_once_and_stores_no_text(
    enrollment: Enrollment,
) -> None:
    session = await enrollment.session()
    request_id = str(new_id())
    first = await issue(enrollment, session, request_id=request_id)
    assert await issue(enrollment, session, request_id=request_id) == first
    assert await enrollment.count(codes) == 2
    (kept,) = await enrollment.rows(
        select(idempotency_keys).where(idempotency_keys.c.request_id == request_id)
    )
    assert first.text.encode() not in kept.response


async def test_code_is_stored_encrypted(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (row,) = await enrollment.rows(select(codes).where(codes.c.session_id == session.session_id))
    for kept in (row.lookup, row.encrypted_text):
        assert session.code.encode() not in kept
    assert len(row.lookup) == 32


async def test_codes_are_issued_only_for_open_sessions_and_registered_learners(
    enrollment: Enrollment,
) -> None:
    session, ended = await enrollment.session(), await enrollment.session()
    await enrollment.tell(ended_event(ended))
    unknown = Scheduled(str(new_id()), session.course, "", (), "")
    unregistered = await enrollment.person()
    before = await enrollment.count(codes)
    for call, reason in (
        (issue(enrollment, unknown), "SESSION_UNKNOWN"),
        (issue(enrollment, ended), "SESSION_ENDED"),
        (issue(enrollment, session, person_id=unregistered.person_id), "LEARNER_NOT_REGISTERED"),
    ):
        wrong = await refusal(call)
        assert (wrong.kind, wrong.reason) == (Kind.INVALID_STATE_TRANSITION, reason)
    wrong = await refusal(issue(enrollment, session, person_id=str(new_id())))
    assert wrong.reason == "NOT_FOUND"
    now = stamp(enrollment.clock.now)
    wrong = await refusal(issue(enrollment, session, valid_until_time=now))
    assert wrong.reason == "INVALID_REQUEST"
    assert await enrollment.count(codes) == before


# Learners who are registered after a session was planned.


async def issued_to(enrollment: Enrollment, person_id: str) -> list[CodeIssued]:
    events = await enrollment.events(CodeIssued)
    return [event for event in events if person_id in event.recipient_ids]


async def test_learner_registered_after_scheduling_is_sent_the_shared_code(
    enrollment: Enrollment,
) -> None:
    session = await enrollment.session()
    over = await enrollment.session(course=session.course)
    await enrollment.tell(ended_event(over))
    (shared,) = await listed(enrollment.administrator, session.session_id)
    late = await enrollment.registered_learner(session.course.course_id)
    (event,) = await issued_to(enrollment, late)
    assert event == CodeIssued(
        code_id=shared.code_id, session_id=session.session_id, recipient_ids=[late]
    )
    assert (await enrollment.resolve(shared.text, late)).code.session_id == session.session_id
    new = await replace(enrollment, shared.code_id)
    assert [each.code_id for each in await issued_to(enrollment, late)] == [
        shared.code_id,
        new.code_id,
    ]


async def test_learner_registered_later_is_sent_a_personal_code_if_the_shared_one_is_revoked(
    enrollment: Enrollment,
) -> None:
    session = await enrollment.session()
    (shared,) = await listed(enrollment.administrator, session.session_id)
    await revoke(enrollment, shared.code_id)
    late = await enrollment.registered_learner(session.course.course_id)
    own = next(
        code
        for code in await listed(enrollment.administrator, session.session_id)
        if code.person_id == late
    )
    assert [each.code_id for each in await issued_to(enrollment, late)] == [own.code_id]
    assert (await enrollment.resolve(own.text, late)).code.session_id == session.session_id


async def test_learner_registered_before_the_event_arrives_is_sent_the_code(
    enrollment: Enrollment,
) -> None:
    course = await enrollment.course()
    uninvited = await enrollment.registered_learner(course.course_id)
    planned_at = enrollment.clock.now
    event = scheduled_event(course.course_id, planned_at)
    enrollment.clock.move(seconds=1)
    late = await enrollment.registered_learner(course.course_id)
    await enrollment.tell(event, time=planned_at)
    (code,) = await listed(enrollment.administrator, event.session_id)
    assert [each.code_id for each in await issued_to(enrollment, late)] == [code.code_id]
    assert await issued_to(enrollment, uninvited) == []


async def test_invited_learner_who_is_registered_later_is_sent_the_code_once(
    enrollment: Enrollment,
) -> None:
    course, invited = await enrollment.course(), await enrollment.person()
    event = scheduled_event(course.course_id, enrollment.clock.now, learner_ids=[invited.person_id])
    await enrollment.tell(event)
    await enrollment.register(invited.person_id, course.course_id)
    assert len(await issued_to(enrollment, invited.person_id)) == 1


# Replacing and withdrawing.


async def test_replacing_a_code_issues_a_new_one(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (old,) = await listed(enrollment.administrator, session.session_id)
    enrollment.clock.move(seconds=1)
    new = await replace(enrollment, old.code_id)
    assert new.text != old.text
    assert (new.valid_from_time, new.valid_until_time) == (
        old.valid_from_time,
        old.valid_until_time,
    )
    shown = await listed(enrollment.administrator, session.session_id)
    assert [code.code_id for code in shown] == [new.code_id, old.code_id]
    assert [code.state for code in shown] == [CODE_STATE_ACTIVE, CODE_STATE_REPLACED]
    event = (await enrollment.events(CodeIssued))[-1]
    assert event.replaced_code_id == old.code_id
    assert event.recipient_ids == list(session.learner_ids)
    assert (await refusal(replace(enrollment, old.code_id))).reason == "INVALID_STATE_TRANSITION"


async def test_repeated_request_replaces_once(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (old,) = await listed(enrollment.administrator, session.session_id)
    request = ReplaceCodeRequest(request_id=str(new_id()), code_id=old.code_id)
    answers = await asyncio.gather(
        *(enrollment.administrator.codes.ReplaceCode(request) for _ in range(4))
    )
    assert len({answer.code.text for answer in answers}) == 1
    assert await enrollment.count(codes) == 2


async def test_two_administrators_replace_a_code_once(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (old,) = await listed(enrollment.administrator, session.session_id)
    results = await asyncio.gather(
        *(replace(enrollment, old.code_id) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(result, Code) for result in results) == 1
    assert await enrollment.count(codes) == 2


async def test_revoked_code_stays_revoked(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (code,) = await listed(enrollment.administrator, session.session_id)
    revoked = await revoke(enrollment, code.code_id)
    assert (revoked.state, revoked.text) == (CODE_STATE_REVOKED, session.code)
    (event,) = await enrollment.events(CodeRevoked)
    assert event == CodeRevoked(code_id=code.code_id, session_id=session.session_id)
    for move in (revoke, replace):
        wrong = await refusal(move(enrollment, code.code_id))
        assert (wrong.kind, wrong.reason) == (
            Kind.INVALID_STATE_TRANSITION,
            "INVALID_STATE_TRANSITION",
        )
        assert wrong.metadata["from"] == "revoked"
    assert len(await enrollment.events(CodeRevoked)) == 1


async def test_expired_code_can_be_replaced_but_not_revoked(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    until = stamp(enrollment.clock.now + timedelta(minutes=10))
    code = await issue(enrollment, session, valid_until_time=until)
    enrollment.clock.move(minutes=11)
    administrator = enrollment.client(new_id(), "administrator")
    states = {
        shown.code_id: shown.state for shown in await listed(administrator, session.session_id)
    }
    assert states[code.code_id] == CODE_STATE_EXPIRED
    assert (await refusal(revoke(enrollment, code.code_id))).reason == "INVALID_STATE_TRANSITION"
    new = await replace(enrollment, code.code_id)
    assert new.state == CODE_STATE_ACTIVE
    assert new.valid_until_time == stamp(enrollment.clock.now + timedelta(hours=3, minutes=-11))


async def test_no_code_of_an_ended_session_is_replaced(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (code,) = await listed(enrollment.administrator, session.session_id)
    await enrollment.tell(ended_event(session))
    assert (await refusal(replace(enrollment, code.code_id))).reason == "SESSION_ENDED"
    assert await enrollment.count(codes) == 1


async def test_unknown_code_is_not_found(enrollment: Enrollment) -> None:
    for move in (revoke, replace):
        assert (await refusal(move(enrollment, str(new_id())))).reason == "NOT_FOUND"


async def test_only_administrators_issue_replace_and_revoke_codes(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (code,) = await listed(enrollment.administrator, session.session_id)
    proctor = enrollment.client(session.proctor_id, "proctor").codes
    for call in (
        proctor.IssueCode(IssueCodeRequest(session_id=session.session_id)),
        proctor.ReplaceCode(ReplaceCodeRequest(code_id=code.code_id)),
        proctor.RevokeCode(RevokeCodeRequest(code_id=code.code_id)),
    ):
        assert (await refusal(call)).reason == "NOT_ALLOWED"
    assert await listed(enrollment.administrator, session.session_id) == [code]


# Who sees codes.


async def test_administrators_proctors_of_the_session_and_notification_list_codes(
    enrollment: Enrollment,
) -> None:
    session, other = await enrollment.session(), await enrollment.session()
    request = ListCodesRequest(session_id=session.session_id)
    for client in (
        enrollment.administrator,
        enrollment.client(session.proctor_id, "proctor"),
        enrollment.service("notification"),
    ):
        (code,) = await listed(client, session.session_id)
        assert code.text == session.code
    stranger = enrollment.client(other.proctor_id, "proctor")
    assert (await refusal(stranger.codes.ListCodes(request))).reason == "NOT_FOUND"
    learner = enrollment.learner(session.learner_ids[0])
    assert (await refusal(learner.codes.ListCodes(request))).reason == "NOT_ALLOWED"
    assert (await refusal(enrollment.anonymous.codes.ListCodes(request))).reason == "TOKEN_MISSING"
    service = enrollment.service("session")
    assert (await refusal(service.codes.ListCodes(request))).reason == "TOKEN_MISSING"


async def test_codes_have_pages_newest_first(enrollment: Enrollment) -> None:
    session, other = await enrollment.session(), await enrollment.session()
    issued = [(await issue(enrollment, session)).text for _ in range(4)]
    request = ListCodesRequest(session_id=session.session_id, page_size=2)
    texts: list[str] = []
    while True:
        page = await enrollment.administrator.codes.ListCodes(request)
        assert 1 <= len(page.codes) <= 2
        texts += [code.text for code in page.codes]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert texts == [*reversed(issued), session.code]
    whole = ListCodesRequest(session_id=session.session_id, page_size=1_000_000)
    found = await enrollment.administrator.codes.ListCodes(whole)
    assert [code.text for code in found.codes] == texts
    whole.page_size = -1
    error = await refusal(enrollment.administrator.codes.ListCodes(whole))
    assert (error.reason, error.violations[0].field) == ("INVALID_REQUEST", "page_size")
    request.session_id = other.session_id
    error = await refusal(enrollment.administrator.codes.ListCodes(request))
    assert error.reason == "INVALID_PAGE_TOKEN"


async def test_learner_calling_through_notification_sees_no_codes(
    enrollment: Enrollment,
) -> None:
    session = await enrollment.session()
    both = enrollment.client(session.learner_ids[0], "learner", peer="notification")
    call = both.codes.ListCodes(ListCodesRequest(session_id=session.session_id))
    assert (await refusal(call)).reason == "NOT_FOUND"


async def test_codes_of_an_unknown_session_are_not_found(enrollment: Enrollment) -> None:
    request = ListCodesRequest(session_id=str(new_id()))
    call = enrollment.administrator.codes.ListCodes(request)
    assert (await refusal(call)).reason == "NOT_FOUND"
