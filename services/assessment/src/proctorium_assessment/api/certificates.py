"""CertificateService."""

from __future__ import annotations

import re
from uuid import UUID

from proctorium.assessment.v1 import results_pb2, results_pb2_grpc
from proctorium_assessment.api.messages import certificate_message
from proctorium_assessment.operations import certificates
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.served import Context
from proctorium_common.storage.database import Database


class CertificateApi(results_pb2_grpc.CertificateServiceServicer):
    """Certificates of completed courses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetCertificate(
        self, request: results_pb2.GetCertificateRequest, context: Context
    ) -> results_pb2.GetCertificateResponse:
        async with self._database.transaction() as tx:
            found = await certificates.get(tx, current_call().caller, UUID(request.certificate_id))
        return results_pb2.GetCertificateResponse(
            certificate=certificate_message(found, with_credential=True)
        )

    async def DownloadCertificate(
        self, request: results_pb2.DownloadCertificateRequest, context: Context
    ) -> results_pb2.DownloadCertificateResponse:
        async with self._database.transaction() as tx:
            found, pdf = await certificates.download(
                tx, current_call().caller, UUID(request.certificate_id)
            )
        return results_pb2.DownloadCertificateResponse(pdf=pdf, file_name=_file_name(found.title))

    async def VerifyCertificate(
        self, request: results_pb2.VerifyCertificateRequest, context: Context
    ) -> results_pb2.VerifyCertificateResponse:
        async with self._database.transaction() as tx:
            found = await certificates.verify(tx, UUID(request.certificate_id))
        message = results_pb2.VerifyCertificateResponse(
            title=found.title, holder_name=found.holder_name
        )
        if found.issued_at is not None:
            message.issue_time.FromDatetime(found.issued_at)
        return message


def _file_name(title: str) -> str:
    """A name that every file system takes."""
    words = re.sub(r"[^\w]+", "-", title).strip("-_")[:80]
    return f"certificate-{words or 'proctorium'}.pdf"
