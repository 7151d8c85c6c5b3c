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
    returns_admitted: str
    returns_denied: str
    changes_during_stops: str
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
        ShownState.AWAITING_APPROVAL: "Awaits approval",
        ShownState.DENIED: "Denied",
        ShownState.WAITING: "Waiting",
        ShownState.IN_SESSION: "In Session",
        ShownState.COMPLETED: "Completed",
        ShownState.REMOVED: "Removed",
        ShownState.NO_SHOW: "No-show",
        ShownState.LEFT: "Left, no assessment started",
        ShownState.PAUSED: "Paused",
        ShownState.ON_BREAK: "On a break",
    },
    not_joined="Not here yet",
    attempt_states={
        ProgressState.AWAITING_AUTHORIZATION: "Not authorised",
        ProgressState.AUTHORIZED: "Not started",
        ProgressState.IN_PROGRESS: "In progress",
        ProgressState.SUBMITTED: "Submitted",
        ProgressState.RELEASED: "Result released",
        ProgressState.VOIDED: "Closed, not started",
    },
    causes={
        "learner": "Submitted by the learner",
        "time_limit_exceeded": "Submitted when the time was over",
        "session_ended": "Submitted at the end of the session",
        "removed": "Submitted while removed",
        "ended_by_proctor": "Submitted when a proctor ended the session for the learner",
    },
    severities={
        IncidentSeverity.NOTE: "Note",
        IncidentSeverity.WARNING: "Warning",
        IncidentSeverity.SERIOUS: "Serious",
    },
    administrator="an administrator",
    open_end="now",
    own="of this learner only",
    overrun="late",
    returns_admitted="Let back in",
    returns_denied="Return denied",
    changes_during_stops="Changes of answers during pauses, breaks, removals or waits to be let back in",
    total="total",
    answered="answered",
    passed="Passed",
    failed="Not passed",
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
        "started-by": "Begonnen von",
        "ended-by": "Beendet von",
        "proctors": "Aufsichtspersonen",
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
        "extra-time": "Zusätzliche Zeit",
        "hands": "Meldungen",
        "messages": "Nachrichten",
        "incident-counts": "Vorkommnisse",
        "attempts": "Prüfungsversuche und Ergebnisse",
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
        ShownState.AWAITING_APPROVAL: "Wartet auf Einlass",
        ShownState.DENIED: "Abgelehnt",
        ShownState.WAITING: "Im Warteraum",
        ShownState.IN_SESSION: "In der Sitzung",
        ShownState.COMPLETED: "Abgeschlossen",
        ShownState.REMOVED: "Entfernt",
        ShownState.NO_SHOW: "Nicht erschienen",
        ShownState.LEFT: "Gegangen, keine Prüfung begonnen",
        ShownState.PAUSED: "Pausiert",
        ShownState.ON_BREAK: "In einer Erholungspause",
    },
    not_joined="Noch nicht da",
    attempt_states={
        ProgressState.AWAITING_AUTHORIZATION: "Nicht freigeschaltet",
        ProgressState.AUTHORIZED: "Nicht begonnen",
        ProgressState.IN_PROGRESS: "Läuft",
        ProgressState.SUBMITTED: "Abgegeben",
        ProgressState.RELEASED: "Ergebnis freigegeben",
        ProgressState.VOIDED: "Geschlossen, nicht begonnen",
    },
    causes={
        "learner": "Selbst abgegeben",
        "time_limit_exceeded": "Abgegeben, als die Zeit vorbei war",
        "session_ended": "Abgegeben am Ende der Sitzung",
        "removed": "Abgegeben, während die Person entfernt war",
        "ended_by_proctor": "Abgegeben, als die Aufsicht die Sitzung für die Person beendete",
    },
    severities={
        IncidentSeverity.NOTE: "Hinweis",
        IncidentSeverity.WARNING: "Warnung",
        IncidentSeverity.SERIOUS: "Schwerwiegend",
    },
    administrator="eine Person der Administration",
    open_end="jetzt",
    own="nur dieser Person",
    overrun="verspätet",
    returns_admitted="Wieder eingelassen",
    returns_denied="Nicht wieder eingelassen",
    changes_during_stops="Änderungen von Antworten während Pause, Erholungspause, Entfernung oder Warten auf Einlass",
    total="gesamt",
    answered="beantwortet",
    passed="Bestanden",
    failed="Nicht bestanden",
    points="Punkte",
    assessment="Prüfung",
    taken="übernahm die Sitzung von",
    handed_over="erhielt die Sitzung von",
    whole_session="Gesamte Sitzung",
    decimal_sign=",",
)

TEXTS = {"en": _ENGLISH, "de": _GERMAN}
"""The texts of each language."""
