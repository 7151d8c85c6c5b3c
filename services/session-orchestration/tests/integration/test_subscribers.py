"""Events of other services: late, doubled, swapped, and what they change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from google.protobuf.message import Message

from proctorium.assessment.events.v1 import events_pb2 as assessment
from proctorium.identity.events.v1 import events_pb2 as identity
from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.events.handling import EventMetadata, Handler
from proctorium_common.ids import new_id
from proctorium_session.subscribers import attempts
from proctorium_session.subscribers import identity as checks

from .test_conduct import certify, kept_certification
from .test_live import connected, watch
from .world import Person, World, end, join, next_of, plan, roster, start, until

BEFORE_ASSESSMENT = sessions_pb2.IDENTITY_POLICY_BEFORE_ASSESSMENT
HANDLERS: dict[type[Message], Handler] = {
    identity.CaseOpened: checks.on_case_opened,
    identity.CaseSubmitted: checks.on_case_submitted,
    identity.CaseVerified: checks.on_case_verified,
    identity.CaseRejected: checks.on_case_rejected,
    identity.CaseResubmissionRequested: checks.on_case_resubmission_requested,
    assessment.AttemptCreated: attempts.on_attempt_created,
    assessment.AttemptAuthorized: attempts.on_attempt_authorized,
    assessment.AttemptStarted: attempts.on_attempt_started,
    assessment.AttemptProgressed: attempts.on_attempt_progressed,
    assessment.AttemptSubmitted: attempts.on_attempt_submitted,
    assessment.AttemptVoided: attempts.on_attempt_voided,
    assessment.ResultReleased: attempts.on_result_released,
}


async def handle(world: World, event: Message, position: int) -> None:
    """The event's effect, as its subscriber has it."""
    metadata = EventMetadata(new_id(), "evt.x", datetime.now(UTC), position, 1)
    async with world.database.transaction() as tx:
        await HANDLERS[type(event)](tx, event, metadata)


class Scene:
    """A session with one learner, and the events that others tell of them."""

    def __init__(self, proctor: Person, learner: Person, joined: lobby_pb2.JoinSessionResponse):
        self.proctor = proctor
        self.learner = learner
        self.session_id = joined.session.session_id
        self.participant_id = joined.participant.participant_id
        self.assessment_id = joined.session.plan.assessment_ids[0]
        self.attempt_id = str(new_id())
        self.case_id = str(new_id())

    def case(self, kind: type[Message], **fields: str) -> Message:
        return kind(
            case_id=self.case_id,
            session_id=self.session_id,
            participant_id=self.participant_id,
            person_id=self.learner.id,
            **fields,
        )

    def attempt(self, kind: type[Message], **fields: object) -> Message:
        return kind(
            attempt_id=self.attempt_id,
            session_id=self.session_id,
            participant_id=self.participant_id,
            assessment_id=self.assessment_id,
            **fields,
        )

    async def shown(self) -> lobby_pb2.Participant:
        return (await roster(self.proctor, self.session_id)).participants[0]


async def scene(
    world: World,
    policy: sessions_pb2.IdentityPolicy.ValueType = sessions_pb2.IDENTITY_POLICY_NONE,
) -> Scene:
    proctor, learner = world.proctor(), world.learner()
    session = await world.scheduled(plan([proctor], identity=policy))
    return Scene(proctor, learner, await join(learner, session.session_id))


async def test_identity_is_told_through_the_broker_and_seen_live(world: World) -> None:
    here = await scene(world, BEFORE_ASSESSMENT)
    call = watch(here.learner, here.session_id)
    view = await connected(call)
    assert view.participant.identity == lobby_pb2.IDENTITY_STATE_REQUESTED
    await world.tell(here.case(identity.CaseSubmitted))
    view = await next_of(call)
    assert view.participant.identity == lobby_pb2.IDENTITY_STATE_SUBMITTED
    await world.tell(here.case(identity.CaseVerified, decided_by=here.proctor.id))
    view = await next_of(call)
    assert view.participant.identity == lobby_pb2.IDENTITY_STATE_VERIFIED
    call.cancel()
    rows = await world.rows(
        "SELECT event, actor FROM session_record WHERE session_id = :id ORDER BY number DESC LIMIT 3",
        id=UUID(here.session_id),
    )
    assert rows == [
        ("participant.ready", "session"),
        ("case.verified", here.proctor.id),
        ("case.submitted", here.learner.id),
    ]
    assert (await world.published(here.session_id)).count("participant.ready") == 1


