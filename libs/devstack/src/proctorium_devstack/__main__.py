"""``python -m proctorium_devstack up|reset|doctor|environment``: commands that run Proctorium on this machine."""

from __future__ import annotations

import argparse
import sys

from proctorium_common.events.permissions import DECLARER
from proctorium_common.topology import services
from proctorium_devstack.console import Console


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="proctorium_devstack", description="Proctorium on one machine."
    )
    commands_parser = parser.add_subparsers(dest="command", required=True)
    up = commands_parser.add_parser("up", help="start everything and run it until Ctrl-C")
    up.add_argument("--empty", action="store_true", help="without demo data")
    up.add_argument(
        "--only",
        metavar="COMPONENTS",
        help="some components and their dependencies, such as assessment,traces",
    )
    commands_parser.add_parser("reset", help="delete databases, messages, mails and traces")
    commands_parser.add_parser("doctor", help="find problems of this machine, and their remedies")
    environment = commands_parser.add_parser(
        "environment",
        help="print the settings of a service, or of the declarer of streams, in the running stack, as shell exports",
    )
    environment.add_argument("service", choices=[*services(), DECLARER])
    options = parser.parse_args(arguments)
    console = Console()
    match options.command:
        case "up":
            from proctorium_devstack import commands

            only = options.only.split(",") if options.only else None
            return commands.up(
                console, only=only, with_demo_data=not options.empty and only is None
            )
        case "reset":
            from proctorium_devstack import commands

            return commands.reset(console)
        case "environment":
            from proctorium_devstack import commands

            return commands.environment(console, options.service)
        case _:
            # Each command imports only the modules that the command needs, so that the command starts quickly.
            from proctorium_devstack import doctor

            return doctor.run(console)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
