"""What a picture must be to serve as evidence, and how each refusal is said (`I6`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from proctorium_common.errors import ServiceError, Violation, exhausted, invalid

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is accepted: bytes as sent, pixels in all, the shorter side, mean luminance (0 black, 255 white).

    `kept_side` is the longer side of what is kept: enough to read a document, and no more. A JPEG is made
    smaller while it is unpacked; of a PNG or WebP every pixel is, however few bytes they came in, so these may have fewer: what a phone
    takes, or a page scanned at 400 dots per inch.
    """

    most_bytes: int = 8 * MIB
    most_pixels: int = 40_000_000
    most_pixels_beyond_jpeg: int = 16_000_000
    least_side: int = 200
    least_luminance: float = 16.0
    kept_side: int = 2000


class Flaw(StrEnum):
    """What can be wrong with a picture."""

    UNREADABLE = "unreadable"
    NOT_ONLY_AN_IMAGE = "not_only_a_picture"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_PIXELS_BEYOND_JPEG = "too_many_pixels_beyond_jpeg"
    TOO_COSTLY = "too_costly"
    TOO_SMALL = "too_small"
    TOO_DARK = "too_dark"


def refusal(flaw: Flaw, limits: ImageLimits, format: str = "") -> ServiceError:
    """Return the refusal of a picture with this flaw: what is wrong, and what to do now. What was sent before stays.

    `format` names the format of an unreadable file where it is a common one.
    """
    megabytes = limits.most_bytes // MIB
    megapixels = limits.most_pixels // 1_000_000
    match flaw:
        case Flaw.UNREADABLE if format == "HEIC":
            return _unfit(
                "IMAGE_UNREADABLE",
                "This is a HEIC photo, which cannot be read here. On an iPhone or iPad choose Settings, Camera, Formats, Most Compatible and take "
                "the photo again; or open it on the computer and save it as JPEG.",
                format=format,
            )
        case Flaw.UNREADABLE if format:
            return _unfit(
                "IMAGE_UNREADABLE",
                f"This is a {format} file, which cannot be read here. Please send the photo as JPEG, PNG or WebP.",
                format=format,
            )
        case Flaw.UNREADABLE:
            return _unfit(
                "IMAGE_UNREADABLE",
                "This file cannot be read as a picture; it may be cut off. Please take the photo again and send it as JPEG, PNG or WebP.",
            )
        case Flaw.NOT_ONLY_AN_IMAGE:
            return _unfit(
                "IMAGE_UNREADABLE",
                "This file holds something besides a picture. Please take a new photo and send it as JPEG, PNG or WebP.",
            )
        case Flaw.TOO_MANY_BYTES:
            return _unfit(
                "IMAGE_TOO_LARGE",
                f"This file is larger than {megabytes} MiB. Please send a smaller photo.",
                limit=f"{limits.most_bytes} bytes",
            )
        case Flaw.TOO_MANY_PIXELS:
            return _unfit(
                "IMAGE_TOO_LARGE",
                f"This picture has more than {megapixels} megapixels. Please send a smaller photo.",
                limit=f"{limits.most_pixels} pixels",
            )
        case Flaw.TOO_MANY_PIXELS_BEYOND_JPEG:
            fewer = limits.most_pixels_beyond_jpeg // 1_000_000
            return _unfit(
                "IMAGE_TOO_LARGE",
                f"This picture has more than {fewer} megapixels, which is the most for PNG and WebP. Please send it as JPEG, or a smaller one.",
                limit=f"{limits.most_pixels_beyond_jpeg} pixels",
            )
        case Flaw.TOO_COSTLY:
            return _unfit(
                "IMAGE_TOO_LARGE",
                "This picture takes more memory or time to open than is allowed. Please send a smaller photo, as JPEG.",
                limit="memory and time to open",
            )
        case Flaw.TOO_SMALL:
            return _unfit(
                "IMAGE_TOO_SMALL",
                f"This picture is too small to see anything: its shorter side needs at least {limits.least_side} pixels.",
                limit=f"{limits.least_side} pixels",
            )
        case Flaw.TOO_DARK:
            return _unfit(
                "IMAGE_TOO_DARK",
                "This picture is nearly black. Please take it again with more light, and check that nothing covers the camera.",
            )


def _unfit(reason: str, sentence: str, **metadata: str) -> ServiceError:
    violations = [Violation("image", reason.lower(), sentence)]
    return invalid(reason, sentence, violations=violations, **metadata)


_SOON = timedelta(seconds=5)
"""When to try again: a picture or two have been read by then."""


def image_uploads_in_progress() -> ServiceError:
    """As many pictures of the case as may wait do so."""
    return exhausted(
        "IMAGE_UPLOADS_IN_PROGRESS",
        "The pictures that you have just sent are still being read. Please wait a moment, then send this one again.",
        retry_after=_SOON,
    )


def readers_busy() -> ServiceError:
    """Return IMAGE_READERS_BUSY: no permit became free in the time of the call, or as many pictures wait as may."""
    return exhausted(
        "IMAGE_READERS_BUSY",
        "Many pictures are being read just now, and yours was not reached. Nothing was changed; please send it again in a moment.",
        retry_after=_SOON,
    )
