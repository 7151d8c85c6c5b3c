"""CertificateService over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proctorium.assessment.v1 import results_pb2 as pb
from proctorium.assessment.v1 import results_pb2_grpc
from proctorium_assessment.api.messages import certificate_message
from proctorium_assessment.operations import certificates
from proctorium_common.ids import parse_id
from proctorium_common.messages import to_timestamp
from proctorium_common.rpc.caller import current_call
from proctorium_common.storage.database import Database
from proctorium_documents.file_names import file_name

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class CertificateApi(results_pb2_grpc.CertificateServiceServicer):
    """The methods of CertificateService in `results.proto`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetCertificate(
        self, request: pb.GetCertificateRequest, context: Context
    ) -> pb.GetCertificateResponse:
        certificate = await certificates.get(
            self._database,
            current_call().caller,
            parse_id(request.certificate_id, "certificate_id"),
        )
        return pb.GetCertificateResponse(
            certificate=certificate_message(certificate, with_credential=True)
        )

    async def DownloadCertificate(
        self, request: pb.DownloadCertificateRequest, context: Context
    ) -> pb.DownloadCertificateResponse:
        certificate, pdf = await certificates.download(
            self._database,
            current_call().caller,
            parse_id(request.certificate_id, "certificate_id"),
        )
        return pb.DownloadCertificateResponse(
            pdf=pdf, file_name=file_name("certificate", certificate.title, "pdf")
        )

    async def VerifyCertificate(
        self, request: pb.VerifyCertificateRequest, context: Context
    ) -> pb.VerifyCertificateResponse:
        certificate = await certificates.verify(
            self._database, parse_id(request.certificate_id, "certificate_id")
        )
        return pb.VerifyCertificateResponse(
            title=certificate.title,
            holder_name=certificate.holder_name,
            issue_time=to_timestamp(certificate.issued_at),
        )
