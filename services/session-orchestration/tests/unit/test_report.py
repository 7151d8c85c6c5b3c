"""The computation of session reports from stored facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import ServiceError
from proctorium_session.domain.incidents import Incident, IncidentSeverity
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Ending, ParticipantView, Removal, ShownState
from proctorium_session.domain.progress import Progress, ProgressState
from proctorium_session.domain.report import (
    Period,
    PeriodTotal,
    RecordedFacts,
    SessionFacts,
    Submission,
    make_report,
    outages_of,
    people_of,
    require_started,
    total_of,
)
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import ActingRole, Actor

from .builders import ASSESSMENT, NOON, make_session, make_view

ADMINISTRATOR = UUID(int=9)
END = NOON + timedelta(hours=1)
LATER = END + timedelta(days=1)
ATTEMPT = UUID(int=500)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def period(start: float, end: float | None) -> Period:
    return Period(at(start), None if end is None else at(end))


def in_session(number: int = 1) -> ParticipantView:
    view = make_view(number, ParticipantState.COMPLETED)
    return replace(view, participant=replace(view.participant, entered_time=NOON))


def facts_of(*views: ParticipantView, **changes: object) -> SessionFacts:
    session = replace(
        make_session(SessionState.ENDED),
        state=SessionState.ENDED,
        end_time=END,
        ended_by=ADMINISTRATOR,
    )
    facts = SessionFacts(session, views, (), {}, {}, (), RecordedFacts())
    return replace(facts, **changes)  # type: ignore[arg-type]


def incident(number: int, severity: IncidentSeverity, participant_id: UUID | None) -> Incident:
    return Incident(
        incident_id=UUID(int=number),
        session_id=UUID(int=3),
        participant_id=participant_id,
        category_id="other.other",
        severity=severity,
        note="Noise",
        occurred_at=NOON,
        revision=1,
        note_key=b"",
        author=Actor(ADMINISTRATOR, ActingRole.ADMINISTRATOR),
        written_at=NOON,
    )


MINUTES = st.integers(-30, 90)
PERIODS = st.lists(
    st.tuples(MINUTES, st.none() | st.integers(0, 60)).map(
        lambda each: period(each[0], None if each[1] is None else each[0] + each[1])
    ),
    max_size=8,
)


@given(periods=PERIODS)
def test_total_is_the_number_of_covered_minutes(periods: list[Period]) -> None:
    within = Period(NOON, END)
    covered = sum(
        any(each.start <= at(minute) < (each.end or LATER) for each in periods)
        for minute in range(60)
    )
    assert total_of(periods, within, LATER).total == timedelta(minutes=covered)


@given(periods=PERIODS, order=st.randoms(use_true_random=False))
def test_total_does_not_depend_on_the_order_and_repetition(
    periods: list[Period], order: object
) -> None:
    within = Period(NOON, END)
    shuffled = periods * 2
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert total_of(shuffled, within, LATER).total == total_of(periods, within, LATER).total


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [(-10, 0, 0), (-10, 5, 1), (59, None, 1), (60, None, 0), (10, 10, 1)],
    ids=["before", "across_start", "open", "after", "instant"],
)
def test_only_periods_in_the_session_count(start: float, end: float | None, count: int) -> None:
    assert total_of([period(start, end)], Period(NOON, END), LATER).count == count


def test_own_pause_within_a_pause_of_the_session_counts_once_in_the_total() -> None:
    view = in_session()
    pauses = {view.participant.participant_id: [period(15, 25)], None: [period(10, 20)]}
    (learner,) = make_report(facts_of(view, pauses=pauses), LATER).learners
    assert learner.pauses == PeriodTotal(2, timedelta(minutes=15))
    assert learner.own_pause_count == 1


def test_pause_before_the_learner_entered_does_not_count() -> None:
    view = in_session()
    late = replace(view, participant=replace(view.participant, entered_time=at(30)))
    (learner,) = make_report(facts_of(late, pauses={None: [period(10, 35)]}), LATER).learners
    assert learner.pauses == PeriodTotal(1, timedelta(minutes=5))


def test_open_pause_ends_with_the_session() -> None:
    report = make_report(facts_of(in_session(), pauses={None: [period(50, None)]}), LATER)
    assert report.pauses == [period(50, 60)]
    assert report.learners[0].pauses.total == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("connections", "expected"),
    [
        ([], []),
        ([(0, True)], []),
        ([(0, True), (5, False), (7, True)], [(5, 7)]),
        ([(0, True), (5, False)], [(5, None)]),
        ([(0, True), (5, False), (6, False), (7, True), (8, True)], [(5, 7)]),
    ],
    ids=["none", "connected", "one", "open", "repeated"],
)
def test_outage_lasts_from_disconnection_to_connection(
    connections: list[tuple[float, bool]], expected: list[tuple[float, float | None]]
) -> None:
    found = outages_of([(at(minutes), connected) for minutes, connected in connections])
    assert found == [period(*each) for each in expected]


def test_disconnection_at_the_end_of_the_session_is_no_outage() -> None:
    view = in_session()
    recorded = RecordedFacts(
        connections={view.participant.participant_id: [(at(-1), True), (at(60), False)]}
    )
    (learner,) = make_report(facts_of(view, recorded=recorded), LATER).learners
    assert learner.outages == PeriodTotal()


def test_removed_learner_was_in_the_session_until_the_removal() -> None:
    view = in_session()
    removed = replace(
        view,
        participant=replace(
            view.participant,
            state=ParticipantState.REMOVED,
            removal=Removal(UUID(int=8), at(20), "Phone"),
        ),
    )
    recorded = RecordedFacts(removed_at={view.participant.participant_id: at(20)})
    (learner,) = make_report(facts_of(removed, recorded=recorded), LATER).learners
    assert learner.state is ShownState.REMOVED
    assert learner.in_session == period(0, 20)


def test_learner_was_in_the_session_until_it_was_ended_for_them() -> None:
    view = in_session()
    ended = replace(
        view,
        participant=replace(
            view.participant,
            state=ParticipantState.COMPLETED,
            ending=Ending(UUID(int=9), at(30), "Ill"),
        ),
    )
    (learner,) = make_report(facts_of(ended), LATER).learners
    assert learner.in_session == period(0, 30)


@pytest.mark.parametrize(
    ("state", "expected"),
    [(SessionState.IN_PROGRESS, None), (SessionState.ENDED, ShownState.NO_SHOW)],
    ids=str,
)
def test_invited_learner_who_never_joined_is_a_no_show_after_the_end(
    state: SessionState, expected: ShownState | None
) -> None:
    invited = UUID(int=201), UUID(int=202)
    facts = facts_of(in_session(1), invited_ids=invited)
    report = make_report(replace(facts, session=replace(facts.session, state=state)), LATER)
    assert [each.person_id for each in report.learners] == [UUID(int=201), UUID(int=202)]
    assert report.learners[1].state is expected
    assert report.learners[1].joined_at is None
    assert report.preliminary is (state is SessionState.IN_PROGRESS)


def test_incidents_are_counted_by_learner_and_severity() -> None:
    view = in_session()
    participant_id = view.participant.participant_id
    incidents = [
        incident(1, IncidentSeverity.NOTE, participant_id),
        incident(2, IncidentSeverity.SERIOUS, participant_id),
        incident(3, IncidentSeverity.SERIOUS, participant_id),
        incident(4, IncidentSeverity.WARNING, None),
    ]
    report = make_report(facts_of(view, incidents=incidents), LATER)
    assert report.learners[0].incident_counts == {
        IncidentSeverity.NOTE: 1,
        IncidentSeverity.SERIOUS: 2,
    }
    assert report.incident_counts == {IncidentSeverity.WARNING: 1}


def test_attempt_has_its_recorded_times() -> None:
    progress = Progress(ASSESSMENT, ATTEMPT, ProgressState.SUBMITTED, 7, 10)
    view = replace(in_session(), assessments={ASSESSMENT: progress})
    submission = Submission(at(40), 1)
    recorded = RecordedFacts(
        started_attempts={ATTEMPT: at(2), UUID(int=501): at(1)}, submissions={ATTEMPT: submission}
    )
    (learner,) = make_report(facts_of(view, recorded=recorded), LATER).learners
    (attempt,) = learner.attempts
    assert (attempt.started_at, attempt.submission) == (at(2), submission)
    assert (attempt.answered_count, attempt.item_count) == (7, 10)


def test_learner_without_attempts_has_no_attempts() -> None:
    (learner,) = make_report(facts_of(in_session()), LATER).learners
    assert learner.attempts == []


@pytest.mark.parametrize("with_administrators", [False, True])
def test_names_of_administrators_are_only_for_administrators(with_administrators: bool) -> None:
    report = make_report(facts_of(in_session()), LATER)
    found = people_of(report, with_administrators=with_administrators)
    assert {UUID(int=1), UUID(int=201)} <= found
    assert (ADMINISTRATOR in found) is with_administrators


def test_session_that_was_not_started_has_no_report() -> None:
    with pytest.raises(ServiceError) as refused:
        require_started(make_session(SessionState.LOBBY_OPEN))
    assert refused.value.reason == "SESSION_NOT_STARTED"
