"""The PDF of a certificate: one archival page (PDF/A-2u, PDF/UA-1).

The page has a QR code with the URL of the public page that verifies the certificate.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from uuid import UUID

import segno
import typst

from proctorium_assessment.documents.fonts import direction, families, fonts
from proctorium_common.telemetry.logs import get_logger

_log = get_logger()

_TEMPLATE = "certificate.typ"
_ARCHIVAL: list[typst.PDFStandard] = ["a-2u", "ua-1"]
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@dataclass(frozen=True, slots=True)
class CertificateContent:
    """The values that are printed on a certificate."""

    certificate_id: UUID
    holder_name: str
    title: str
    issuer_name: str
    issued_at: datetime
    url: str


def make_pdf(certificate: CertificateContent) -> bytes:
    """Return the PDF of a certificate.

    Call this function in a thread, because it takes tens of milliseconds of processor time.
    """
    try:
        return _one(_compiler(certificate).compile(format="pdf", pdf_standards=_ARCHIVAL))
    except typst.TypstError as error:
        # The archival standard forbids characters that no font can show. If the certificate has such a character, the
        # holder gets a PDF that does not conform to the standard.
        _log.warning(
            "certificate_not_archival",
            certificate_id=str(certificate.certificate_id),
            error=error.message,
        )
        # A compiler cannot be used again after a failed compilation, because it no longer has the template.
        return _one(_compiler(certificate).compile(format="pdf"))


def make_images(certificate: CertificateContent, pixels_per_inch: float) -> list[bytes]:
    """Return each page of the PDF as a PNG image."""
    compiled = _compiler(certificate).compile(format="png", ppi=pixels_per_inch)
    return compiled if isinstance(compiled, list) else [_one(compiled)]


def _compiler(certificate: CertificateContent) -> typst.Compiler:
    template = files(__package__).joinpath(_TEMPLATE).read_bytes()
    return typst.Compiler(template, font_paths=fonts(), sys_inputs=_inputs(certificate))


def _one(compiled: bytes | list[bytes] | None) -> bytes:
    assert isinstance(compiled, bytes), "one file is compiled in memory"
    return compiled


def _inputs(certificate: CertificateContent) -> dict[str, str]:
    day = certificate.issued_at.astimezone(UTC)
    texts = {
        "holder": certificate.holder_name,
        "title": certificate.title,
        "issuer": certificate.issuer_name,
    }
    return {
        **texts,
        **{f"{name}-direction": direction(text) for name, text in texts.items()},
        "fonts": ",".join(families(*texts.values())),
        "number": str(certificate.certificate_id),
        "url": certificate.url,
        "qr": _qr_code(certificate.url),
        "year": str(day.year),
        "month": str(day.month),
        "month-name": _MONTHS[day.month - 1],
        "day": str(day.day),
    }


def _qr_code(url: str) -> str:
    image = io.BytesIO()
    segno.make(url, error="m").save(image, kind="svg", border=2, xmldecl=False)
    return image.getvalue().decode()
