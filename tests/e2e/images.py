"""Draw images for the evidence, so that the repository contains no real face and no real document."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw


def identity_document(name: str) -> bytes:
    """Return a PNG that resembles an identity card."""
    image = Image.new("RGB", (960, 600), "#dfe8ef")
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 120, 340, 520), fill="#8899aa")
    draw.ellipse((110, 180, 270, 340), fill="#e8c9a8")
    draw.text((400, 140), "SPECIMEN IDENTITY CARD", fill="#223344", font_size=32)
    draw.text((400, 220), name, fill="#223344", font_size=36)
    return _encoded(image, "PNG")


def selfie() -> bytes:
    """Return a JPEG that resembles a face."""
    image = Image.new("RGB", (640, 480), "#c8d0c0")
    draw = ImageDraw.Draw(image)
    draw.ellipse((220, 90, 420, 360), fill="#e8c9a8")
    draw.ellipse((270, 190, 295, 215), fill="#222222")
    draw.ellipse((345, 190, 370, 215), fill="#222222")
    draw.arc((270, 230, 370, 310), 20, 160, fill="#883333", width=6)
    return _encoded(image, "JPEG")


def _encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()
