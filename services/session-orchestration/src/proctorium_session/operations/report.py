"""Reading and exporting of session reports (`S16`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from proctorium_common.errors import ServiceError, exhausted
from proctorium_common.fair_limiter import LimitedThreads, LimiterFullError
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_session.documents.report_csv import report_csv
from proctorium_session.documents.report_pdf import report_pdf
from proctorium_session.domain.errors import failed_precondition
from proctorium_session.domain.incidents import MAX_SESSION_REVISIONS
from proctorium_session.domain.report import (
    NamedReport,
    ReportFormat,
    SessionFacts,
    SessionReport,
    make_report,
    people_of,
    require_started,
)
from proctorium_session.domain.sessions import Session
from proctorium_session.operations.actors import require_supervised
from proctorium_session.operations.record import record_reader
from proctorium_session.operations.recorded_facts import read_facts
from proctorium_session.operations.report_sources import ReportSources
from proctorium_session.storage import (
    breaks,
    hands,
    incidents,
    outages,
    participants,
    pauses,
    record_accesses,
    sessions,
)

MAX_BYTES = 4_000_000
"""The maximum size of a report or of an exported file in bytes. The size of a response is limited to 4 MiB."""

_THREADS = 2
_WAITING, _WAITING_PER_PERSON = 20, 2
_RETRY_AFTER = timedelta(seconds=5)

_FORMATS: dict[ReportFormat, Callable[[NamedReport, str, ZoneInfo], bytes]] = {
    ReportFormat.PDF: report_pdf,
    ReportFormat.CSV: lambda report, _, zone: report_csv(report, zone),
}


class Reports:
    """The use cases of session reports.

    Proctors have access to reports until `access_period` after the end of the session. Files are created in a few
    threads, so that a large report delays no other call.
    """

    def __init__(
        self, database: Database, sources: ReportSources, *, access_period: timedelta
    ) -> None:
        self._database = database
        self._sources = sources
        self._access_period = access_period
        self._threads: LimitedThreads[UUID] = LimitedThreads(
            "report", _THREADS, capacity=_WAITING, capacity_per_key=_WAITING_PER_PERSON
        )

    async def read(self, caller: Caller, session_id: UUID) -> NamedReport:
        """Return the report of a session. Log the access.

        Raises NOT_FOUND, NOT_YOUR_SESSION, SESSION_NOT_STARTED, RECORD_CLOSED, CERTIFICATION_ENDED,
        DEPENDENCY_UNAVAILABLE.
        """
        async with self._database.transaction() as tx:
            session = require_supervised(await sessions.get_session(tx, session_id), caller)
            reader = await record_reader(tx, caller, session, self._access_period)
            require_started(session)
            await record_accesses.insert_access(tx, session_id, reader)
            report = make_report(await _read_facts(tx, session), tx.now)
        return await self._with_names(report, is_administrator=caller.is_administrator)

    async def export(
        self, caller: Caller, session_id: UUID, format: ReportFormat, locale: str, zone: ZoneInfo
    ) -> tuple[NamedReport, bytes]:
        """Return the report of a session, and the report as a file. Log the access.

        Raises the errors of `read`, REPORT_LIMIT_REACHED and REPORT_TOO_LARGE.
        """
        report = await self.read(caller, session_id)
        person_id = caller.require_person()
        try:
            async with self._threads.permit(person_id):
                content = await self._threads.run(partial(_FORMATS[format], report, locale, zone))
        except LimiterFullError:
            raise exhausted(
                "REPORT_LIMIT_REACHED",
                "Many reports are being created now. Please try again in a moment.",
                retry_after=_RETRY_AFTER,
                limit=str(_WAITING_PER_PERSON),
            ) from None
        if len(content) > MAX_BYTES:
            raise report_too_large()
        return report, content

    async def close(self) -> None:
        """Wait until the files that are being created are finished."""
        await self._threads.close()

    async def _with_names(self, report: SessionReport, *, is_administrator: bool) -> NamedReport:
        person_ids = people_of(report, with_administrators=is_administrator)
        session = report.session
        names, titles, organisation, results = await asyncio.gather(
            self._sources.names(person_ids),
            self._sources.titles(session.plan.course_id),
            self._sources.organisation(),
            self._sources.results(session.session_id),
        )
        return NamedReport(
            report=report,
            names=names,
            organisation=organisation,
            course_title=titles.course,
            assessment_titles=titles.assessments,
            results=results,
        )


def report_too_large() -> ServiceError:
    """Return the error for a report that does not fit into a response."""
    return failed_precondition(
        "REPORT_TOO_LARGE",
        "The report of this session is too large. Read the session record instead.",
        limit=str(MAX_BYTES),
    )


async def _read_facts(tx: Transaction, session: Session) -> SessionFacts:
    session_id = session.session_id
    newest_first = await incidents.list_incidents(
        tx, session_id, participant_id=None, before=None, limit=MAX_SESSION_REVISIONS
    )
    return SessionFacts(
        session=session,
        views=await participants.list_views(tx, session_id),
        invited_ids=await sessions.list_invited_learner_ids(tx, session_id),
        pauses=await pauses.list_periods(tx, session_id),
        breaks=await breaks.list_taken(tx, session_id),
        outages=await outages.list_periods(tx, session_id),
        hand_counts=await hands.count_hands(tx, session_id),
        incidents=newest_first[::-1],
        recorded=await read_facts(tx, session_id, session.end_time),
    )
