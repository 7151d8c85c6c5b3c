"""``python -m proctorium_devstack up|clean|doctor``: everything of Proctorium on this machine."""

from __future__ import annotations

import argparse
import sys

from proctorium_devstack import commands, doctor
from proctorium_devstack.console import Console


def main(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="proctorium_devstack", description="Proctorium on one machine."
    )
    words = parser.add_subparsers(dest="command", required=True)
    up = words.add_parser("up", help="start everything and keep it running; Ctrl-C ends it")
    up.add_argument("--empty", action="store_true", help="without demo data")
    words.add_parser("clean", help="forget databases, messages and mails")
    words.add_parser("doctor", help="what is wrong with this machine, and the cure")
    asked = parser.parse_args(arguments)
    console = Console()
    match asked.command:
        case "up":
            return commands.up(console, with_demo_data=not asked.empty)
        case "clean":
            return commands.clean(console)
        case _:
            return doctor.examine(console)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