CASE_LIFE: Sequence[tuple[type[Message], dict[str, str]]] = [
    (identity.CaseOpened, {}),
    (identity.CaseSubmitted, {}),
    (identity.CaseVerified, {"decided_by": str(new_id())}),
]


@pytest.mark.parametrize(
    "order",
    [*permutations(range(3)), (0, 1, 2, 2, 1, 0), (2, 2)],
    ids=lambda order: "".join(map(str, order)),
)
async def test_in_whatever_order_a_case_is_told_the_newest_word_stands(
    world: World, order: tuple[int, ...]
) -> None:
    here = await scene(world, BEFORE_ASSESSMENT)
    for nth in order:
        kind, fields = CASE_LIFE[nth]
        await handle(world, here.case(kind, **fields), position=10 + nth)
    assert (await here.shown()).identity == lobby_pb2.IDENTITY_STATE_VERIFIED
    assert (await world.events(here.session_id)).count("participant.ready") == 1


async def test_new_pictures_asked_for_after_a_verification_stop_the_authorisation(
    world: World,
) -> None:
    here = await scene(world, BEFORE_ASSESSMENT)
    await handle(world, here.case(identity.CaseVerified, decided_by=here.proctor.id), 11)
    await handle(
        world, here.case(identity.CaseResubmissionRequested, requested_by=here.proctor.id), 12
    )
    assert (await here.shown()).identity == lobby_pb2.IDENTITY_STATE_RESUBMISSION_REQUESTED
    await handle(world, here.case(identity.CaseRejected, decided_by=here.proctor.id), 13)
    assert (await here.shown()).identity == lobby_pb2.IDENTITY_STATE_REJECTED


def attempt_life(here: Scene) -> list[Message]:
    return [
        here.attempt(assessment.AttemptCreated, person_id=here.learner.id, item_count=6),
        here.attempt(assessment.AttemptAuthorized),
        here.attempt(assessment.AttemptStarted),
        here.attempt(assessment.AttemptProgressed, answered_count=2, item_count=6),
        here.attempt(assessment.AttemptProgressed, answered_count=5, item_count=6),
        here.attempt(assessment.AttemptSubmitted, answered_count=5, item_count=6),
        here.attempt(assessment.ResultReleased, result_id=str(new_id()), person_id=here.learner.id),
    ]


@pytest.mark.parametrize(
    "order",
    [(0, 1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1, 0), (0, 1, 2, 4, 3, 6, 5, 4, 0, 6)],
    ids=["in order", "backwards", "doubled and swapped"],
)
async def test_progress_never_goes_backwards(world: World, order: tuple[int, ...]) -> None:
    here = await scene(world)
    life = attempt_life(here)
    before = 0
    for nth in order:
        await handle(world, life[nth], position=20 + nth)
        state = (await here.shown()).assessments[0].state
        assert state >= before
        before = state
    shown = (await here.shown()).assessments[0]
    assert shown.state == lobby_pb2.ASSESSMENT_PROGRESS_STATE_RELEASED
    assert (shown.attempt_id, shown.answered_count, shown.item_count) == (here.attempt_id, 5, 6)


async def test_counts_are_shown_and_not_recorded(world: World) -> None:
    here = await scene(world)
    await start(here.proctor, here.session_id)
    call = watch(here.learner, here.session_id)
    await connected(call)
    recorded = await world.events(here.session_id)
    progressed = here.attempt(assessment.AttemptProgressed, answered_count=3, item_count=6)
    await world.tell(progressed)
    view = await next_of(call)
    assert view.participant.assessments[0].answered_count == 3
    assert await world.events(here.session_id) == recorded
    await world.tell(here.attempt(assessment.AttemptSubmitted, answered_count=4, item_count=6))
    await next_of(call)
    assert (await world.events(here.session_id))[-1] == "attempt.submitted"
    call.cancel()


async def test_self_paced_attempts_are_none_of_its_business(world: World) -> None:
    event = assessment.AttemptCreated(attempt_id=str(new_id()), person_id=str(new_id()))
    before = await world.fingerprint()
    await handle(world, event, 1)
    assert await world.fingerprint() == before


async def test_news_of_nobody_known_are_not_swallowed(world: World) -> None:
    here = await scene(world)
    here.participant_id = str(new_id())
    for event in (
        here.case(identity.CaseOpened),
        here.attempt(assessment.AttemptStarted),
    ):
        with pytest.raises(ServiceError) as refused:
            await handle(world, event, 1)
        assert refused.value.kind is Kind.NOT_FOUND


