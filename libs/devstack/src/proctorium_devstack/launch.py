"""Execute a command that ends with its parent process, optionally as an unprivileged user.

This script is run as ``python -I -S launch.py PARENT SIGNAL USER GROUP -- COMMAND…`` and then executes the command.
The script is a separate program, because Python code in a forked child may deadlock if the parent has several threads.
gRPC, for example, starts threads. The script imports only the standard library.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PARENT_ENDED = 3


def main(arguments: list[str]) -> None:
    """Change to the given user, and execute the command.

    Before the execution, register the signal that the kernel sends to this process when the parent ends.
    """
    parent, signal, user, group = (int(argument) for argument in arguments[:4])
    command = arguments[arguments.index("--") + 1 :]
    if user >= 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    # The signal is registered after the change of user, because a change of user clears the registered signal.
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(_PARENT_ENDED)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
