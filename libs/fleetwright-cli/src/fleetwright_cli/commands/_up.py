"""fleet up: the whole fleet, on this machine."""

import asyncio
import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fleetwright_cli._errors import NOT_COMPLIANT
from fleetwright_cli._printer import Printer, colourful, paint
from fleetwright_cli.fleet import Fleet, Service, discover
from fleetwright_cli.local import _background
from fleetwright_cli.local._backing import backing_line, read_backing
from fleetwright_cli.local._console import NAME as CONSOLE
from fleetwright_cli.local._console import Console, console, console_line, read_console
from fleetwright_cli.local._control import require_none
from fleetwright_cli.local._logfiles import Line
from fleetwright_cli.local._plan import Places, Plan, needed, plan
from fleetwright_cli.local._process import Listener
from fleetwright_cli.local._render import Renderer
from fleetwright_cli.local._session import Session
from fleetwright_cli.local._status import State, Status
from fleetwright_cli.local._supervisor import Supervisor
from fleetwright_cli.local._table import (
    STATE_COLOURS,
    front_line,
    lasting,
    status_table,
    summary_line,
)
from fleetwright_cli.venvs import make, venv_of

TOLD_STATES = frozenset(
    {
        State.READY,
        State.DEGRADED,
        State.UNREADY,
        State.UNHEALTHY,
        State.BACKOFF,
        State.FAILED,
    }
)


