"""Becomes a command that cannot outlive its parent, as an unprivileged user where asked.

Called as ``python -I -S launch.py PARENT SIGNAL USER GROUP -- COMMAND…`` between fork and exec, because Python code
in a forked child of a program with threads (gRPC has them) may deadlock. Standard library only, nothing of ours.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PARENT_IS_GONE = 3


def main(arguments: list[str]) -> None:
    """Give up rights, ask the kernel for `SIGNAL` when the parent ends, and become the command."""
    parent, signal, user, group = (int(argument) for argument in arguments[:4])
    command = arguments[arguments.index("--") + 1 :]
    if user >= 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    # After the change of user: the kernel forgets the death signal at that moment.
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(_PARENT_IS_GONE)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
