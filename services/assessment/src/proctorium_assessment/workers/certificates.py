"""Certificates that are due."""

from __future__ import annotations

from proctorium_assessment.operations.certificates import CertificateIssuer, due
from proctorium_common.storage.database import Database
from proctorium_common.telemetry.traces import parse_trace_context, span_from


class CertificateWorker:
    """Makes what is due, one after the other; what cannot be made now is tried again at a later turn."""

    def __init__(self, database: Database, issuer: CertificateIssuer) -> None:
        self._database = database
        self._issuer = issuer

    async def issue_due(self) -> None:
        """Issue what is due, each in the trace of the completion that earned it."""
        issued = 1
        while issued:
            async with self._database.transaction() as tx:
                pending = await due(tx)
            issued = 0
            for each in pending:
                with span_from(parse_trace_context(each.traceparent), "issue certificate"):
                    issued += await self._issuer.issue(each)
