"""``python -m proctorium_devstack up|reset|doctor``: everything of Proctorium on this machine."""

from __future__ import annotations

import argparse
import sys

from proctorium_devstack.console import Console


def main(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="proctorium_devstack", description="Proctorium on one machine."
    )
    words = parser.add_subparsers(dest="command", required=True)
    up = words.add_parser("up", help="start everything and keep it running; Ctrl-C ends it")
    up.add_argument("--empty", action="store_true", help="without demo data")
    up.add_argument(
        "--only", metavar="PARTS", help="some parts and what they need: assessment,traces"
    )
    words.add_parser("reset", help="delete databases, messages and mails")
    words.add_parser("doctor", help="what is wrong with this machine, and the cure")
    asked = parser.parse_args(arguments)
    console = Console()
    match asked.command:
        case "up":
            from proctorium_devstack import commands

            only = asked.only.split(",") if asked.only else None
            return commands.up(console, only=only, with_demo_data=not asked.empty and only is None)
        case "reset":
            from proctorium_devstack import commands

            return commands.reset(console)
        case _:
            # Each command brings only what it needs, so that the doctor comes at once.
            from proctorium_devstack import doctor

            return doctor.examine(console)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
