"""Test a complete proctored session: states, mails, results, session record and trace."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence

import pytest

from e2e.clients import LearnerClient, ProctorClient, canonical
from e2e.grpc_web import WebChannel
from e2e.mailbox import Mailbox
from e2e.scenario import Scenario, create_scenario
from e2e.traces import Traces, TraceSpan, without_infrastructure
from proctorium.assessment.v1.attempts_pb2 import AttemptState, GetAttemptRequest
from proctorium.assessment.v1.results_pb2 import GetResultRequest
from proctorium.notification.v1.notifications_pb2 import ListNotificationsRequest, Topic
from proctorium.session.v1.lobby_pb2 import ParticipantState
from proctorium.session.v1.sessions_pb2 import (
    SESSION_STATE_ENDED,
    StartSessionRequest,
)
from proctorium.session.v1.supervision_pb2 import GetRecordRequest
from proctorium_cli.receipt_chain import head_after
from proctorium_common.errors import ServiceError
from proctorium_common.telemetry.export import SpansOverHttp
from proctorium_common.telemetry.traces import (
    NOT_TRACING,
    Tracing,
    current_trace_id,
    span,
    use_tracing,
)
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.refusals import refusal

SERVICES = {"enrollment", "session", "assessment", "identity", "notification"}
SUBJECTS = ("enrollment code", "identity is verified", "result", "certificate", "over")


class CompletedSession:
    """A completed session. It is run once for all tests of this module."""

    def __init__(
        self, scenario: Scenario, learners: Sequence[LearnerClient], proctor: ProctorClient
    ) -> None:
        self.scenario = scenario
        self.learners = learners
        self.proctor = proctor
        self.trace_id = ""


@pytest.fixture(scope="module")
async def completed(stack: Stack) -> AsyncIterator[CompletedSession]:
    exporter = SpansOverHttp(stack.url("traces"), "e2e-tests")
    tracing = Tracing("e2e-tests", ratio=1.0, exporter=exporter, export_delay_ms=200)
    use_tracing(tracing)
    with span("proctored session"):
        trace_id = current_trace_id() or ""
        scenario = await create_scenario(
            stack.address("edge"), learner_channels=(EdgeChannel, WebChannel, EdgeChannel)
        )
        session = await run_session(scenario)
    session.trace_id = trace_id
    await asyncio.to_thread(tracing.close)
    use_tracing(NOT_TRACING)
    yield session
    await session.proctor.close()
    for learner in session.learners:
        await learner.close()
    await scenario.close()


async def run_session(scenario: Scenario) -> CompletedSession:
    """Run a session: one learner passes by gRPC, one learner passes by gRPC-Web, and a third learner never joins."""
    learners = [LearnerClient(learner, scenario) for learner in scenario.learners[:2]]
    proctor = ProctorClient(scenario)
    proctor.watch()
    for learner in learners:
        await learner.join()
        await proctor.verify(await learner.send_evidence())
    await proctor.start()
    for learner in learners:
        await learner.be_in_session()
        await learner.open_lesson_eventually()
    await proctor.authorize(*learners)
    for learner in learners:
        await learner.answer_all(await learner.start())
        await learner.submit()
        request = GetResultRequest(attempt_id=learner.attempt_id)
        error = await refusal(learner.learner.results.GetResult(request))
        assert error.reason == "RESULT_NOT_RELEASED", "the session has not ended"
    await proctor.end()
    for learner in learners:
        await learner.wait_for_result()
    for learner in learners:
        assert learner.lobby is not None
        await learner.lobby.until(
            lambda view: view.session.state == SESSION_STATE_ENDED, "the session ended"
        )
    return CompletedSession(scenario, learners, proctor)


def changes(states: Sequence[int]) -> list[int]:
    return [state for state, _ in itertools.groupby(states)]


async def test_participant_states_are_shown_in_order(completed: CompletedSession) -> None:
    for learner in completed.learners:
        assert learner.lobby is not None
        shown = changes([view.participant.state for view in learner.lobby.received])
        assert shown == [
            ParticipantState.PARTICIPANT_STATE_WAITING,
            ParticipantState.PARTICIPANT_STATE_IN_SESSION,
            ParticipantState.PARTICIPANT_STATE_COMPLETED,
        ]


async def test_attempt_states_only_move_forward(completed: CompletedSession) -> None:
    for learner in completed.learners:
        assert learner.exam is not None
        shown = changes([view.attempt.state for view in learner.exam.received])
        assert shown == sorted(shown)
        assert shown[-1] == AttemptState.ATTEMPT_STATE_RELEASED
        assert AttemptState.ATTEMPT_STATE_IN_PROGRESS in shown


async def test_correct_answers_pass_and_appear_in_the_transcript(
    completed: CompletedSession,
) -> None:
    for learner in completed.learners:
        result = await learner.wait_for_result()
        assert (result.points, result.points_possible, result.passed) == (8, 8, True)
        entries = await learner.transcript()
        assert [(entry.course_title, entry.hours) for entry in entries] == [
            ("Laboratory safety", 6)
        ]
        assert entries[0].result.result_id == result.result_id


async def test_verifier_computes_the_receipts_chain_head(
    completed: CompletedSession,
) -> None:
    learner = completed.learners[0]
    attempt = await learner.learner.attempts.GetAttempt(
        GetAttemptRequest(attempt_id=learner.attempt_id)
    )
    changes = [
        (saved.sequence, saved.item_id, canonical(saved.answer))
        for saved in sorted(attempt.attempt.answers, key=lambda saved: saved.sequence)
    ]
    assert head_after(learner.attempt_id, changes) == learner.receipts[-1].chain_head
    assert head_after(learner.attempt_id, changes[:-1]) != learner.receipts[-1].chain_head


async def test_each_question_has_feedback_after_the_session_ended(
    completed: CompletedSession,
) -> None:
    for learner in completed.learners:
        result = await learner.wait_for_result()
        assert sum(each.points for each in result.item_results) == result.points


async def test_certificate_is_issued_and_publicly_verifiable(completed: CompletedSession) -> None:
    certificate, pdf = await completed.learners[0].wait_for_certificate()
    assert pdf.startswith(b"%PDF-")
    assert certificate.title == "Laboratory safety"


async def test_each_mail_and_in_app_notification_is_sent_once(
    completed: CompletedSession, mailbox: Mailbox
) -> None:
    for learner in completed.learners:
        for subject in SUBJECTS:
            await mailbox.mail_to(learner.learner.email, subject)
        mails = await mailbox.mails_to(learner.learner.email)
        assert len(mails) == len(SUBJECTS), [mail.subject for mail in mails]
        assert completed.scenario.code in mails[0].text
        assert "text/calendar" in mails[0].attachments
        listed = await learner.learner.inbox.ListNotifications(ListNotificationsRequest())
        assert sorted(one.topic for one in listed.notifications) == sorted(
            (
                Topic.TOPIC_CODE_ISSUED,
                Topic.TOPIC_IDENTITY_VERIFIED,
                Topic.TOPIC_RESULT_RELEASED,
                Topic.TOPIC_CERTIFICATE_ISSUED,
                Topic.TOPIC_SESSION_ENDED,
            )
        )
    proctor = await mailbox.mails_to(completed.scenario.proctor.email)
    assert len(proctor) == 1
    assert "supervise" in proctor[0].text.lower()


async def test_absent_learner_receives_only_the_code_mail(
    completed: CompletedSession, mailbox: Mailbox
) -> None:
    absent = completed.scenario.learners[2]
    await mailbox.mail_to(absent.email, "enrollment code")
    mails = await mailbox.mails_to(absent.email)
    assert len(mails) == 1, [mail.subject for mail in mails]


async def test_lessons_are_refused_after_the_session_ended(completed: CompletedSession) -> None:
    learner = completed.learners[0]

    async def refusal_reason() -> str | None:
        try:
            await learner.get_lesson()
        except ServiceError as error:
            return error.reason
        return None

    assert (
        await eventually(refusal_reason, "the lesson to be refused") == "PARTICIPANT_NOT_IN_SESSION"
    )


async def test_repeated_requests_change_nothing(completed: CompletedSession) -> None:
    learner = completed.learners[0]
    before = await learner.wait_for_result()
    await learner.submit()
    await completed.proctor.end()
    error = await refusal(
        completed.scenario.proctor.sessions.StartSession(
            StartSessionRequest(session_id=completed.scenario.session_id)
        )
    )
    assert error.reason == "INVALID_STATE_TRANSITION"
    assert error.metadata["from"]
    assert (await learner.wait_for_result()) == before


async def test_session_record_is_numbered_in_order_of_events(completed: CompletedSession) -> None:
    answer = await completed.scenario.proctor.record.GetRecord(
        GetRecordRequest(session_id=completed.scenario.session_id, page_size=1000)
    )
    assert [entry.number for entry in answer.entries] == list(range(1, len(answer.entries) + 1))
    events = [entry.event for entry in answer.entries]
    milestones = ["session.scheduled", "participant.joined", "session.started", "session.ended"]
    positions = [events.index(milestone) for milestone in milestones]
    assert positions == sorted(positions)
    assert len({entry.hash for entry in answer.entries}) == len(answer.entries)


# Chains of span names that the trace must contain. In a chain, each span is the parent of the next one.
CHAINS = [
    (
        "session.v1.SessionService/ScheduleSession",
        "publish session.session.scheduled",
        "process session.session.scheduled",
        "publish enrollment.code.issued",
        "process enrollment.code.issued",
        "send mail code_issued",
    ),
    (
        "session.v1.LobbyService/JoinSession",
        "enrollment.v1.CodeService/BatchResolveCodes",
        "enrollment.v1.CodeService/BatchResolveCodes",
    ),
    (
        "session.v1.LobbyService/JoinSession",
        "publish session.participant.joined",
        "process session.participant.joined",
        "publish identity.case.opened",
        "process identity.case.opened",
    ),
    (
        "identity.v1.VerificationService/DecideCase",
        "publish identity.case.verified",
        "process identity.case.verified",
        "send mail identity_verified",
    ),
    (
        "session.v1.SessionService/StartSession",
        "publish session.session.started",
        "process session.session.started",
    ),
    (
        "session.v1.SupervisionService/AuthorizeAssessment",
        "publish session.participant.assessment-authorized",
        "process session.participant.assessment-authorized",
        "publish assessment.attempt.authorized",
        "process assessment.attempt.authorized",
    ),
    (
        "session.v1.SessionService/EndSession",
        "publish session.session.ended",
        "process session.session.ended",
        "publish assessment.result.released",
        "process assessment.result.released",
        "send mail result_released",
    ),
    (
        "session.v1.SessionService/EndSession",
        "publish session.session.ended",
        "process session.session.ended",
        "publish assessment.result.released",
        "process assessment.result.released",
        "publish enrollment.registration.completed",
        "process enrollment.registration.completed",
        "issue certificate",
        "publish assessment.certificate.issued",
        "process assessment.certificate.issued",
        "send mail certificate_issued",
    ),
    (
        "session.v1.SessionService/EndSession",
        "publish session.session.ended",
        "process session.session.ended",
        "send mail session_ended",
    ),
]


def has_chain(spans: Sequence[TraceSpan], chain: Sequence[str]) -> bool:
    """Return whether a path of spans that starts at a root of the trees has the names in `chain`."""
    if not chain:
        return True
    return any(
        one.name.removeprefix("proctorium.") == chain[0] and has_chain(one.children, chain[1:])
        for one in spans
    )


@pytest.fixture(scope="module")
async def tree(stack: Stack, completed: CompletedSession) -> list[TraceSpan]:
    """The trees of spans of the session, after the last spans have been exported."""
    traces = Traces(stack.url("traces"))

    async def complete() -> list[TraceSpan] | None:
        roots = await traces.tree(completed.trace_id)
        below = without_infrastructure(roots)[0].children if roots else []
        arrived = len(roots) == 1 and all(has_chain(below, chain) for chain in CHAINS)
        return roots if arrived else None

    try:
        return await eventually(complete, "the complete trace", timeout=30)
    except TimeoutError:
        return await traces.tree(completed.trace_id)
    finally:
        await traces.close()


@pytest.mark.parametrize("chain", CHAINS, ids=[f"{chain[0]} … {chain[-1]}" for chain in CHAINS])
async def test_spans_are_children_of_their_cause(
    tree: list[TraceSpan], chain: tuple[str, ...]
) -> None:
    assert has_chain(without_infrastructure(tree)[0].children, chain)


async def test_one_trace_spans_all_services(tree: list[TraceSpan]) -> None:
    assert [root.name for root in tree] == ["proctored session"]
    spans = list(tree[0].walk())
    assert {one.service for one in spans} >= SERVICES
    hops = [one for one in spans if one.kind == "consumer"]
    assert {one.service for one in hops} == SERVICES
    parents = {child.span_id: one for one in spans for child in one.children}
    assert {parents[hop.span_id].kind for hop in hops} == {"producer"}


async def test_trace_is_found_by_session_person_and_attempt_id(
    stack: Stack, completed: CompletedSession, tree: list[TraceSpan]
) -> None:
    assert tree
    traces = Traces(stack.url("traces"))
    for name, value in (
        ("session_id", completed.scenario.session_id),
        ("person_id", completed.learners[0].learner.person_id),
        ("attempt_id", completed.learners[1].attempt_id),
    ):
        assert completed.trace_id in await traces.found_by(name, value)
    await traces.close()


async def test_spans_contain_no_personal_data(
    completed: CompletedSession, tree: list[TraceSpan]
) -> None:
    secrets = {completed.scenario.code}
    for person in (*completed.scenario.learners, completed.scenario.proctor):
        secrets |= {person.email, person.name, person.password}
    text = repr([(one.name, dict(one.attributes)) for one in tree[0].walk()])
    assert [secret for secret in secrets if secret in text] == []
