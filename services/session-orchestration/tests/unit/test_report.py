"""Tests of the computation of session reports from stored facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given

from proctorium_common.errors import ServiceError
from proctorium_session.domain.incidents import Incident, IncidentSeverity
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Ending, ParticipantView, Removal, ShownState
from proctorium_session.domain.periods import Period, PeriodTotal
from proctorium_session.domain.progress import Progress, ProgressState
from proctorium_session.domain.report import (
    LearnerReport,
    RecordedFacts,
    SessionFacts,
    Submission,
    TakenBreak,
    make_report,
    people_of,
    require_started,
)
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import ActingRole, Actor

from .builders import ASSESSMENT, NOON, make_session, make_view
from .test_periods import END, LATER, PERIODS, at, covered, period

ADMINISTRATOR = UUID(int=9)
ATTEMPT = UUID(int=500)


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
    facts = SessionFacts(
        session=session,
        views=views,
        invited_ids=(),
        pauses={},
        breaks={},
        outages={},
        hand_counts={},
        incidents=(),
        recorded=RecordedFacts(),
    )
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


def test_disconnection_at_the_end_of_the_session_is_no_outage() -> None:
    view = in_session()
    outages = {view.participant.participant_id: [period(60, None)]}
    (learner,) = make_report(facts_of(view, outages=outages), LATER).learners
    assert learner.outages == PeriodTotal()


def removed(view: ParticipantView, minute: float) -> ParticipantView:
    removal = Removal(UUID(int=8), at(minute), "Phone")
    changed = replace(view.participant, state=ParticipantState.REMOVED, removal=removal)
    return replace(view, participant=changed)


def report_with_removals(
    view: ParticipantView, removals: list[Period], **changes: object
) -> LearnerReport:
    recorded = RecordedFacts(removals={view.participant.participant_id: removals})
    (learner,) = make_report(facts_of(view, recorded=recorded, **changes), LATER).learners
    return learner


def test_removed_learner_was_in_the_session_until_the_removal() -> None:
    learner = report_with_removals(removed(in_session(), 20), [period(20, None)])
    assert learner.state is ShownState.REMOVED
    assert learner.in_session == period(0, 20)
    assert learner.removals == []
    assert learner.time_in_session == timedelta(minutes=20)


def test_time_from_removal_to_readmission_does_not_count() -> None:
    view = in_session()
    learner = report_with_removals(
        view,
        [period(20, 30), period(40, 45)],
        pauses={None: [period(10, 25), period(28, 29), period(35, 50)]},
        breaks={view.participant.participant_id: [TakenBreak(period(15, 30), overrun=False)]},
    )
    assert learner.in_session == period(0, 60)
    assert learner.removals == [period(20, 30), period(40, 45)]
    assert learner.time_in_session == timedelta(minutes=45)
    assert learner.pauses == PeriodTotal(2, timedelta(minutes=20))
    assert learner.breaks == PeriodTotal(1, timedelta(minutes=5))


def test_readmitted_learner_who_is_removed_again_leaves_at_the_last_removal() -> None:
    learner = report_with_removals(removed(in_session(), 50), [period(20, 30), period(50, None)])
    assert learner.in_session == period(0, 50)
    assert learner.removals == [period(20, 30)]
    assert learner.time_in_session == timedelta(minutes=40)


def test_time_in_which_the_session_was_over_does_not_count() -> None:
    view = in_session()
    recorded = RecordedFacts(closures=[period(20, 30)])
    facts = facts_of(view, recorded=recorded, pauses={None: [period(15, 25)]})
    (learner,) = make_report(facts, END).learners
    assert (learner.in_session, learner.removals) == (period(0, 60), [])
    assert learner.time_in_session == timedelta(minutes=50)
    assert learner.pauses.total == timedelta(minutes=5)


def test_time_in_which_the_session_was_over_for_the_learner_does_not_count() -> None:
    view = in_session()
    recorded = RecordedFacts(own_closures={view.participant.participant_id: [period(20, 30)]})
    (learner,) = make_report(facts_of(view, recorded=recorded), END).learners
    assert learner.time_in_session == timedelta(minutes=50)


def test_removal_in_the_lobby_does_not_shorten_the_time_in_the_session() -> None:
    learner = report_with_removals(in_session(), [period(-20, -10)])
    assert (learner.in_session, learner.removals) == (period(0, 60), [])
    assert learner.time_in_session == timedelta(hours=1)


@given(removals=PERIODS, pauses=PERIODS)
def test_every_minute_is_in_the_session_or_outside(
    removals: list[Period], pauses: list[Period]
) -> None:
    learner = report_with_removals(in_session(), removals, pauses={None: pauses})
    inside = [minute for minute in range(60) if not covered(removals, minute)]
    assert learner.time_in_session == timedelta(minutes=len(inside))
    paused = [minute for minute in inside if covered(pauses, minute)]
    assert learner.pauses.total == timedelta(minutes=len(paused))
    if learner.in_session is not None:
        assert learner.in_session.end is not None
        outside = sum((each.end - each.start for each in learner.removals if each.end), timedelta())
        length = learner.in_session.end - learner.in_session.start
        assert learner.time_in_session + outside == length


def test_breaks_are_counted_with_their_time_and_overruns() -> None:
    view = in_session()
    breaks = {
        view.participant.participant_id: [
            TakenBreak(period(5, 10), overrun=False),
            TakenBreak(period(20, 32), overrun=True),
        ]
    }
    one, other = make_report(facts_of(view, in_session(2), breaks=breaks), LATER).learners
    assert one.breaks == PeriodTotal(2, timedelta(minutes=17))
    assert one.break_overrun_count == 1
    assert (other.breaks, other.break_overrun_count) == (PeriodTotal(), 0)


def test_break_of_a_session_in_progress_lasts_until_now() -> None:
    view = in_session()
    facts = facts_of(
        view,
        breaks={view.participant.participant_id: [TakenBreak(period(5, None), overrun=True)]},
    )
    running = replace(facts.session, state=SessionState.IN_PROGRESS, end_time=None)
    (learner,) = make_report(replace(facts, session=running), at(12)).learners
    assert learner.breaks == PeriodTotal(1, timedelta(minutes=7))
    assert learner.in_session == period(0, None)
    assert learner.time_in_session == timedelta(minutes=12)


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
