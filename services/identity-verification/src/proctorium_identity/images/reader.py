"""The process that opens a stranger's picture: bytes in, a verdict and a clean JPEG out.

It limits itself before it reads a byte, has no secrets in its environment, sees one picture and ends. It imports Pillow, the
standard library and the domain's limits, nothing else.
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
from proctorium_identity.images.containers import foreign_format, format_of, only_an_image

MEDIA_TYPE = "image/jpeg"
_QUALITY = 88
_LUMINANCE_SAMPLE = (64, 64)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the process may use: bytes of address space, seconds of processor time."""

    memory: int = 1024 * 1024 * 1024
    cpu_seconds: int = 4


class FlawError(Exception):
    """The picture cannot serve; `flaw` says why, and `format` names a format that is not read."""

    def __init__(self, flaw: Flaw, format: str = "") -> None:
        super().__init__(flaw)
        self.flaw = flaw
        self.format = format


def main() -> None:
    """Reads a picture from standard input; answers one line of JSON, then the JPEG where there is one."""
    allowance = Allowance(memory=int(sys.argv[1]), cpu_seconds=int(sys.argv[2]))
    limits = ImageLimits(**json.loads(sys.argv[3]))
    _limit(allowance)
    try:
        answer, picture = _verdict(sys.stdin.buffer.read(), limits)
    except FlawError as refused:
        answer, picture = {"flaw": str(refused.flaw), "format": refused.format}, b""
    except MemoryError:
        answer, picture = {"flaw": str(Flaw.TOO_COSTLY)}, b""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + picture)
    sys.stdout.buffer.flush()


def _limit(allowance: Allowance) -> None:
    for what, most in (
        (resource.RLIMIT_AS, allowance.memory),
        (resource.RLIMIT_CPU, allowance.cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _verdict(file: bytes, limits: ImageLimits) -> tuple[dict[str, str | int], bytes]:
    picture = cleaned(file, limits)
    out = BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY, optimize=True)
    width, height = picture.size
    return {"media_type": MEDIA_TYPE, "width": width, "height": height}, out.getvalue()


def cleaned(file: bytes, limits: ImageLimits) -> Image.Image:
    """The picture, upright, in plain colours, at most `kept_side` long, without metadata. Raises FlawError."""
    opened = _opened(file, limits)
    try:
        upright = ImageOps.exif_transpose(_loaded(opened, limits))
    # Pillow and its codecs say a broken file in many ways; here every one of them means the same, and memory is told apart.
    except MemoryError:
        raise
    except Exception as broken:
        raise FlawError(Flaw.UNREADABLE) from broken
    plain = _on_white(upright)
    if (
        ImageStat.Stat(plain.convert("L").resize(_LUMINANCE_SAMPLE)).mean[0]
        < limits.least_luminance
    ):
        raise FlawError(Flaw.TOO_DARK)
    return plain


def _opened(file: bytes, limits: ImageLimits) -> ImageFile.ImageFile:
    """Reads no more than the header: what is too large is refused before anything is unpacked."""
    if len(file) > limits.most_bytes:
        raise FlawError(Flaw.TOO_MANY_BYTES)
    found = format_of(file)
    if found is None:
        raise FlawError(Flaw.UNREADABLE, foreign_format(file))
    if not only_an_image(file, found):
        raise FlawError(Flaw.NOT_ONLY_AN_IMAGE)
    most_pixels, too_many = _most_pixels(found, limits)
    Image.MAX_IMAGE_PIXELS = most_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        opened = Image.open(BytesIO(file), formats=[found])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise FlawError(too_many) from bomb
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as broken:
        raise FlawError(Flaw.UNREADABLE) from broken
    width, height = opened.size
    if width * height > most_pixels:
        raise FlawError(too_many)
    if min(width, height) < limits.least_side:
        raise FlawError(Flaw.TOO_SMALL)
    return opened


def _most_pixels(format: str, limits: ImageLimits) -> tuple[int, Flaw]:
    if format == "JPEG":
        return limits.most_pixels, Flaw.TOO_MANY_PIXELS
    return limits.most_pixels_beyond_jpeg, Flaw.TOO_MANY_PIXELS_BEYOND_JPEG


def _loaded(opened: ImageFile.ImageFile, limits: ImageLimits) -> Image.Image:
    """The pixels, made smaller as early as the format allows: JPEG while it is unpacked."""
    kept = (limits.kept_side, limits.kept_side)
    orientation = opened.getexif().get(0x0112, 1)
    if opened.format == "JPEG":
        opened.draft("RGB", kept)
    opened.load()
    small: Image.Image = _eight_bit(opened) if opened.mode.startswith("I") else opened
    if max(opened.size) > limits.kept_side:
        small = small.convert("RGBA" if small.has_transparency_data else "RGB")
        small.thumbnail(kept, Image.Resampling.BICUBIC)
    if orientation != 1:
        exif = small.getexif()
        exif[0x0112] = orientation
    return small


def _eight_bit(grey: Image.Image) -> Image.Image:
    """Return a picture of 16-bit grey as 8-bit grey with alpha. Pillow's own conversion cuts values at 255: it makes a white sheet."""
    wide = grey.convert("I")
    values = range(1 << 16)
    transparent = grey.info.get("transparency")
    alpha = wide.point([0 if value == transparent else 255 for value in values], "L")
    return Image.merge("LA", (wide.point([value >> 8 for value in values], "L"), alpha))


def _on_white(picture: Image.Image) -> Image.Image:
    """RGB; what is transparent becomes white. A new picture, so that nothing but pixels comes along."""
    plain = Image.new("RGB", picture.size, "white")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        plain.paste(layer, mask=layer.getchannel("A"))
    else:
        plain.paste(picture.convert("RGB"))
    return plain
