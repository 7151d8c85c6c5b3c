"""`make gallery`: run the browser tests and take pictures of each page and state, in four widths and both themes.

The pictures are written to build/gallery/<state>/<theme>-<width>.png, and build/gallery/<state>.png shows them side by
side. Arguments are passed on to pytest, such as `-k roster`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

from e2e.browsing import GALLERY_THEMES, GALLERY_VARIABLE, GALLERY_WIDTHS

FOLDER = Path("build/gallery")
_OPTIONS = ("-o", "faulthandler_timeout=1500")
_SCALE = 0.5
_MAX_HEIGHT = 900
_GAP = 8


def main(arguments: list[str]) -> int:
    """Run the browser tests with `arguments`, join the pictures, and return the exit code of the tests."""
    tests = sorted(str(path) for path in Path("tests/e2e").glob("test_browser*.py"))
    environment = {**os.environ, GALLERY_VARIABLE: str(FOLDER.resolve())}
    command = [sys.executable, "-m", "pytest", "-q", *_OPTIONS, *arguments, *tests]
    code = subprocess.run(command, env=environment, check=False).returncode
    complete = len(GALLERY_THEMES) * len(GALLERY_WIDTHS)
    states = sorted(path for path in FOLDER.glob("*") if len(list(path.glob("*.png"))) == complete)
    for state in states:
        join(state)
    print(f"{len(states)} states in {FOLDER}")
    return code


def join(state: Path) -> None:
    """Write one picture with all pictures of a state: a row for each theme, a column for each width."""
    rows = [
        [scaled(state / f"{theme}-{width}.png") for width in GALLERY_WIDTHS]
        for theme in GALLERY_THEMES
    ]
    widths = [round(width * _SCALE) for width in GALLERY_WIDTHS]
    heights = [max(picture.height for picture in row) for row in rows]
    size = (sum(widths) + _GAP * len(widths), sum(heights) + _GAP * len(heights))
    joined = Image.new("RGB", size, "#808080")
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for picture, width in zip(row, widths, strict=True):
            joined.paste(picture, (left, top))
            left += width + _GAP
        top += height + _GAP
    joined.save(state.with_suffix(".png"))


def scaled(path: Path) -> Image.Image:
    """Return the picture in half size, without the part below the limit of the height."""
    with Image.open(path) as taken:
        small = taken.convert("RGB").resize(
            (round(taken.width * _SCALE), round(taken.height * _SCALE)), Image.Resampling.LANCZOS
        )
    return small.crop((0, 0, small.width, min(small.height, _MAX_HEIGHT)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
