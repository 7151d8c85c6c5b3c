"""The CSV file of a session report, with one row for each learner (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from proctorium.assessment.v1.attempts_pb2 import SubmitCause
from proctorium_session.domain.incidents import IncidentSeverity
from proctorium_session.domain.report import AttemptReport, LearnerReport, NamedReport

_BYTE_ORDER_MARK = "\ufeff"
"""Without this mark, spreadsheets do not read the file as UTF-8."""

_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""The first characters of texts that spreadsheets evaluate as formulas, and their full-width forms."""
_CONTROL_STARTS = ("\t", "\r", "\n")

_LEARNER_COLUMNS = (
    "name",
    "person_id",
    "state",
    "removal_reason",
    "join_time",
    "in_session_from",
    "in_session_to",
    "in_session_seconds",
    "outages",
    "outage_seconds",
    "returns_admitted",
    "returns_denied",
    "pauses",
    "own_pauses",
    "pause_seconds",
    "breaks",
    "break_seconds",
    "break_overruns",
    "changes_during_stops",
    "extra_time_seconds",
    "hands",
    "messages",
    "incident_notes",
    "incident_warnings",
    "incidents_serious",
)
_ATTEMPT_COLUMNS = (
    "state",
    "start_time",
    "submit_time",
    "submit_cause",
    "answered",
    "items",
    "points",
    "points_possible",
    "passed",
)


def report_csv(report: NamedReport, zone: ZoneInfo) -> bytes:
    """Return the CSV file of a report. All times are in `zone` and include the offset from UTC."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in _rows(report, zone):
        writer.writerow([safe_cell(cell) for cell in row])
    return (_BYTE_ORDER_MARK + text.getvalue()).encode()


def safe_cell(text: str) -> str:
    """Return the text of a cell, so that no spreadsheet evaluates it as a formula.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    is_evaluated = text.lstrip().startswith(_FORMULA_STARTS) or text.startswith(_CONTROL_STARTS)
    return f"'{text}" if is_evaluated else text


def _rows(report: NamedReport, zone: ZoneInfo) -> Iterator[list[str]]:
    assessment_ids = report.report.session.plan.assessment_ids
    yield [
        *_LEARNER_COLUMNS,
        *(
            f"assessment_{number}_{column}"
            for number in range(1, len(assessment_ids) + 1)
            for column in ("title", *_ATTEMPT_COLUMNS)
        ),
    ]
    for learner in report.learners:
        attempts = {each.assessment_id: each for each in learner.attempts}
        yield [
            *_learner_cells(report, learner, zone),
            *(
                cell
                for each in assessment_ids
                for cell in _attempt_cells(report, each, attempts.get(each), zone)
            ),
        ]


def _learner_cells(report: NamedReport, learner: LearnerReport, zone: ZoneInfo) -> list[str]:
    period = learner.in_session
    return [
        report.names.get(learner.person_id, ""),
        str(learner.person_id),
        learner.state.value if learner.state else "",
        learner.removal_reason,
        _time(learner.joined_at, zone),
        _time(period.start if period else None, zone),
        _time(period.end if period else None, zone),
        _seconds(learner.time_in_session),
        str(learner.outages.count),
        _seconds(learner.outages.total),
        str(learner.admitted_return_count),
        str(learner.denied_return_count),
        str(learner.pauses.count),
        str(learner.own_pause_count),
        _seconds(learner.pauses.total),
        str(learner.breaks.count),
        _seconds(learner.breaks.total),
        str(learner.break_overrun_count),
        str(learner.changes_during_stops),
        _seconds(learner.extra_time),
        str(learner.hand_count),
        str(learner.message_count),
        *(str(learner.incident_counts.get(each, 0)) for each in IncidentSeverity),
    ]


def _attempt_cells(
    report: NamedReport, assessment_id: UUID, attempt: AttemptReport | None, zone: ZoneInfo
) -> list[str]:
    title = report.assessment_titles.get(assessment_id, "")
    if attempt is None:
        return [title, *("" for _ in _ATTEMPT_COLUMNS)]
    submission, result = attempt.submission, report.result_of(attempt)
    return [
        title,
        attempt.state.name.lower(),
        _time(attempt.started_at, zone),
        _time(submission.submitted_at if submission else None, zone),
        cause_name(submission.cause) if submission else "",
        str(attempt.answered_count),
        str(attempt.item_count),
        *(
            (f"{result.points:.12g}", f"{result.points_possible:.12g}", str(result.passed).lower())
            if result
            else ("", "", "")
        ),
    ]


def cause_name(cause: int) -> str:
    """Return the name of a submit cause in lower case, such as "learner". The name of an unknown cause is empty."""
    if cause not in SubmitCause.values() or not cause:
        return ""
    return SubmitCause.Name(SubmitCause.ValueType(cause)).removeprefix("SUBMIT_CAUSE_").lower()


def _time(time: datetime | None, zone: ZoneInfo) -> str:
    return time.astimezone(zone).isoformat(timespec="seconds") if time else ""


def _seconds(duration: timedelta) -> str:
    return str(round(duration.total_seconds()))
