"""Identity photos in the browser: scaled and turned before they are sent; other files are refused."""

from __future__ import annotations

import io
import os

from PIL import Image
from playwright.async_api import FilePayload, Request, expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage
from e2e.story import LearnerStory
from proctorium.identity.v1.verification_pb2 import (
    EVIDENCE_KIND_DOCUMENT,
    GetCaseRequest,
    GetEvidenceRequest,
    LearnerInSession,
)
from proctorium_devstack.stack import Stack

_MIB = 1024 * 1024


def large_photo() -> bytes:
    """A JPEG of more than 8 MiB that lies on its side: red at the top, once it is turned as its metadata says."""
    width, height = 4000, 3000
    picture = Image.frombytes("RGB", (width // 2, height // 2), os.urandom(width * height * 3 // 4))
    picture = picture.resize((width, height), Image.Resampling.NEAREST)
    picture.paste((255, 0, 0), (0, 0, 400, height))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=97, exif=exif)
    return buffer.getvalue()


async def test_a_large_photo_is_sent_small_and_upright(stack: Stack, stage: Stage) -> None:
    person = stage.learners[0]
    await LearnerStory(person, stage).join()
    photo = large_photo()
    assert len(photo) > 8 * _MIB
    sent: list[int] = []

    def note(request: Request) -> None:
        if request.url.endswith("/SubmitEvidence"):
            sent.append(len(request.post_data_buffer or b""))

    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        learner.page.on("request", note)
        await learner.sign_in(person.email, person.password)
        await learner.page.goto(f"/sessions/{stage.session_id}")
        field = learner.page.get_by_label("Photo of your identity document")
        alert = learner.page.get_by_role("alert")

        for file, said in (
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
            await expect(alert).to_contain_text(said)
        assert sent == []

        await field.set_input_files(
            FilePayload(name="photo.jpg", mimeType="image/jpeg", buffer=photo)
        )
        await expect(learner.page.get_by_text("Sent", exact=True)).to_be_visible(timeout=60_000)
        assert len(sent) == 1
        assert sent[0] < 4 * _MIB
        assert learner.complaints == []

    case = (
        await person.identity.GetCase(
            GetCaseRequest(learner=LearnerInSession(session_id=stage.session_id))
        )
    ).case
    evidence = await stage.proctor.identity.GetEvidence(
        GetEvidenceRequest(case_id=case.case_id, kind=EVIDENCE_KIND_DOCUMENT)
    )
    stored = Image.open(io.BytesIO(evidence.image)).convert("RGB")
    assert stored.size == (1500, 2000)
    red, green, blue = stored.resize((1, 1), box=(0, 0, 1500, 100)).getpixel((0, 0))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 60
