"""The whole path of one proctored session: the order of states, the mails, the result, and one trace."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from e2e.grpc_web import WebChannel
from e2e.mailbox import Mailbox
from e2e.stage import Stage, set_stage
from e2e.story import LearnerStory, ProctorStory, canonical
from e2e.traces import Traces, TraceSpan, essence
from proctorium.assessment.v1.attempts_pb2 import AttemptState, GetAttemptRequest
from proctorium.notification.v1.notifications_pb2 import ListNotificationsRequest, Topic
from proctorium.session.v1.lobby_pb2 import ParticipantState
from proctorium.session.v1.sessions_pb2 import (
    SESSION_STATE_ENDED,
    StartSessionRequest,
)
from proctorium.session.v1.supervision_pb2 import GetRecordRequest
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


class Told:
    """The story as it was acted once, for all tests of this module."""

    def __init__(
        self, stage: Stage, learners: Sequence[LearnerStory], proctor: ProctorStory
    ) -> None:
        self.stage = stage
        self.learners = learners
        self.proctor = proctor
        self.trace_id = ""


@pytest.fixture(scope="module")
async def told(stack: Stack) -> AsyncIterator[Told]:
    exporter = SpansOverHttp(stack.url("traces"), "story")
    tracing = Tracing("story", ratio=1.0, exporter=exporter, export_delay_ms=200)
    use_tracing(tracing)
    with span("proctored session"):
        trace_id = current_trace_id() or ""
        stage = await set_stage(
            stack.address("edge"), learner_channels=(EdgeChannel, WebChannel, EdgeChannel)
        )
        story = await act(stage)
    story.trace_id = trace_id
    await asyncio.to_thread(tracing.close)
    use_tracing(NOT_TRACING)
    yield story
    await story.proctor.close()
    for learner in story.learners:
        await learner.close()
    await stage.close()


async def act(stage: Stage) -> Told:
    """Two learners go the whole way, one over gRPC and one over gRPC-Web; a third one never joins."""
    learners = [LearnerStory(learner, stage) for learner in stage.learners[:2]]
    proctor = ProctorStory(stage)
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
        await learner.answer_all(await learner.begin())
        await learner.submit()
        result = await learner.see_result()
        assert not result.item_results, "right answers are not shown while others sit the exam"
    await proctor.end()
    for learner in learners:
        assert learner.lobby is not None
        await learner.lobby.until(
            lambda view: view.session.state == SESSION_STATE_ENDED, "the session ended"
        )
    return Told(stage, learners, proctor)


def changes(states: Sequence[int]) -> list[int]:
    return [state for state, _ in itertools.groupby(states)]


async def test_each_learner_is_shown_the_states_in_order(told: Told) -> None:
    for learner in told.learners:
        assert learner.lobby is not None
        shown = changes([view.participant.state for view in learner.lobby.shown])
        assert shown == [
            ParticipantState.PARTICIPANT_STATE_WAITING,
            ParticipantState.PARTICIPANT_STATE_IN_SESSION,
            ParticipantState.PARTICIPANT_STATE_COMPLETED,
        ]


async def test_each_attempt_moves_forward_only(told: Told) -> None:
    for learner in told.learners:
        assert learner.exam is not None
        shown = changes([view.attempt.state for view in learner.exam.shown])
        assert shown == sorted(shown)
        assert shown[-1] == AttemptState.ATTEMPT_STATE_RELEASED
        assert AttemptState.ATTEMPT_STATE_IN_PROGRESS in shown


async def test_right_answers_pass_and_stand_in_the_transcript(told: Told) -> None:
    for learner in told.learners:
        result = await learner.see_result()
        assert (result.points, result.points_possible, result.passed) == (8, 8, True)
        entries = await learner.transcript()
        assert [(entry.course_title, entry.hours) for entry in entries] == [
            ("Laboratory safety", 6)
        ]
        assert entries[0].result.result_id == result.result_id


async def test_the_verifier_of_the_page_arrives_at_the_learners_receipt(told: Told) -> None:
    page = Path(__file__).parents[2] / "docs" / "architecture" / "answers.md"
    program = page.read_text("utf-8").partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(program, names)
    learner = told.learners[0]
    attempt = await learner.learner.attempts.GetAttempt(
        GetAttemptRequest(attempt_id=learner.attempt_id)
    )
    changes = [
        (saved.sequence, saved.item_id, canonical(saved.answer))
        for saved in sorted(attempt.attempt.answers, key=lambda saved: saved.sequence)
    ]
    assert names["head_after"](learner.attempt_id, changes) == learner.receipts[-1].chain_head
    assert names["head_after"](learner.attempt_id, changes[:-1]) != learner.receipts[-1].chain_head


async def test_after_the_end_each_question_has_its_feedback(told: Told) -> None:
    for learner in told.learners:
        result = await learner.see_feedback()
        assert sum(each.points for each in result.item_results) == result.points


async def test_the_certificate_can_be_fetched_and_checked_by_anybody(told: Told) -> None:
    certificate, pdf = await told.learners[0].fetch_certificate()
    assert pdf.startswith(b"%PDF-")
    assert certificate.title == "Laboratory safety"


async def test_everybody_gets_each_mail_once_and_its_twin_in_the_application(
    told: Told, mailbox: Mailbox
) -> None:
    for learner in told.learners:
        for subject in SUBJECTS:
            await mailbox.mail_to(learner.learner.email, subject)
        mails = await mailbox.mails_to(learner.learner.email)
        assert len(mails) == len(SUBJECTS), [mail.subject for mail in mails]
        assert told.stage.code in mails[0].text
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
    proctor = await mailbox.mails_to(told.stage.proctor.email)
    assert len(proctor) == 1
    assert "supervise" in proctor[0].text.lower()


async def test_who_never_came_got_the_code_and_no_thanks(told: Told, mailbox: Mailbox) -> None:
    absent = told.stage.learners[2]
    await mailbox.mail_to(absent.email, "enrollment code")
    mails = await mailbox.mails_to(absent.email)
    assert len(mails) == 1, [mail.subject for mail in mails]


async def test_content_closes_again_when_the_session_ends(told: Told) -> None:
    learner = told.learners[0]

    async def closed() -> str | None:
        try:
            await learner.get_lesson()
        except ServiceError as error:
            return error.reason
        return None

    assert await eventually(closed, "the content to close") == "PARTICIPANT_NOT_IN_SESSION"


async def test_doing_things_again_changes_nothing(told: Told) -> None:
    learner = told.learners[0]
    before = await learner.see_feedback()
    await learner.submit()
    await told.proctor.end()
    error = await refusal(
        told.stage.proctor.sessions.StartSession(
            StartSessionRequest(session_id=told.stage.session_id)
        )
    )
    assert error.reason == "INVALID_STATE_TRANSITION"
    assert error.metadata["from"]
    assert (await learner.see_result()) == before


async def test_the_record_tells_the_session_in_order_and_links_each_entry(told: Told) -> None:
    answer = await told.stage.proctor.record.GetRecord(
        GetRecordRequest(session_id=told.stage.session_id, page_size=1000)
    )
    assert [entry.number for entry in answer.entries] == list(range(1, len(answer.entries) + 1))
    events = [entry.event for entry in answer.entries]
    milestones = ["session.scheduled", "participant.joined", "session.started", "session.ended"]
    positions = [events.index(milestone) for milestone in milestones]
    assert positions == sorted(positions)
    assert len({entry.hash for entry in answer.entries}) == len(answer.entries)


# What happens under what: a service's span, and names that must be found below it, each below the one before.
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
        "assessment.v1.AttemptService/SubmitAttempt",
        "publish assessment.result.released",
        "process assessment.result.released",
        "send mail result_released",
    ),
    (
        "assessment.v1.AttemptService/SubmitAttempt",
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
    """Whether the names follow each other from parent to child."""
    if not chain:
        return True
    return any(
        one.name.removeprefix("proctorium.") == chain[0] and has_chain(one.children, chain[1:])
        for one in spans
    )


@pytest.fixture(scope="module")
async def tree(stack: Stack, told: Told) -> list[TraceSpan]:
    """The story's trace, once its last effects have arrived."""
    traces = Traces(stack.url("traces"))

    async def whole() -> list[TraceSpan] | None:
        roots = await traces.tree(told.trace_id)
        below = essence(roots)[0].children if roots else []
        arrived = len(roots) == 1 and all(has_chain(below, chain) for chain in CHAINS)
        return roots if arrived else None

    try:
        return await eventually(whole, "the whole trace", patience=30)
    except TimeoutError:
        return await traces.tree(told.trace_id)
    finally:
        await traces.close()


