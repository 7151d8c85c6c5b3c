"""The program that reads one uploaded image in a separate process and writes a re-encoded JPEG.

An uploaded file can exploit a decoder. Therefore the process limits its own resources before it reads a byte, has no
secrets in its environment, and ends after one image. It imports only Pillow, the standard library, the limits from
the domain and the format detection.
"""

from __future__ import annotations

import json
import resource
import sys
import warnings
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageFile, ImageOps, ImageStat, UnidentifiedImageError

from proctorium_identity.domain.images import Flaw, ImageLimits
from proctorium_identity.images.formats import format_of, is_only_an_image, unsupported_format

MEDIA_TYPE = "image/jpeg"
_QUALITY = 88
_LUMINANCE_SAMPLE = (64, 64)


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """The limits of the process: `memory` in bytes of address space, `cpu_seconds` of processor time."""

    memory: int = 1024 * 1024 * 1024
    cpu_seconds: int = 4


class FlawError(Exception):
    """The image is refused because of `flaw`. `format` is the name of the file's unsupported format, or empty."""

    def __init__(self, flaw: Flaw, format: str = "") -> None:
        super().__init__(flaw)
        self.flaw = flaw
        self.format = format


def main() -> None:
    """Read an image from standard input and write the result to standard output.

    The output is one line of JSON. The JPEG follows unless the image is refused. The arguments of the program are the
    memory limit, the processor time limit, and the image limits as JSON.
    """
    resource_limits = ResourceLimits(memory=int(sys.argv[1]), cpu_seconds=int(sys.argv[2]))
    limits = ImageLimits(**json.loads(sys.argv[3]))
    _apply(resource_limits)
    try:
        result, jpeg = _read(sys.stdin.buffer.read(), limits)
    except FlawError as refused:
        result, jpeg = {"flaw": str(refused.flaw), "format": refused.format}, b""
    except MemoryError:
        result, jpeg = {"flaw": str(Flaw.TOO_COSTLY)}, b""
    sys.stdout.buffer.write(json.dumps(result).encode() + b"\n" + jpeg)
    sys.stdout.buffer.flush()


def _apply(limits: ResourceLimits) -> None:
    for kind, limit in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


def _read(file: bytes, limits: ImageLimits) -> tuple[dict[str, str | int], bytes]:
    image = normalize(file, limits)
    out = BytesIO()
    image.save(out, "JPEG", quality=_QUALITY, optimize=True)
    width, height = image.size
    return {"media_type": MEDIA_TYPE, "width": width, "height": height}, out.getvalue()


def normalize(file: bytes, limits: ImageLimits) -> Image.Image:
    """Return the image upright, in RGB, without metadata and reduced to the stored size.

    The longer side of the returned image has at most `stored_side` pixels. Raises FlawError if the image is refused.
    """
    opened = _open(file, limits)
    try:
        upright = ImageOps.exif_transpose(_load(opened, limits))
    except MemoryError:
        raise
    # Pillow and its codecs raise many classes of errors for a broken file.
    except Exception as failure:
        raise FlawError(Flaw.UNREADABLE) from failure
    image = _on_white(upright)
    sample = image.convert("L").resize(_LUMINANCE_SAMPLE)
    if ImageStat.Stat(sample).mean[0] < limits.min_luminance:
        raise FlawError(Flaw.TOO_DARK)
    return image


def _open(file: bytes, limits: ImageLimits) -> ImageFile.ImageFile:
    """Open the image and read only its header, so that an image over the limits is refused before it is decoded."""
    if len(file) > limits.max_bytes:
        raise FlawError(Flaw.TOO_MANY_BYTES)
    format = format_of(file)
    if format is None:
        raise FlawError(Flaw.UNREADABLE, unsupported_format(file))
    if not is_only_an_image(file, format):
        raise FlawError(Flaw.NOT_ONLY_AN_IMAGE)
    max_pixels, too_many_pixels = _max_pixels(format, limits)
    Image.MAX_IMAGE_PIXELS = max_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        opened = Image.open(BytesIO(file), formats=[format])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as failure:
        raise FlawError(too_many_pixels) from failure
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as failure:
        raise FlawError(Flaw.UNREADABLE) from failure
    width, height = opened.size
    if width * height > max_pixels:
        raise FlawError(too_many_pixels)
    if min(width, height) < limits.min_side:
        raise FlawError(Flaw.TOO_SMALL)
    return opened


def _max_pixels(format: str, limits: ImageLimits) -> tuple[int, Flaw]:
    if format == "JPEG":
        return limits.max_pixels, Flaw.TOO_MANY_PIXELS
    return limits.max_pixels_beyond_jpeg, Flaw.TOO_MANY_PIXELS_BEYOND_JPEG


def _load(opened: ImageFile.ImageFile, limits: ImageLimits) -> Image.Image:
    """Decode the image and reduce it to the stored size. A JPEG is already reduced while it is decoded."""
    stored_size = (limits.stored_side, limits.stored_side)
    orientation = opened.getexif().get(0x0112, 1)
    if opened.format == "JPEG":
        opened.draft("RGB", stored_size)
    opened.load()
    small: Image.Image = _to_eight_bit(opened) if opened.mode.startswith("I") else opened
    if max(opened.size) > limits.stored_side:
        small = small.convert("RGBA" if small.has_transparency_data else "RGB")
        small.thumbnail(stored_size, Image.Resampling.BICUBIC)
    if orientation != 1:
        exif = small.getexif()
        exif[0x0112] = orientation
    return small


def _to_eight_bit(grey: Image.Image) -> Image.Image:
    """Convert an image in 16-bit grey to 8-bit grey with alpha.

    Pillow's own conversion limits values to 255, so nearly every pixel would be white.
    """
    wide = grey.convert("I")
    values = range(1 << 16)
    transparent = grey.info.get("transparency")
    alpha = wide.point([0 if value == transparent else 255 for value in values], "L")
    return Image.merge("LA", (wide.point([value >> 8 for value in values], "L"), alpha))


def _on_white(image: Image.Image) -> Image.Image:
    """Return a copy of the image in RGB, on a white background and without metadata."""
    copy = Image.new("RGB", image.size, "white")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        copy.paste(layer, mask=layer.getchannel("A"))
    else:
        copy.paste(image.convert("RGB"))
    return copy
