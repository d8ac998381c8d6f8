"""How a process ended, in words."""

import signal


def ending(exit_code: int) -> str:
    """Return an exit code in words.

    Args:
        exit_code: As the system says it; negative for a signal.

    Returns:
        "exited with code 1" or "killed by SIGSEGV".
    """
    if exit_code >= 0:
        return f"exited with code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    return f"killed by {name}"
