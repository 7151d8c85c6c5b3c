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

from proctorium_documents import typesetting
from proctorium_documents.fonts import direction, families

_TEMPLATE = "certificate.typ"
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
    """Return the PDF of a certificate. Call this function in a thread."""
    return typesetting.make_pdf(
        _template(), _inputs(certificate), document_id=certificate.certificate_id
    )


def make_images(certificate: CertificateContent, pixels_per_inch: float) -> list[bytes]:
    """Return each page of the PDF as a PNG image."""
    return typesetting.make_images(
        _template(), _inputs(certificate), pixels_per_inch=pixels_per_inch
    )


def _template() -> bytes:
    return files(__package__).joinpath(_TEMPLATE).read_bytes()


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
