"""The worker that issues certificates."""

from __future__ import annotations

from proctorium_assessment.operations.certificates import CertificateIssuer, list_due
from proctorium_common.storage.database import Database
from proctorium_common.telemetry.traces import parse_trace_context, span_from


class CertificateWorker:
    """The worker that issues due certificates one after another."""

    def __init__(self, database: Database, issuer: CertificateIssuer) -> None:
        self._database = database
        self._issuer = issuer

    async def issue_due(self) -> None:
        """Issue the due certificates.

        The trace of each certificate continues the trace of the course completion that caused the certificate.
        """
        issued = 1
        while issued:
            issued = 0
            for pending in await list_due(self._database):
                with span_from(parse_trace_context(pending.traceparent), "issue certificate"):
                    issued += await self._issuer.issue(pending)
