"""A supervisor in the background: started, waited for, its failure explained."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._logfiles import Line
from fleetwright_cli.local._plan import Places
from fleetwright_cli.local._render import Renderer

START_SECONDS = 30.0
LOOK_SECONDS = 0.02
SHOWN_LINES = 15


def start(places: Places, arguments: Sequence[str]) -> dict[str, Any]:
    """Start a supervisor that outlives this process, and wait until all are ready.

    Args:
        places: Where the fleet keeps its state.
        arguments: Of the command that becomes the supervisor.

    Returns:
        The supervisor's report; a process in it may have failed.

    Raises:
        FleetError: The supervisor itself did not start.
    """
    with places.supervisor_log.open("wb") as log:
        child = subprocess.Popen(  # noqa: S603 (our own command)
            [sys.executable, "-m", "fleetwright_cli", *arguments],
            cwd=places.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        return _report(places, child)
    except KeyboardInterrupt:
        child.send_signal(signal.SIGTERM)
        child.wait()
        raise


def _report(places: Places, child: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return the supervisor's report once it has one."""
    latest = time.monotonic() + START_SECONDS
    while time.monotonic() < latest:
        report = ask(places.run, "wait")
        if report is not None:
            # It goes on after us: nobody is to wait for it.
            child.returncode = 0
            return report
        if child.poll() is not None:
            break
        time.sleep(LOOK_SECONDS)
    else:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    said = places.supervisor_log.read_text("utf-8", "replace").splitlines()
    raise FleetError(
        "the supervisor did not start",
        where="\n".join(said[-SHOWN_LINES:]) or str(places.supervisor_log),
        hint="run `fleet up` without --detach to watch it",
    )


def explained(places: Places, failed: Sequence[dict[str, Any]]) -> FleetError:
    """Return why processes were given up, with their own last words.

    Args:
        places: Where the fleet keeps its state.
        failed: `Status.facts()` of each failed process; at least one.
    """
    names = [str(facts["name"]) for facts in failed]
    reply = ask(places.run, "logs", services=names) or {"lines": {}}
    where = []
    for facts in failed:
        name = str(facts["name"])
        where.append(f"{name}: {facts['reason']}")
        where += _last_words(name, reply["lines"].get(name, []))
    return FleetError(
        f"{', '.join(names)} did not start",
        where="\n".join(where),
        hint=f"mend it and run `fleet restart {names[0]}`; the others keep running",
    )


def _last_words(name: str, texts: Sequence[str]) -> list[str]:
    """Return the last lines of a process for people, our own notes left out."""
    renderer = Renderer((name,), colour=False)
    lines = (Line.parse(name, text, "") for text in texts if text.strip())
    said = [
        f"  {line.text.rstrip()}" if line.fields is None else renderer.text(line)
        for line in lines
        if line.fields is None or line.fields.get("logger") != "fleet"
    ]
    return said[-SHOWN_LINES:]
