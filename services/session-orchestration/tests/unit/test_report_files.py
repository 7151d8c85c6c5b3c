"""Tests of the PDF and the CSV file of a session report."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import replace
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from proctorium.assessment.v1.attempts_pb2 import SubmitCause
from proctorium_session.documents.report_csv import cause_name, report_csv, safe_cell
from proctorium_session.documents.report_pdf import report_pdf
from proctorium_session.documents.report_texts import TEXTS, Texts
from proctorium_session.domain.incidents import IncidentSeverity
from proctorium_session.domain.participants import ParticipantView, ShownState
from proctorium_session.domain.progress import Progress, ProgressState
from proctorium_session.domain.report import (
    NamedReport,
    RecordedFacts,
    Result,
    Submission,
    TakenBreak,
    make_report,
)

from .builders import ASSESSMENT
from .test_periods import LATER, at, period
from .test_report import facts_of, in_session, incident

BERLIN = ZoneInfo("Europe/Berlin")
ATTEMPT = UUID(int=500)
LEARNER = UUID(int=201)
PROCTOR = UUID(int=1)


def view_with_attempt(number: int = 1) -> ParticipantView:
    progress = Progress(ASSESSMENT, ATTEMPT, ProgressState.RELEASED, 7, 10)
    return replace(in_session(number), assessments={ASSESSMENT: progress})


def named(**changes: object) -> NamedReport:
    participant_id = view_with_attempt().participant.participant_id
    recorded = RecordedFacts(
        started_by=PROCTOR,
        started_attempts={ATTEMPT: at(2)},
        submissions={ATTEMPT: Submission(at(40), 1)},
        removals={participant_id: [period(50, 55)]},
        changes_during_stops={participant_id: 3},
        admitted_returns={participant_id: 2},
        denied_returns={participant_id: 1},
    )
    facts = facts_of(
        view_with_attempt(),
        invited_ids=(UUID(int=299),),
        pauses={None: [period(10, 20)]},
        breaks={
            participant_id: [
                TakenBreak(period(22, 25), overrun=False),
                TakenBreak(period(30, 36), overrun=True),
            ]
        },
        incidents=[incident(1, IncidentSeverity.SERIOUS, participant_id)],
        recorded=recorded,
    )
    report = NamedReport(
        report=make_report(facts, LATER),
        names={LEARNER: "Ada Lovelace", UUID(int=299): "Bo Absent", PROCTOR: "Cy Proctor"},
        organisation="Example Training",
        course_title="Safety",
        assessment_titles={ASSESSMENT: "Fire quiz"},
        results={ATTEMPT: Result(7.5, 10, passed=True)},
    )
    return replace(report, **changes)  # type: ignore[arg-type]


def rows_of(file: bytes) -> list[dict[str, str]]:
    text = file.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def text_of(pdf: bytes) -> str:
    """Return the text of a PDF without line breaks, because texts continue on several lines of a cell."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split()).replace("- ", "")


def test_csv_has_one_row_for_each_learner_with_offsets() -> None:
    file = report_csv(named(), BERLIN)
    assert file.startswith(b"\xef\xbb\xbfname,person_id,")
    assert file.count(b"\r\n") == file.count(b"\n") == 3
    ada, bo = rows_of(file)
    assert ada["name"] == "Ada Lovelace"
    assert ada["in_session_from"] == "2027-03-01T13:00:00+01:00"
    assert ada["in_session_to"] == "2027-03-01T14:00:00+01:00"
    assert (ada["pauses"], ada["pause_seconds"]) == ("1", "600")
    assert (ada["breaks"], ada["break_seconds"], ada["break_overruns"]) == ("2", "540", "1")
    assert (ada["returns_admitted"], ada["returns_denied"]) == ("2", "1")
    assert ada["changes_during_stops"] == "3"
    assert ada["in_session_seconds"] == "3300"
    assert ada["incidents_serious"] == "1"
    assert ada["assessment_1_title"] == "Fire quiz"
    assert ada["assessment_1_submit_cause"] == "learner"
    assert (ada["assessment_1_points"], ada["assessment_1_passed"]) == ("7.5", "true")
    assert (bo["name"], bo["state"], bo["join_time"]) == ("Bo Absent", "no_show", "")
    assert (bo["breaks"], bo["break_seconds"], bo["break_overruns"]) == ("0", "0", "0")
    assert (bo["returns_admitted"], bo["changes_during_stops"]) == ("0", "0")
    assert bo["in_session_seconds"] == "0"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", " =", "\u00a0@"])
