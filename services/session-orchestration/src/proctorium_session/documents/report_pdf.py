"""The PDF of a session report (A4)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from uuid import UUID
from zoneinfo import ZoneInfo

from proctorium_documents.fonts import families
from proctorium_documents.typesetting import make_pdf
from proctorium_session.documents.report_csv import cause_name
from proctorium_session.documents.report_texts import TEXTS, Texts
from proctorium_session.domain.incidents import CATEGORIES, Incident, IncidentSeverity
from proctorium_session.domain.participants import ShownState
from proctorium_session.domain.periods import Period, PeriodTotal
from proctorium_session.domain.report import (
    MAX_LISTED_INCIDENTS,
    AttemptReport,
    LeadChange,
    LearnerReport,
    NamedReport,
)

_TEMPLATE = "report.typ"

_CATEGORY_TITLES = {
    each.category_id: category.title
    if each.title == category.title
    else f"{category.title}: {each.title}"
    for category in CATEGORIES
    for each in category.subcategories
}

Json = str | bool | Sequence["Json"] | dict[str, "Json"]


def report_pdf(report: NamedReport, locale: str, zone: ZoneInfo) -> bytes:
    """Return the PDF of a report in the language `locale`. All times are in `zone` and include the offset from UTC.

    Call this function in a thread.
    """
    template = files(__package__).joinpath(_TEMPLATE).read_bytes()
    content = _Layout(report, TEXTS[locale], zone).content()
    inputs = {
        "content": json.dumps(content, ensure_ascii=False),
        "language": locale,
        "fonts": ",".join(families(*_texts_in(content))),
    }
    return make_pdf(template, inputs, document_id=report.report.session.session_id)


class _Layout:
    """The texts of a report in the order in which the template prints them."""

    def __init__(self, report: NamedReport, texts: Texts, zone: ZoneInfo) -> None:
        self._named = report
        self._report = report.report
        self._texts = texts
        self._zone = zone
        start = self._report.session.actual_start_time
        self._day = start.astimezone(zone).date() if start else None
        self._learners = {each.participant_id: each.person_id for each in report.report.learners}

    def content(self) -> dict[str, Json]:
        """Return the content of the template."""
        report, texts = self._report, self._texts
        warnings = [
            *([texts.labels["preliminary"]] if report.preliminary else []),
            *([texts.labels["no-results"]] if self._named.results is None else []),
        ]
        listed = report.incidents[:MAX_LISTED_INCIDENTS]
        created = f"{texts.labels['created']}: {self._date_time(report.created_at)}"
        more = len(report.incidents) - len(listed)
        return {
            "labels": dict(texts.labels),
            "title": report.session.plan.title,
            "organisation": self._named.organisation,
            "warnings": warnings,
            "facts": self._facts(),
            "learners": [self._learner_cells(each) for each in self._named.learners],
            "incidents": [self._incident_cells(each) for each in listed],
            "more": f"{texts.labels['more-incidents']}: {more}" if more else "",
            "created": created,
        }

    def _facts(self) -> list[Json]:
        report, labels = self._report, self._texts.labels
        session, plan = report.session, report.session.plan
        planned = Period(plan.start_time, plan.planned_end)
        actual = Period(session.actual_start_time or plan.start_time, session.end_time)
        facts = [
            (labels["course"], [self._named.course_title]),
            (labels["planned"], [self._long_period(planned)]),
            (labels["actual"], [self._long_period(actual)]),
            (labels["started-by"], [self._name(report.started_by)]),
            (labels["ended-by"], [self._name(session.ended_by)] if session.ended_by else []),
            (labels["proctors"], [self._name(each) for each in plan.proctor_ids]),
            (labels["lead-changes"], [self._lead_change(each) for each in report.lead_changes]),
            (labels["session-pauses"], [self._period(each) for each in report.pauses]),
            (labels["uncovered"], [self._period(each) for each in report.uncovered]),
            (labels["announcements"], [str(session.announcement_count)]),
            (labels["session-incidents"], [self._counts(report.incident_counts)]),
        ]
        return [[label, values] for label, values in facts if any(values)]

    def _learner_cells(self, learner: LearnerReport) -> list[Json]:
        texts = self._texts
        state = texts.not_joined if learner.state is None else texts.states[learner.state]
        own = f" ({learner.own_pause_count} {texts.own})" if learner.own_pause_count else ""
        overruns = learner.break_overrun_count
        overrun = f" ({overruns} {texts.overrun})" if overruns else ""
        return [
            self._learner_name(learner.person_id),
            f"{state}: {learner.removal_reason}" if learner.removal_reason else state,
            self._time(learner.joined_at) if learner.joined_at else "",
            "\n".join(self._in_session(learner)),
            "\n".join(self._outages(learner)),
            _total(learner.pauses, own),
            _total(learner.breaks, overrun),
            _duration(learner.extra_time) if learner.extra_time else "",
            str(learner.hand_count or ""),
            str(learner.message_count or ""),
            self._counts(learner.incident_counts),
            "\n".join(self._attempts(learner)),
        ]

    def _outages(self, learner: LearnerReport) -> Iterable[str]:
        """Return the total of the outages, and the numbers of decisions about returns."""
        texts = self._texts
        if total := _total(learner.outages):
            yield total
        if learner.admitted_return_count:
            yield f"{texts.returns_admitted}: {learner.admitted_return_count}"
        if learner.denied_return_count:
            yield f"{texts.returns_denied}: {learner.denied_return_count}"

    def _attempts(self, learner: LearnerReport) -> Iterable[str]:
        """Return the attempts, and the number of changes of answers during stops."""
        for each in learner.attempts:
            yield self._attempt(each)
        if learner.changes_during_stops:
            yield f"{self._texts.changes_during_stops}: {learner.changes_during_stops}"

    def _in_session(self, learner: LearnerReport) -> Iterable[str]:
        """Return the period in the session. If it has removals, also return them and the remaining time."""
        if learner.in_session:
            yield self._period(learner.in_session)
        for each in learner.removals:
            yield f"{self._texts.states[ShownState.REMOVED]}: {self._period(each)}"
        if learner.removals:
            yield f"{self._texts.total}: {_duration(learner.time_in_session)}"

    def _attempt(self, attempt: AttemptReport) -> str:
        texts = self._texts
        title = self._named.assessment_titles.get(attempt.assessment_id) or texts.assessment
        parts = [texts.attempt_states[attempt.state]]
        if attempt.started_at:
            submission = attempt.submission
            submitted_at = submission.submitted_at if submission else None
            parts.append(self._period(Period(attempt.started_at, submitted_at)))
            if submission:
                parts.append(texts.causes.get(cause_name(submission.cause), ""))
            parts.append(f"{attempt.answered_count}/{attempt.item_count} {texts.answered}")
        if result := self._named.result_of(attempt):
            points = f"{self._number(result.points)}/{self._number(result.points_possible)}"
            parts.append(f"{points} {texts.points}")
            parts.append(texts.passed if result.passed else texts.failed)
        return f"{title}: {', '.join(filter(None, parts))}"

    def _incident_cells(self, incident: Incident) -> list[Json]:
        participant_id = incident.participant_id
        return [
            self._time(incident.occurred_at),
            self._texts.whole_session
            if participant_id is None
            else self._learner_name(self._learners[participant_id]),
            _CATEGORY_TITLES.get(incident.category_id, incident.category_id),
            self._texts.severities[incident.severity],
            incident.note,
        ]

    def _lead_change(self, change: LeadChange) -> str:
        verb = self._texts.taken if change.taken else self._texts.handed_over
        new, former = self._name(change.new_lead_id), self._name(change.former_lead_id)
        return f"{self._time(change.changed_at)}: {new} {verb} {former}"

    def _learner_name(self, person_id: UUID) -> str:
        """Return the name of a learner, or the ID of a learner whom enrollment does not know."""
        return self._named.names.get(person_id) or str(person_id)

    def _name(self, person_id: UUID | None) -> str:
        name = self._named.names.get(person_id) if person_id else None
        return name or self._texts.administrator

    def _counts(self, counts: Mapping[IncidentSeverity, int]) -> str:
        return ", ".join(
            f"{counts[each]} {self._texts.severities[each]}"
            for each in reversed(list(IncidentSeverity))
            if counts.get(each)
        )

    def _long_period(self, period: Period) -> str:
        end = self._date_time(period.end) if period.end else self._texts.open_end
        return f"{self._date_time(period.start)} – {end}"

    def _period(self, period: Period) -> str:
        end = self._time(period.end) if period.end else self._texts.open_end
        return f"{self._time(period.start)} – {end}"

    def _date_time(self, time: datetime) -> str:
        text = time.astimezone(self._zone).isoformat(" ", timespec="seconds")
        seconds = len("2026-01-31 23:59:59")
        return f"{text[:seconds]} {text[seconds:]}"

    def _time(self, time: datetime) -> str:
        """Return the time of day with its offset. If the time is not on the day of the start, return the date too."""
        text = self._date_time(time)
        is_same_day = time.astimezone(self._zone).date() == self._day
        return text.partition(" ")[2] if is_same_day else text

    def _number(self, value: float) -> str:
        """Return a number with at most two decimals.

        The number is truncated, so that a failed attempt does not look passed. It is first rounded to three decimals to
        remove floating-point errors.
        """
        hundredths = int(round(value * 1000) / 10)
        return f"{hundredths / 100:g}".replace(".", self._texts.decimal_sign)


def _total(periods: PeriodTotal, suffix: str = "") -> str:
    return f"{periods.count}{suffix}, {_duration(periods.total)}" if periods.count else ""


def _duration(duration: timedelta) -> str:
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (seconds, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"


def _texts_in(content: Json) -> Iterable[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for each in content.values():
            yield from _texts_in(each)
    elif not isinstance(content, bool):
        for each in content:
            yield from _texts_in(each)
