"""A command that ends when its parent does, given as `PARENT COMMAND…`: its process id, and what to run."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def tied(command: Sequence[str]) -> list[str]:
    """The command, so that it ends with the thread that starts it, in this process."""
    return [sys.executable, "-m", "labelwheel.backend.processes.die_with_parent", str(os.getpid()), *command]


def main(parent: int, command: list[str]) -> None:
    """Becomes the command. Linux only; elsewhere a killed parent leaves its children to themselves."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was gone before the signal was asked for
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
