"""Runs the tool: `python -m fleetwright_cli`, or `fleet` where it is installed."""

import os
import sys

from fleetwright_cli._errors import OUR_FAULT, FleetError
from fleetwright_cli._printer import Printer

INTERRUPTED = 130


def main() -> int:
    """Run one command and return its exit code; no traceback for a user's mistake."""
    from fleetwright_cli._app import run

    try:
        return run(sys.argv[1:])
    except FleetError as error:
        Printer().error(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has gone (`fleet logs | head`): not worth a word.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("FLEET_DEBUG"):
            raise
        Printer().error(
            f"fleet itself failed: {type(error).__name__}: {error}\n"
            "hint: run it again with FLEET_DEBUG=1 and report what it prints"
        )
        return OUR_FAULT


if __name__ == "__main__":
    sys.exit(main())
