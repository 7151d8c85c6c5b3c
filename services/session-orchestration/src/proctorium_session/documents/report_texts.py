"""The texts of the PDF of a session report, in English and German."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proctorium_session.domain.incidents import IncidentSeverity
from proctorium_session.domain.participants import ShownState
from proctorium_session.domain.progress import ProgressState


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a report in one language. `labels` are printed by the template."""

    labels: Mapping[str, str]
    states: Mapping[ShownState, str]
    not_joined: str
    attempt_states: Mapping[ProgressState, str]
    causes: Mapping[str, str]
    severities: Mapping[IncidentSeverity, str]
    administrator: str
    open_end: str
    own: str
    overrun: str
    total: str
    answered: str
    passed: str
    failed: str
    points: str
    assessment: str
    taken: str
    handed_over: str
    whole_session: str
    decimal_sign: str


_ENGLISH = Texts(
    labels={
        "report": "Session report",
        "preliminary": "This report is preliminary, because the session is not over.",
        "no-results": "The results are not available at the moment. Create the report again later.",
        "course": "Course",
        "planned": "Planned",
        "actual": "Actual",
        "started-by": "Started by",
        "ended-by": "Ended by",
        "proctors": "Proctors",
        "lead-changes": "Changes of the lead proctor",
        "session-pauses": "Pauses of the whole session",
        "uncovered": "Times without a present proctor",
        "announcements": "Announcements",
        "session-incidents": "Incidents of the whole session",
        "learners": "Learners",
        "name": "Name",
        "state": "State",
        "joined": "Joined",
        "in-session": "In the session",
        "outages": "Connection outages",
        "pauses": "Pauses",
        "breaks": "Breaks",
        "extra-time": "Extra time",
        "hands": "Hands raised",
        "messages": "Messages",
        "incident-counts": "Incidents",
        "attempts": "Attempts and results",
        "incidents": "Incidents",
        "time": "Time",
        "concerns": "Concerns",
        "category": "Category",
        "severity": "Severity",
        "note": "Note",
        "more-incidents": "Further incidents, which are not listed",
        "created": "Created",
        "page": "Page",
    },
    states={
        ShownState.AWAITING_APPROVAL: "awaiting approval",
        ShownState.DENIED: "entry denied",
        ShownState.WAITING: "waiting",
        ShownState.IN_SESSION: "in the session",
        ShownState.COMPLETED: "completed",
        ShownState.REMOVED: "removed",
        ShownState.NO_SHOW: "did not attend",
        ShownState.LEFT: "left, no assessment started",
        ShownState.PAUSED: "paused",
        ShownState.ON_BREAK: "on a break",
    },
    not_joined="not here yet",
    attempt_states={
        ProgressState.AWAITING_AUTHORIZATION: "not authorised",
        ProgressState.AUTHORIZED: "not started",
        ProgressState.IN_PROGRESS: "in progress",
        ProgressState.SUBMITTED: "submitted",
        ProgressState.RELEASED: "result released",
        ProgressState.VOIDED: "closed, not started",
    },
    causes={
        "learner": "by the learner",
        "time_limit_exceeded": "time limit exceeded",
        "session_ended": "session ended",
        "removed": "learner removed",
        "ended_by_proctor": "ended by a proctor",
    },
    severities={
        IncidentSeverity.NOTE: "Note",
        IncidentSeverity.WARNING: "Warning",
        IncidentSeverity.SERIOUS: "Serious",
    },
    administrator="an administrator",
    open_end="now",
    own="own",
    overrun="overrun",
    total="total",
    answered="answered",
    passed="passed",
    failed="not passed",
    points="points",
    assessment="Assessment",
    taken="took the session from",
    handed_over="received the session from",
    whole_session="Whole session",
    decimal_sign=".",
)

_GERMAN = Texts(
    labels={
        "report": "Sitzungsbericht",
        "preliminary": "Dieser Bericht ist vorläufig, weil die Sitzung noch nicht vorbei ist.",
        "no-results": "Die Ergebnisse sind zurzeit nicht verfügbar. Erstellen Sie den Bericht später noch einmal.",
        "course": "Kurs",
        "planned": "Geplant",
        "actual": "Tatsächlich",
        "started-by": "Gestartet von",
        "ended-by": "Beendet von",
        "proctors": "Aufsichten",
        "lead-changes": "Wechsel der leitenden Aufsicht",
        "session-pauses": "Pausen der gesamten Sitzung",
        "uncovered": "Zeiten ohne anwesende Aufsicht",
        "announcements": "Ansagen",
        "session-incidents": "Vorkommnisse der gesamten Sitzung",
        "learners": "Teilnehmende",
        "name": "Name",
        "state": "Status",
        "joined": "Beigetreten",
        "in-session": "In der Sitzung",
        "outages": "Verbindungsausfälle",
        "pauses": "Pausen",
        "breaks": "Erholungspausen",
        "extra-time": "Zusatzzeit",
        "hands": "Meldungen",
        "messages": "Nachrichten",
        "incident-counts": "Vorkommnisse",
        "attempts": "Versuche und Ergebnisse",
        "incidents": "Vorkommnisse",
        "time": "Zeit",
        "concerns": "Betrifft",
        "category": "Kategorie",
        "severity": "Schweregrad",
        "note": "Notiz",
        "more-incidents": "Weitere Vorkommnisse, die nicht aufgeführt sind",
        "created": "Erstellt",
        "page": "Seite",
    },
    states={
        ShownState.AWAITING_APPROVAL: "wartet auf Einlass",
        ShownState.DENIED: "Einlass abgelehnt",
        ShownState.WAITING: "im Warteraum",
        ShownState.IN_SESSION: "in der Sitzung",
        ShownState.COMPLETED: "abgeschlossen",
        ShownState.REMOVED: "entfernt",
        ShownState.NO_SHOW: "nicht erschienen",
        ShownState.LEFT: "gegangen, keine Prüfung begonnen",
        ShownState.PAUSED: "pausiert",
        ShownState.ON_BREAK: "in einer Erholungspause",
    },
    not_joined="noch nicht da",
    attempt_states={
        ProgressState.AWAITING_AUTHORIZATION: "nicht freigeschaltet",
        ProgressState.AUTHORIZED: "nicht gestartet",
        ProgressState.IN_PROGRESS: "läuft",
        ProgressState.SUBMITTED: "abgegeben",
        ProgressState.RELEASED: "Ergebnis freigegeben",
        ProgressState.VOIDED: "vor dem Start geschlossen",
    },
    causes={
        "learner": "selbst",
        "time_limit_exceeded": "Zeit abgelaufen",
        "session_ended": "Sitzung beendet",
        "removed": "entfernt",
        "ended_by_proctor": "von der Aufsicht beendet",
    },
    severities={
        IncidentSeverity.NOTE: "Hinweis",
        IncidentSeverity.WARNING: "Warnung",
        IncidentSeverity.SERIOUS: "Schwerwiegend",
    },
    administrator="Administration",
    open_end="jetzt",
    own="eigene",
    overrun="überzogen",
    total="gesamt",
    answered="beantwortet",
    passed="bestanden",
    failed="nicht bestanden",
    points="Punkte",
    assessment="Prüfung",
    taken="übernahm die Sitzung von",
    handed_over="erhielt die Sitzung von",
    whole_session="Gesamte Sitzung",
    decimal_sign=",",
)

TEXTS = {"en": _ENGLISH, "de": _GERMAN}
"""The texts of each language."""