async def test_the_newest_word_about_a_certification_stands(world: World) -> None:
    proctor, now = world.proctor(), datetime.now(UTC)
    newer, older = now + timedelta(days=2), now + timedelta(days=900)
    await certify(world, proctor, newer, progress_published_at=now)

    async def is_kept() -> bool:
        rows = await world.rows(
            "SELECT certified_until FROM certifications WHERE person_id = :id",
            id=proctor.person_id,
        )
        return rows == [(newer,)]

    await until(is_kept)
    # AttemptUpdate before it, by a clock that was ahead, and come after it.
    await certify(world, proctor, older, progress_published_at=now + timedelta(hours=1), position=1)
    handled = len(await world.rows("SELECT 1 FROM inbox"))

    async def is_handled() -> bool:
        return len(await world.rows("SELECT 1 FROM inbox")) > handled

    await certify(world, world.proctor(), newer, progress_published_at=now)
    await until(is_handled)
    assert await kept_certification(world, proctor) == newer


async def test_who_started_no_assessment_has_not_completed_the_session(world: World) -> None:
    here = await scene(world)
    await start(here.proctor, here.session_id)
    await handle(world, here.attempt(assessment.AttemptAuthorized), position=10)
    await end(here.proctor, here.session_id)
    assert (await here.shown()).state == lobby_pb2.PARTICIPANT_STATE_LEFT
    assert (await world.published(here.session_id)).count("participant.left") == 1


async def test_who_started_an_assessment_has_completed_the_session(world: World) -> None:
    here = await scene(world)
    await start(here.proctor, here.session_id)
    await handle(world, here.attempt(assessment.AttemptStarted), position=10)
    await end(here.proctor, here.session_id)
    assert (await here.shown()).state == lobby_pb2.PARTICIPANT_STATE_COMPLETED


async def test_a_start_that_becomes_known_after_the_end_counts(world: World) -> None:
    here = await scene(world)
    await start(here.proctor, here.session_id)
    await end(here.proctor, here.session_id)
    for _ in range(2):
        await handle(world, here.attempt(assessment.AttemptStarted), position=10)
    assert (await here.shown()).state == lobby_pb2.PARTICIPANT_STATE_COMPLETED
    assert (await world.published(here.session_id)).count("participant.completed") == 1


async def test_the_roster_is_live_until_the_results_are_in(world: World) -> None:
    here = await scene(world)
    await start(here.proctor, here.session_id)
    progressed = here.attempt(assessment.AttemptProgressed, answered_count=84, item_count=100)
    await handle(world, progressed, position=10)
    await end(here.proctor, here.session_id)
    request = supervision_pb2.WatchRosterRequest(session_id=here.session_id)
    call = here.proctor.supervision.WatchRoster(request)
    snapshot = (await next_of(call)).snapshot
    assert snapshot.participants[0].assessments[0].answered_count == 84
    submitted = here.attempt(assessment.AttemptSubmitted, answered_count=100, item_count=100)
    for event, state in (
        (submitted, lobby_pb2.ASSESSMENT_PROGRESS_STATE_SUBMITTED),
        (here.attempt(assessment.ResultReleased), lobby_pb2.ASSESSMENT_PROGRESS_STATE_RELEASED),
    ):
        await handle(world, event, position=11)
        shown = (await next_of(call)).participant.assessments[0]
        assert (shown.state, shown.answered_count) == (state, 100)
    with pytest.raises(StopAsyncIteration):
        await next_of(call)


async def test_an_attempt_that_was_never_started_is_shown_as_voided(world: World) -> None:
    here = await scene(world)
    await start(here.proctor, here.session_id)
    await handle(world, here.attempt(assessment.AttemptAuthorized), position=10)
    await end(here.proctor, here.session_id)
    call = here.proctor.supervision.WatchRoster(
        supervision_pb2.WatchRosterRequest(session_id=here.session_id)
    )
    await next_of(call)
    await handle(world, here.attempt(assessment.AttemptVoided), position=11)
    shown = (await next_of(call)).participant.assessments[0]
    assert shown.state == lobby_pb2.ASSESSMENT_PROGRESS_STATE_VOIDED
    with pytest.raises(StopAsyncIteration):
        await next_of(call)
    assert "attempt.voided" in await world.events(here.session_id)
