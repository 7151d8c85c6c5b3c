"""Typesetting of documents as archival PDFs (PDF/A-2u, PDF/UA-1), and as images."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import typst

from proctorium_common.telemetry.logs import get_logger
from proctorium_documents.fonts import fonts

_log = get_logger()

_ARCHIVAL: list[typst.PDFStandard] = ["a-2u", "ua-1"]


def make_pdf(template: bytes, inputs: Mapping[str, str], *, document_id: UUID) -> bytes:
    """Return the PDF of a document. `inputs` are the inputs of the template.

    Call this function in a thread, because it takes at least tens of milliseconds of processor time. `document_id` is
    only logged.
    """
    try:
        return _one(_compiler(template, inputs).compile(format="pdf", pdf_standards=_ARCHIVAL))
    except typst.TypstError as error:
        # The archival standard forbids characters that no font can show. If the document contains such a character, its
        # PDF does not conform to the standard.
        _log.warning("document_not_archival", document_id=str(document_id), error=error.message)
        # A compiler cannot be used again after a failed compilation, because it no longer has the template.
        return _one(_compiler(template, inputs).compile(format="pdf"))


def make_images(
    template: bytes, inputs: Mapping[str, str], *, pixels_per_inch: float
) -> list[bytes]:
    """Return each page of the document as a PNG image."""
    compiled = _compiler(template, inputs).compile(format="png", ppi=pixels_per_inch)
    return compiled if isinstance(compiled, list) else [_one(compiled)]


def _compiler(template: bytes, inputs: Mapping[str, str]) -> typst.Compiler:
    return typst.Compiler(template, font_paths=fonts(), sys_inputs=dict(inputs))


def _one(compiled: bytes | list[bytes] | None) -> bytes:
    assert isinstance(compiled, bytes), "one file is compiled in memory"
    return compiled
