"""fleet logs: what the services wrote."""

import json
import re
import sys
import time
from typing import Annotated

import typer

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import colourful
from fleetwright_cli.fleet import find_root
from fleetwright_cli.local._logfiles import Line, Tail, history, merged
from fleetwright_cli.local._plan import Places
from fleetwright_cli.local._render import Renderer

LOOK_SECONDS = 0.1
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"^(\d+(?:\.\d+)?)(s|m|h|d)$")


def logs(
    services: Annotated[
        list[str] | None, typer.Argument(help="Services; none for all.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="Only the last 90s, 5m, 2h or 1d.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document a line.")
    ] = False,
) -> None:
    """Show what the services wrote, by time; also after they have stopped.

    Examples: `fleet logs`, `fleet logs orders -f`, `fleet logs --since 5m --json`.
    """
    places = Places(find_root())
    names = _chosen(places, services or [])
    first = None if since is None else time.time() - _seconds(since)
    renderer = Renderer(names, colour=colourful(sys.stdout))
    # History ends where these begin: nothing written meanwhile comes twice or never.
    tails = [Tail(places.log(name), name) for name in names]
    past = (
        history(places.log(tail.name), tail.name, since=first, end=tail.offset)
        for tail in tails
    )
    for line in merged(past):
        _show(line, renderer, as_json=as_json)
    while follow:
        sys.stdout.flush()
        fresh = [line for tail in tails for line in tail.more()]
        for line in sorted(fresh, key=lambda line: line.time):
            _show(line, renderer, as_json=as_json)
        time.sleep(LOOK_SECONDS)


def _chosen(places: Places, services: list[str]) -> list[str]:
    """Return the processes whose logs are wanted, in alphabetical order."""
    known = sorted(path.stem for path in places.logs.glob("*.log"))
    unknown = [name for name in services if not _of(name, known)]
    if unknown:
        raise FleetError(
            f"there are no logs of `{unknown[0]}`",
            where=f"logs are kept of: {', '.join(known) or 'nothing yet'}",
            hint="name one of these, or none for all",
            exit_code=WRONG_ARGUMENTS,
        )
    if not services:
        return known
    return sorted({each for name in services for each in _of(name, known)})


def _of(name: str, known: list[str]) -> list[str]:
    """Return the processes of a service: itself and its replicas."""
    replica = re.compile(rf"{re.escape(name)}(-\d+)?")
    return [each for each in known if replica.fullmatch(each)]


def _seconds(text: str) -> float:
    """Return a span such as `5m` in seconds."""
    found = _SPAN.match(text)
    if found is None:
        raise FleetError(
            f"--since {text} is not a span of time",
            hint="use a number and s, m, h or d, as in `--since 5m`",
            exit_code=WRONG_ARGUMENTS,
        )
    return float(found[1]) * UNIT_SECONDS[found[2]]


def _show(line: Line, renderer: Renderer, *, as_json: bool) -> None:
    """Write one line to stdout."""
    if as_json:
        fields = line.fields or {"time": line.time, "event": line.text}
        text = json.dumps({"name": line.service} | fields)
    else:
        text = renderer.text(line)
    sys.stdout.write(text + "\n")