def up(
    services: Annotated[
        list[str] | None,
        typer.Argument(help="Services, with those they call; none for all."),
    ] = None,
    *,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Run in the background.")
    ] = False,
    no_reload: Annotated[
        bool, typer.Option("--no-reload", help="Do not restart what changes.")
    ] = False,
    no_console: Annotated[
        bool, typer.Option("--no-console", help="Show nothing in a browser.")
    ] = False,
    docker: Annotated[
        bool, typer.Option("--docker", help="In containers, with real servers.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
    background: Annotated[bool, typer.Option("--background", hidden=True)] = False,
) -> None:
    """Run the fleet on this machine, without Docker, until Ctrl-C.

    With `--docker` in containers, with PostgreSQL and the broker of `[deploy]`: builds
    what changed, and is ready when all is healthy. Nothing is reloaded or shown there.

    Examples: `fleet up`, `fleet up orders`, `fleet up --detach` and later `fleet down`,
    `fleet up --docker --detach` and later `fleet down --docker`.
    """
    printer = Printer(as_json=as_json)
    if docker:
        from fleetwright_cli.deploy.compose._shown import up_in_containers

        code = up_in_containers(services or (), detach=detach, printer=printer)
        raise typer.Exit(code)
    fleet = discover()
    chosen = needed(fleet, services)
    places = Places(fleet.root)
    places.make()
    require_none(places.run)
    ready_plan = plan(fleet, chosen, _interpreters(fleet, chosen, printer))
    if not background:
        ready_plan.prepare_backing()
    if not detach:
        shown = console(places, 0 if no_console else fleet.manifest.up.console_port)
        if shown is not None:
            exporting = shown.exported_to(ready_plan.launches)
            ready_plan = replace(ready_plan, launches=exporting)
        screen = Screen(ready_plan, printer, lines=not background, console=shown)
        raise typer.Exit(screen.run(reload=not no_reload))
    ready_plan.require_free_ports()
    arguments = ["up", *(services or ()), "--background"]
    arguments += ["--no-reload"] if no_reload else []
    arguments += ["--no-console"] if no_console else []
    _detached(places, arguments, printer)


def _interpreters(
    fleet: Fleet, services: Iterable[Service], printer: Printer
) -> dict[str, Path]:
    """Return the interpreter of each service, its environment made if need be."""
    venvs = {service.name: venv_of(fleet, service) for service in services}
    missing = {venv.folder: venv for venv in venvs.values() if not venv.is_made()}
    if missing:
        with ThreadPoolExecutor(max_workers=4) as pool:
            for made in [
                pool.submit(make, each, printer.talk) for each in missing.values()
            ]:
                made.result()
        printer.talk("the environments are made")
    return {name: venv.python for name, venv in venvs.items()}


def _detached(places: Places, arguments: list[str], printer: Printer) -> None:
    """Start in the background and say how that went."""
    report = _background.start(places, arguments)
    services = report["services"]
    facts = read_backing(places.backing)
    lines = [
        status_table(services, sys.stdout),
        backing_line(facts, sys.stdout),
        front_line(services, sys.stdout),
        console_line(read_console(places) if CONSOLE in report else None, sys.stdout),
    ]
    printer.data(report | facts, "\n".join(line for line in lines if line))
    failed = [facts for facts in services if facts["state"] == State.FAILED]
    if failed:
        raise _background.explained(places, failed)
    if any(facts["state"] != State.READY for facts in services):
        raise typer.Exit(NOT_COMPLIANT)
    printer.talk(f"ready in {lasting(report['seconds'])}, stop it with `fleet down`")


class Screen:
    """What a person, or with `--json` a program, sees of a run.

    A terminal or reader that goes away must not end the fleet: what cannot be shown
    is still in the log files.
    """

    def __init__(
        self,
        plan: Plan,
        printer: Printer,
        *,
        lines: bool,
        console: Console | None = None,
    ) -> None:
        """Prepare to show a run.

        Args:
            plan: What runs.
            printer: Where words go.
            lines: Whether the output of the services is shown.
            console: What shows it in a browser, too.
        """
        self._console = console
        self._plan = plan
        self._printer = printer
        self._lines = lines
        names = [launch.name for launch in plan.launches]
        self._renderer = Renderer(names, colour=colourful(sys.stdout))
        self._last: dict[str, State] = {}
        self._read = True

    def run(self, *, reload: bool) -> int:
        """Run the plan and return the exit code.

        Args:
            reload: Whether changed files restart processes.
        """
        session = Session(
            self._plan,
            reload=reload,
            listener=Listener(changed=self._changed, line=self._line),
            on_settled=self._settled,
            on_stopping=self._stopping,
            console=self._console,
        )
        summary = asyncio.run(session.run())
        services = [status.facts() for status in summary.services]
        line = summary_line(summary.seconds, services, sys.stderr)
        if self._printer.as_json:
            self._emit(
                {
                    "event": "fleet.stopped",
                    "seconds": summary.seconds,
                    "services": services,
                }
            )
        else:
            self._talk(line)
        return 0 if summary.clean else NOT_COMPLIANT

    def _changed(self, status: Status) -> None:
        """Show a change of state."""
        before = self._last.get(status.name)
        self._last[status.name] = status.state
        if self._printer.as_json:
            self._emit({"event": "process.changed"} | status.facts())
            return
        restarted = status.state is State.STOPPING and status.reason
        if status.state is before or not (status.state in TOLD_STATES or restarted):
            return
        state = paint(status.state, STATE_COLOURS[status.state], sys.stderr)
        if status.state is State.READY and status.ready_seconds is not None:
            state += f" in {lasting(status.ready_seconds)}, {status.url}"
        reason = f": {status.reason}" if status.reason else ""
        self._talk(f"{status.name} {state}{reason}")

    def _line(self, name: str, text: str) -> None:
        """Show a line of a service."""
        if not self._lines:
            return
        if self._printer.as_json:
            self._emit({"event": "process.line", "name": name, "line": text})
            return
        self._write(self._renderer.text(Line.parse(name, text, "")))

    def _settled(self, supervisor: Supervisor) -> None:
        """Show the table when the start is over."""
        services = [status.facts() for status in supervisor.statuses]
        if self._printer.as_json:
            document = {"event": "fleet.settled", "seconds": supervisor.seconds}
            document |= self._plan.backing.facts()
            if self._console is not None:
                document["console"] = self._console.facts()
            self._emit(document | {"services": services})
            return
        self._talk("\n" + status_table(services, sys.stderr))
        self._talk(backing_line(self._plan.backing.facts(), sys.stderr))
        if all(facts["state"] == State.READY for facts in services):
            seconds = lasting(supervisor.seconds)
            self._talk(f"{len(services)} ready in {seconds}, stop with Ctrl-C")
        front = front_line(services, sys.stderr)
        for line in (front, console_line(self._console, sys.stderr)):
            if line:
                self._talk(line)

    def _stopping(self) -> None:
        """Say that the first Ctrl-C was heard."""
        self._talk("draining, press Ctrl-C again to kill")

    def _emit(self, document: dict[str, object]) -> None:
        """Write one JSON line."""
        self._write(json.dumps(document))

    def _write(self, text: str) -> None:
        """Write a line to stdout, as long as somebody reads it."""
        if self._read:
            try:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
            except OSError:
                self._read = False

    def _talk(self, text: str) -> None:
        """Say a line on stderr; a terminal that was closed is no error."""
        with suppress(OSError):
            self._printer.talk(text)
