"""Test that the PDF of a session report uses the words of the report's page, in each language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proctorium_session.documents.report_texts import TEXTS
from proctorium_session.domain.incidents import IncidentSeverity
from proctorium_session.domain.participants import ShownState
from proctorium_session.domain.progress import ProgressState

_CATALOGUES = Path(__file__).parents[1] / "services/portal/web/src/messages"
_STATES = {
    "awaitingApproval": ShownState.AWAITING_APPROVAL,
    "denied": ShownState.DENIED,
    "waiting": ShownState.WAITING,
    "inSession": ShownState.IN_SESSION,
    "paused": ShownState.PAUSED,
    "onBreak": ShownState.ON_BREAK,
    "completed": ShownState.COMPLETED,
    "removed": ShownState.REMOVED,
    "noShow": ShownState.NO_SHOW,
    "left": ShownState.LEFT,
}
_ATTEMPT_STATES = {
    "notAuthorised": ProgressState.AWAITING_AUTHORIZATION,
    "notStarted": ProgressState.AUTHORIZED,
    "inProgress": ProgressState.IN_PROGRESS,
    "submitted": ProgressState.SUBMITTED,
    "released": ProgressState.RELEASED,
    "voided": ProgressState.VOIDED,
}
_CAUSES = {
    "learner": "learner",
    "timeLimit": "time_limit_exceeded",
    "sessionEnded": "session_ended",
    "removed": "removed",
    "endedByProctor": "ended_by_proctor",
}
_LABELS = {
    "preliminary": "preliminary",
    "course": "course",
    "planned": "planned",
    "actual": "actual",
    "startedBy": "started-by",
    "endedBy": "ended-by",
    "proctors": "proctors",
    "leadChanges": "lead-changes",
    "sessionPauses": "session-pauses",
    "uncovered": "uncovered",
    "announcements": "announcements",
    "sessionIncidents": "session-incidents",
}
_COLUMNS = {"name": "name", "state": "state", "attempts": "attempts"}


def texts_of(language: str, feature: str, block: str) -> dict[str, str]:
    """Return the texts without parameters of a block of a catalogue, or of the catalogue itself if `block` is empty."""
    source = (_CATALOGUES / language / f"{feature}.ts").read_text("utf-8")
    if block:
        found = re.search(rf"\b{block}: \{{(.*?)\}}", source, re.DOTALL)
        assert found, f"{block} in {language}/{feature}.ts"
        source = found[1]
    return dict(re.findall(r'\b(\w+):\s+"([^"]*)"', source))


@pytest.mark.parametrize("language", TEXTS)
def test_pdf_of_a_report_uses_the_words_of_the_page(language: str) -> None:
    pdf, page = TEXTS[language], texts_of(language, "report", "")
    states = texts_of(language, "supervision", "participantState")
    assert {state: states[key] for key, state in _STATES.items()} == pdf.states
    assert states["notJoined"] == pdf.not_joined
    attempts = texts_of(language, "report", "attemptState")
    assert {state: attempts[key] for key, state in _ATTEMPT_STATES.items()} == pdf.attempt_states
    causes = texts_of(language, "report", "cause")
    assert {cause: causes[key] for key, cause in _CAUSES.items()} == pdf.causes
    severities = texts_of(language, "incidents", "severity")
    assert {each: severities[each.value] for each in IncidentSeverity} == pdf.severities
    assert {label: page[key] for key, label in _LABELS.items()}.items() <= pdf.labels.items()
    columns = texts_of(language, "report", "columns")
    assert {label: columns[key] for key, label in _COLUMNS.items()}.items() <= pdf.labels.items()
    assert (page["passed"], page["notPassed"]) == (pdf.passed, pdf.failed)
    assert (page["assessment"], page["now"]) == (pdf.assessment, pdf.open_end)
    assert page["anAdministrator"] == pdf.administrator
