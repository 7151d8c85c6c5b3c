"""`make charts`: update the generated files and the stored renders, and check the charts.

The complete charts are then in `build/charts`. With `--update`, the charts are not checked. With `--check`, no file of
the repository is changed, and each file that is not up to date is a finding.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tools.charts.checks import RENDERS, check_helm_lint, check_renders, check_schemas, renders
from tools.charts.generate import BUILT, assemble, outdated, write
from tools.charts.helm import HelmError
from tools.environment import ROOT


def check() -> str:
    """Return the findings as text. Changes no file of the repository."""
    return "\n".join(_findings())


def _findings() -> Iterator[str]:
    yield from (
        f"{path.relative_to(ROOT)} is not up to date; run make charts" for path in outdated()
    )
    try:
        rendered = renders(assemble())
    except HelmError as refused:
        yield str(refused)
        return
    yield from (f"{finding}; run make charts" for finding in check_renders(rendered))
    yield from check_schemas(rendered)
    yield from check_helm_lint()


def update() -> None:
    """Update the generated files and the stored renders, and print the paths of the files that changed."""
    changed = list(write())
    RENDERS.mkdir(exist_ok=True)
    for name, text in renders(assemble()).items():
        path = RENDERS / f"{name}.yaml"
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            changed.append(path)
    for path in changed:
        print(f"charts: updated {path.relative_to(ROOT)}")


def main(arguments: list[str]) -> int:
    """Run the command and return the exit status."""
    if arguments != ["--check"]:
        try:
            update()
        except HelmError as refused:
            print(refused, file=sys.stderr)
            return 1
    if arguments == ["--update"]:
        return 0
    findings = check()
    print(findings or f"charts: ok; the complete charts are in {BUILT.relative_to(ROOT)}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
