"""python -m fleetwright.serve orders.app:create_app: the one way to run a service.

Exit codes: 0 stopped as asked, 1 could not start (or was forced to stop), 2 wrong
arguments or settings.
"""

import argparse
import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

import structlog

from fleetwright import _logs, _telemetry
from fleetwright._gauges import watch
from fleetwright._server import listen, loop_factory, serve
from fleetwright._target import load, tell
from fleetwright._upgrade import upgrade
from fleetwright.errors import FleetwrightError

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What was typed after the command; the process's own when left out.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m fleetwright.serve", description=__doc__
    )
    parser.add_argument("target", help="module:function, as in orders.app:create_app")
    parser.add_argument(
        "--migrate", action="store_true", help="upgrade its databases first"
    )
    typed = parser.parse_args(arguments)
    try:
        _run(typed.target, migrates=typed.migrate)
    except FleetwrightError as error:
        _logs.flush()
        return tell("fleetwright.serve", error)
    finally:
        _telemetry.tear_down()
        _logs.flush()
    return 0


def _run(target: str, *, migrates: bool) -> None:
    make_loop = loop_factory()
    app, service = load(target)
    settings = service.settings
    _logs.set_up(service.name, settings)
    _telemetry.set_up(service.name, settings, version=service.version)
    watch(service)
    threading.excepthook = _thread_failed  # its own words could hold a secret
    # What uvicorn says about a start that failed, we say in better words.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    for variable, meant in settings.suspects:
        _log.warning("settings.suspected", variable=variable, did_you_mean=meant)
    with asyncio.Runner(loop_factory=make_loop) as runner:
        bound = listen(settings.host, settings.port)
        with bound:
            if migrates:
                runner.run(upgrade(service))
            runner.run(serve(app, service, bound))


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    """Say like any other failure that a thread has ended by one."""
    thread = failed.thread.name if failed.thread is not None else "unknown"
    _log.error("thread.failed", thread=thread, exc_info=failed.exc_value)


def _stop_early(signal_number: int, frame: FrameType | None) -> None:
    """End quietly when told to stop before there is anything to stop."""
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop_early)
    sys.exit(main())
