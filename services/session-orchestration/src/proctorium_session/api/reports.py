"""The gRPC API of ReportService."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from proctorium.session.v1 import reports_pb2 as pb
from proctorium.session.v1 import reports_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.calls import Context
from proctorium_documents.file_names import file_name
from proctorium_session.api.report_messages import REPORT_FORMATS, report_message
from proctorium_session.domain.errors import invalid_at
from proctorium_session.domain.report import ReportFormat
from proctorium_session.operations.report import MAX_BYTES, Reports, report_too_large

_MEDIA_TYPES = {
    ReportFormat.PDF: "application/pdf",
    ReportFormat.CSV: "text/csv; charset=utf-8",
}


class ReportApi(reports_pb2_grpc.ReportServiceServicer):
    """Implementation of ReportService in `reports.proto`."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def GetSessionReport(
        self, request: pb.GetSessionReportRequest, context: Context
    ) -> pb.GetSessionReportResponse:
        report = await self._reports.read(
            current_call().caller, parse_id(request.session_id, "session_id")
        )
        response = pb.GetSessionReportResponse(report=report_message(report))
        if response.ByteSize() > MAX_BYTES:
            raise report_too_large()
        return response

    async def ExportSessionReport(
        self, request: pb.ExportSessionReportRequest, context: Context
    ) -> pb.ExportSessionReportResponse:
        format = REPORT_FORMATS.from_proto(request.format)
        report, content = await self._reports.export(
            current_call().caller,
            parse_id(request.session_id, "session_id"),
            format,
            request.locale or "en",
            _zone(request.time_zone or "UTC"),
        )
        return pb.ExportSessionReportResponse(
            content=content,
            file_name=file_name("report", report.report.session.plan.title, format.value),
            media_type=_MEDIA_TYPES[format],
        )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise invalid_at(
            "time_zone", "TIME_ZONE_UNKNOWN", "There is no such time zone. Use an IANA name."
        ) from None