def test_cell_is_never_a_formula(start: str) -> None:
    hostile = f'{start}HYPERLINK("https://example.org";"x")'
    assert safe_cell(hostile) == f"'{hostile}"
    (ada, _) = rows_of(report_csv(named(names={LEARNER: hostile}), BERLIN))[::-1]
    assert ada["name"] == f"'{hostile}"


@given(text=st.text(max_size=40))
def test_every_text_survives_in_a_csv_file(text: str) -> None:
    rows = rows_of(report_csv(named(assessment_titles={ASSESSMENT: text}), BERLIN))
    assert rows[0]["assessment_1_title"] == safe_cell(text)


def test_pdf_contains_the_facts_of_the_report() -> None:
    pdf = report_pdf(named(), "en", BERLIN)
    assert b"pdfaid" in pdf
    text = text_of(pdf)
    for expected in (
        "Session report",
        "Fire safety",
        "Example Training",
        "Ada Lovelace",
        "Cy Proctor",
        "an administrator",
        "13:10:00 +01:00",
        "2 (1 late), 9 min",
        "Let back in: 2",
        "Return denied: 1",
        "breaks, removals or waits to be let back in: 3",
        "Removed: 13:50:00 +01:00 – 13:55:00 +01:00",
        "total: 55 min",
        "7.5/10 points",
        "No-show",
        "Serious",
        "Other",
        "1 / 1",
    ):
        assert expected in text, expected
    assert "preliminary" not in text


def test_pdf_is_in_german() -> None:
    text = text_of(report_pdf(named(results=None), "de", BERLIN))
    assert "Sitzungsbericht" in text
    assert "Die Ergebnisse sind zurzeit nicht verfügbar" in text
    assert "Punkte" not in text
    assert "Erholungs" in text
    assert "2 (1 verspätet), 9 min" in text
    assert "Wieder eingelassen: 2" in text
    assert "Warten auf Einlass: 3" in text
    assert "Entfernt: 13:50:00 +01:00 – 13:55:00 +01:00" in text
    assert "gesamt: 55 min" in text


@pytest.mark.parametrize(
    "name",
    ["محمد بن سلمان", "欧阳娜娜", "김철수", "สมชาย ใจดี", "#set page(width: 1cm)", "*[_$x$_]*\\"],
    ids=["arabic", "chinese", "korean", "thai", "code", "markup"],
)
def test_name_in_any_script_is_printed_as_text(name: str) -> None:
    pdf = report_pdf(named(names={LEARNER: name}), "en", BERLIN)
    assert b"pdfaid" in pdf
    if name.isascii():
        assert name.replace(" ", "") in text_of(pdf).replace(" ", "")


def test_character_without_a_glyph_does_not_prevent_the_report() -> None:
    assert "Zoë" in text_of(report_pdf(named(names={LEARNER: "Zoë \U000e3efd"}), "en", BERLIN))


def test_report_of_300_learners_is_created_within_seconds() -> None:
    views = [view_with_attempt(number) for number in range(1, 301)]
    names = {each.participant.person_id: f"Learner {number}" for number, each in enumerate(views)}
    report = named(report=make_report(facts_of(*views), LATER), names=names)
    started = time.process_time()
    pdf = report_pdf(report, "en", BERLIN)
    assert time.process_time() - started < 20
    assert len(pdf) < 1_000_000
    text = text_of(pdf)
    assert all(f"Learner {number}" in text for number in (0, 150, 299))


def test_incidents_beyond_the_limit_are_counted() -> None:
    incidents = [incident(number, IncidentSeverity.NOTE, None) for number in range(1, 203)]
    report = named(report=make_report(facts_of(incidents=incidents), LATER))
    text = text_of(report_pdf(report, "en", BERLIN))
    assert "not listed: 2" in text
    assert "202 Note" in text


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_every_state_and_cause_has_a_text(texts: Texts) -> None:
    assert set(texts.states) == set(ShownState)
    assert set(texts.attempt_states) == set(ProgressState)
    assert set(texts.causes) == {cause_name(each) for each in SubmitCause.values() if each}


def test_long_durations_are_readable() -> None:
    report = named()
    learner = replace(report.report.learners[0], extra_time=timedelta(hours=1, minutes=5))
    changed = replace(report, report=replace(report.report, learners=[learner]))
    assert "1 h 5 min" in text_of(report_pdf(changed, "en", BERLIN))