@pytest.mark.parametrize("chain", CHAINS, ids=[f"{chain[0]} … {chain[-1]}" for chain in CHAINS])
async def test_each_effect_hangs_under_its_cause(
    tree: list[TraceSpan], chain: tuple[str, ...]
) -> None:
    assert has_chain(essence(tree)[0].children, chain)


async def test_one_trace_holds_all_services_and_their_hops(tree: list[TraceSpan]) -> None:
    assert [root.name for root in tree] == ["proctored session"]
    spans = list(tree[0].below())
    assert {one.service for one in spans} >= SERVICES
    hops = [one for one in spans if one.kind == "consumer"]
    assert {one.service for one in hops} == SERVICES
    parents = {child.span_id: one for one in spans for child in one.children}
    assert {parents[hop.span_id].kind for hop in hops} == {"producer"}


async def test_the_trace_is_found_by_session_and_by_learner(
    stack: Stack, told: Told, tree: list[TraceSpan]
) -> None:
    assert tree
    traces = Traces(stack.url("traces"))
    for name, value in (
        ("session_id", told.stage.session_id),
        ("person_id", told.learners[0].learner.person_id),
        ("attempt_id", told.learners[1].attempt_id),
    ):
        assert told.trace_id in await traces.found_by(name, value)
    await traces.close()


async def test_no_span_tells_who_somebody_is(told: Told, tree: list[TraceSpan]) -> None:
    secrets = {told.stage.code}
    for person in (*told.stage.learners, told.stage.proctor):
        secrets |= {person.email, person.name, person.password}
    text = repr([(one.name, dict(one.attributes)) for one in tree[0].below()])
    assert [secret for secret in secrets if secret in text] == []
