"""Tests of the PDFs of certificates."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from PIL import Image
from pypdf import PdfReader

from proctorium_assessment.documents.certificate import CertificateContent, make_images, make_pdf
from proctorium_documents.fonts import direction

CERTIFICATE = CertificateContent(
    certificate_id=UUID("0197a000-0000-7000-8000-000000000001"),
    holder_name="Ada Lovelace",
    title="Laboratory safety",
    issuer_name="Example Training Centre",
    issued_at=datetime(2026, 3, 6, 12, tzinfo=UTC),
    url="https://exams.example.org/certificates/0197a000-0000-7000-8000-000000000001",
)

NAMES = {
    "German": "Jürgen Weiß-Größner",
    "Vietnamese": "Nguyễn Thị Ánh",
    "Polish": "Łukasz Żółć",
    "Greek": "Αλέξανδρος Παπαδόπουλος",
    "Russian": "Александра Щербакова",
    "Chinese": "欧阳娜娜",
    "Chinese, traditional": "龔鵬飛",
    "Japanese": "髙橋さくら",
    "Korean": "김철수",
    "Thai": "สมชาย ใจดี",
    "Arabic": "محمد بن سلمان",
    "Persian": "پژمان چگینی",
    "Hebrew": "דוד בן־גוריון",
    "Hindi": "अमित शर्मा",
    "Bengali": "রবীন্দ্রনাথ ঠাকুর",
    "Tamil": "தமிழரசி",
    "Telugu": "వెంకట రమణ",
    "Kannada": "ಕನ್ನಡ ರಾಜು",
    "Malayalam": "ശ്രീജിത്ത്",
    "Gujarati": "નરેન્દ્ર પટેલ",
    "Punjabi": "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ",
    "Sinhala": "සුනිල් පෙරේරා",
    "Georgian": "ნინო ბერიძე",
    "Armenian": "Արամ Խաչատրյան",
    "Amharic": "አበበ ቢቂላ",
    "Khmer": "សុខ ចាន់",
    "Lao": "ສົມສັກ",
    "Burmese": "အောင်ဆန်း",
    "mixed": "Maria 王 (מריה)",
}
LONG = {
    "200 letters": "W" * 200,
    "17 words": " ".join(["Wolfeschlegelsteinhausenbergerdorff"] * 5 + ["Maximiliana"] * 12)[:200],
    "200 of Han": "欧" * 200,
    "200 of Thai": "สมชายใจดี" * 22,
    "200 of Arabic": "محمد" * 50,
    "many short words": "de la " * 33,
}


def text_of(pdf: bytes) -> str:
    """Return the text of the PDF's only page; white space and zero-width spaces are removed."""
    [page] = PdfReader(io.BytesIO(pdf)).pages
    return re.sub("[\\s\u200b]", "", page.extract_text())


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def picture_of(certificate: CertificateContent) -> Image.Image:
    [page] = make_images(certificate, 72)
    return Image.open(io.BytesIO(page)).convert("L")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_every_letter_of_a_name_has_a_glyph(name: str) -> None:
    pdf = make_pdf(replace(CERTIFICATE, holder_name=name, title=name, issuer_name=name))
    # PDF/A-2u forbids characters without a glyph. If the text had such a character, the file would not be archival.
    assert b"pdfaid" in pdf
    assert len(PdfReader(io.BytesIO(pdf)).pages) == 1


def test_certificate_with_a_character_without_a_glyph_is_not_archival() -> None:
    certificate = replace(CERTIFICATE, holder_name="Zoë \U000e3efd")
    pdf = make_pdf(certificate)
    assert b"pdfaid" not in pdf
    assert "Zoë" in text_of(pdf)
    assert CERTIFICATE.title.replace(" ", "") in text_of(pdf)


@pytest.mark.parametrize("language", ["German", "Chinese", "Korean", "Japanese", "Greek", "Thai"])
def test_name_can_be_extracted_from_the_document(language: str) -> None:
    name = NAMES[language]
    assert bare(name) in text_of(make_pdf(replace(CERTIFICATE, holder_name=name)))


@pytest.mark.parametrize("name", LONG.values(), ids=LONG)
@pytest.mark.parametrize("field", ["holder_name", "title", "issuer_name"])
def test_long_text_fits_on_the_page(field: str, name: str) -> None:
    certificate = replace(CERTIFICATE, **{field: name})  # type: ignore[arg-type]
    pdf = make_pdf(certificate)
    assert b"pdfaid" in pdf
    text = text_of(pdf)
    # Right-to-left and Thai texts are extracted in display order.
    if direction(name) == "ltr" and "ส" not in name:
        assert bare(name) in text
    for other in ("holder_name", "title", "issuer_name"):
        if other != field:
            assert bare(getattr(CERTIFICATE, other)) in text
    assert str(CERTIFICATE.certificate_id) in text
    assert_inside(picture_of(certificate))


def test_three_long_texts_fit_on_the_page() -> None:
    name = LONG["17 words"]
    certificate = replace(CERTIFICATE, holder_name=name, title=name, issuer_name=name)
    assert text_of(make_pdf(certificate)).count(bare(name)) == 3
    assert_inside(picture_of(certificate))


def assert_inside(page: Image.Image) -> None:
    """Assert that the page has the same margins and the same QR code as a certificate with short texts."""
    frame, margin = 28, 62  # 1 cm and 2.2 cm, in pixels at 72 pixels per inch
    width, height = page.size
    band = (frame + 4, frame + 4, width - frame - 4, height - frame - 4)
    usual = picture_of(CERTIFICATE)
    for box in (
        (band[0], band[1], margin - 2, band[3]),
        (width - margin + 2, band[1], band[2], band[3]),
        (band[0], band[1], band[2], margin - 2),
        (band[0], height - margin + 2, band[2], band[3]),
        (width - margin - 80, height - margin - 80, width - margin, height - margin),
    ):
        assert page.crop(box).tobytes() == usual.crop(box).tobytes(), box
