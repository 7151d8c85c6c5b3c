"""Execute a command that cannot outlive its parent, optionally as an unprivileged user.

Called as ``python -I -S launch.py PARENT SIGNAL USER GROUP -- COMMAND…`` between fork and exec, because Python code
in a forked child of a program with threads, such as gRPC's, may deadlock. Uses only the standard library.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PARENT_ENDED = 3


def main(arguments: list[str]) -> None:
    """Drop privileges, have the kernel send `SIGNAL` when the parent ends, and execute the command."""
    parent, signal, user, group = (int(argument) for argument in arguments[:4])
    command = arguments[arguments.index("--") + 1 :]
    if user >= 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    # After the change of user, because that change clears the death signal.
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(_PARENT_ENDED)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
