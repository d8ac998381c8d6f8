"""Become another program that is killed when the one who started it dies.

Run as a file: `python -I -S _leash.py PARENT_PID PROGRAM [ARGUMENT...]`. A few
milliseconds of a bare interpreter, instead of code between fork and exec in a
supervisor that has threads. Outside Linux it only becomes the program.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
NOT_FOUND = 127


def hold(parent_pid: int) -> None:
    """Ask the kernel to kill this process when its parent dies (Linux)."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the kernel was asked
        os._exit(NOT_FOUND)


if __name__ == "__main__":
    hold(int(sys.argv[1]))
    try:
        os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 (the plan's own program)
    except OSError as error:
        sys.stderr.write(
            f"cannot run {sys.argv[2]}: {error.strerror}\n"
            "hint: run `fleet up` again, it makes missing environments\n"
        )
        sys.exit(NOT_FOUND)
