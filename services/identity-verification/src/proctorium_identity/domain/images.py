"""The requirements for a submitted image, and the error for each requirement that is not met (`I6`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from proctorium_common.errors import ServiceError, Violation, exhausted, invalid

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The limits of an accepted image.

    `max_bytes` is the maximum size of the file. `min_side` is the minimum length of the shorter side in pixels.
    `min_luminance` is the minimum of the mean luminance, from 0 (black) to 255 (white). `stored_side` is the maximum
    length of the longer side of the stored image in pixels. This length is enough to read a document.

    `max_pixels` is the maximum number of pixels of a JPEG image, and `max_pixels_beyond_jpeg` is the maximum for a PNG
    or WebP image. The second maximum is lower, because a PNG or WebP image is decoded with all its pixels, but a JPEG
    image is reduced while it is decoded. The lower maximum is enough for a phone's camera, or for a page that was
    scanned at 400 dots per inch.
    """

    max_bytes: int = 8 * MIB
    max_pixels: int = 40_000_000
    max_pixels_beyond_jpeg: int = 16_000_000
    min_side: int = 200
    min_luminance: float = 16.0
    stored_side: int = 2000


class Flaw(StrEnum):
    """The reasons for which an image is refused."""

    UNREADABLE = "unreadable"
    NOT_ONLY_AN_IMAGE = "not_only_an_image"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_PIXELS_BEYOND_JPEG = "too_many_pixels_beyond_jpeg"
    TOO_COSTLY = "too_costly"
    TOO_SMALL = "too_small"
    TOO_DARK = "too_dark"


def refusal(flaw: Flaw, limits: ImageLimits, format: str = "") -> ServiceError:
    """Return the error for an image with this flaw.

    `format` is the name of the file's format if the file is unreadable and has a known, unsupported format; otherwise
    it is empty.
    """
    megabytes = limits.max_bytes // MIB
    megapixels = limits.max_pixels // 1_000_000
    match flaw:
        case Flaw.UNREADABLE if format == "HEIC":
            return _invalid_image(
                "IMAGE_UNREADABLE",
                "This is a HEIC photo, which cannot be read here. On an iPhone or iPad choose Settings, Camera, Formats, Most Compatible and take "
                "the photo again; or open it on the computer and save it as JPEG.",
                format=format,
            )
        case Flaw.UNREADABLE if format:
            return _invalid_image(
                "IMAGE_UNREADABLE",
                f"This is a {format} file, which cannot be read here. Please send the photo as JPEG, PNG or WebP.",
                format=format,
            )
        case Flaw.UNREADABLE:
            return _invalid_image(
                "IMAGE_UNREADABLE",
                "This file cannot be read as a photo; it may be cut off. Please take the photo again and send it as JPEG, PNG or WebP.",
            )
        case Flaw.NOT_ONLY_AN_IMAGE:
            return _invalid_image(
                "IMAGE_UNREADABLE",
                "This file contains something besides a photo. Please take a new photo and send it as JPEG, PNG or WebP.",
            )
        case Flaw.TOO_MANY_BYTES:
            return _invalid_image(
                "IMAGE_TOO_LARGE",
                f"This file is larger than {megabytes} MiB. Please send a smaller photo.",
                limit=f"{limits.max_bytes} bytes",
            )
        case Flaw.TOO_MANY_PIXELS:
            return _invalid_image(
                "IMAGE_TOO_LARGE",
                f"This photo has more than {megapixels} megapixels. Please send a smaller photo.",
                limit=f"{limits.max_pixels} pixels",
            )
        case Flaw.TOO_MANY_PIXELS_BEYOND_JPEG:
            fewer = limits.max_pixels_beyond_jpeg // 1_000_000
            return _invalid_image(
                "IMAGE_TOO_LARGE",
                f"This photo has more than {fewer} megapixels, which is the most for PNG and WebP. Please send it as JPEG, or a smaller one.",
                limit=f"{limits.max_pixels_beyond_jpeg} pixels",
            )
        case Flaw.TOO_COSTLY:
            return _invalid_image(
                "IMAGE_TOO_LARGE",
                "This photo takes more memory or time to open than is allowed. Please send a smaller photo, as JPEG.",
                limit="memory and time to open",
            )
        case Flaw.TOO_SMALL:
            return _invalid_image(
                "IMAGE_TOO_SMALL",
                f"This photo is too small to see anything: its shorter side needs at least {limits.min_side} pixels.",
                limit=f"{limits.min_side} pixels",
            )
        case Flaw.TOO_DARK:
            return _invalid_image(
                "IMAGE_TOO_DARK",
                "This photo is nearly black. Please take it again with more light, and check that nothing covers the camera.",
            )


def _invalid_image(reason: str, sentence: str, **metadata: str) -> ServiceError:
    violations = [Violation("image", reason.lower(), sentence)]
    return invalid(reason, sentence, violations=violations, **metadata)


_RETRY_AFTER = timedelta(seconds=5)
"""The delay after which the request can be repeated. One or two images are read in this time."""


def image_uploads_in_progress() -> ServiceError:
    """Return the error for a case of which too many images are already being read or waiting to be read."""
    return exhausted(
        "IMAGE_UPLOADS_IN_PROGRESS",
        "The photos that you have just sent are still being read. Please wait a moment, then send this one again.",
        retry_after=_RETRY_AFTER,
    )


def readers_busy() -> ServiceError:
    """Return the error for an image that cannot be read before the deadline.

    The image gets no permit in time, or too many images of all cases are already being read or waiting.
    """
    return exhausted(
        "IMAGE_READERS_BUSY",
        "Many photos are being read just now, and yours was not reached. Nothing was changed; please send it again in a moment.",
        retry_after=_RETRY_AFTER,
    )
