"""Test that the browser scales and rotates identity photos before it sends them, and refuses other files."""

from __future__ import annotations

import io
import os

from PIL import Image
from playwright.async_api import FilePayload, Request, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient
from e2e.scenario import Scenario
from proctorium.identity.v1.verification_pb2 import (
    EVIDENCE_KIND_DOCUMENT,
    GetCaseRequest,
    GetEvidenceRequest,
    LearnerInSession,
)
from proctorium_devstack.stack import Stack

_MIB = 1024 * 1024


def large_photo() -> bytes:
    """Return a JPEG of more than 8 MiB. Its top is red after it is rotated as its metadata requires."""
    width, height = 4000, 3000
    image = Image.frombytes("RGB", (width // 2, height // 2), os.urandom(width * height * 3 // 4))
    image = image.resize((width, height), Image.Resampling.NEAREST)
    image.paste((255, 0, 0), (0, 0, 400, height))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=97, exif=exif)
    return buffer.getvalue()


async def test_large_photo_is_scaled_and_rotated_before_sending(
    stack: Stack, scenario: Scenario
) -> None:
    person = scenario.learners[0]
    await LearnerClient(person, scenario).join()
    photo = large_photo()
    assert len(photo) > 8 * _MIB
    sent: list[int] = []

    def note(request: Request) -> None:
        if request.url.endswith("/SubmitEvidence"):
            sent.append(len(request.post_data_buffer or b""))

    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        learner.page.on("request", note)
        await learner.sign_in(person.email, person.password)
        await learner.page.goto(f"/sessions/{scenario.session_id}")
        field = learner.page.get_by_label("Photo of your identity document")
        alert = learner.page.get_by_role("alert")

        for file, message in (
            (
                FilePayload(name="scan.pdf", mimeType="application/pdf", buffer=b"%PDF-1.7 x"),
                "not a photo",
            ),
            (FilePayload(name="empty.jpg", mimeType="image/jpeg", buffer=b""), "empty"),
            (
                FilePayload(
                    name="IMG_1.HEIC",
                    mimeType="image/heic",
                    buffer=b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + bytes(400),
                ),
                "HEIC",
            ),
        ):
            await field.set_input_files(file)
            await expect(alert).to_contain_text(message)
        assert sent == []

        await field.set_input_files(
            FilePayload(name="photo.jpg", mimeType="image/jpeg", buffer=photo)
        )
        await expect(learner.page.get_by_text("Sent", exact=True)).to_be_visible(timeout=60_000)
        assert len(sent) == 1
        assert sent[0] < 4 * _MIB
        assert learner.errors == []

    case = (
        await person.identity.GetCase(
            GetCaseRequest(learner=LearnerInSession(session_id=scenario.session_id))
        )
    ).case
    evidence = await scenario.proctor.identity.GetEvidence(
        GetEvidenceRequest(case_id=case.case_id, kind=EVIDENCE_KIND_DOCUMENT)
    )
    stored = Image.open(io.BytesIO(evidence.image)).convert("RGB")
    assert stored.size == (1500, 2000)
    red, green, blue = stored.resize((1, 1), box=(0, 0, 1500, 100)).getpixel((0, 0))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 60
