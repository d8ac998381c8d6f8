"""The console beside the supervisor: a process of its own, kept running."""

import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from fleetwright_cli._printer import paint
from fleetwright_cli.local import _ports
from fleetwright_cli.local._backoff import Timings
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._logfiles import LogFile
from fleetwright_cli.local._plan import Places, assigned
from fleetwright_cli.local._process import Listener, Process
from fleetwright_cli.local._status import Status, now_text

NAME = "console"
STOP_SECONDS = 5.0
OTLP_HEADER = "x-otlp-api-key"
_TRIED_PORTS = 50
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Console:
    """Where the console listens, and what opens it.

    Attributes:
        port: On 127.0.0.1.
        token: For a browser and for programs of the fleet's owner.
        otlp_key: For services.
        places: Where the fleet keeps its state.
    """

    port: int
    token: str
    otlp_key: str
    places: Places

    @property
    def url(self) -> str:
        """Return its address without a slash at the end."""
        return f"http://{_ports.HOST}:{self.port}"

    @property
    def login_url(self) -> str:
        """Return the address that opens it; whoever knows it is let in."""
        return f"{self.url}/login?t={self.token}"

    def facts(self) -> dict[str, str]:
        """Return what a program is told; the token is in its file."""
        return {"url": self.url, "token_file": str(self.places.console)}

    def exported_to(self, launches: Iterable[Launch]) -> tuple[Launch, ...]:
        """Return launches whose services export what they do to the console.

        Args:
            launches: As they are planned; one with a receiver of its own stays as it
                is, also where its `.env` names one.
        """
        given = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_HEADERS": f"{OTLP_HEADER}={self.otlp_key}",
            "OTEL_LOGS_EXPORTER": "none",  # it reads what they write on stdout
        }
        return tuple(
            (
                launch
                if _exports(launch)
                else replace(launch, environment={**launch.environment, **given})
            )
            for launch in launches
        )

    def write(self) -> None:
        """Keep the keys for the next run; nobody else may read them."""
        keys = {"port": self.port, "token": self.token, "otlp_key": self.otlp_key}
        draft = self.places.console.with_suffix(".new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(keys), "utf-8")
        draft.replace(self.places.console)


def console(places: Places, first_port: int) -> Console | None:
    """Return the console of a fleet: the keys of last time, and a port that is free.

    Args:
        places: Where the fleet keeps its state.
        first_port: Where it listens, or above; 0 for no console.
    """
    if first_port == 0:
        return None
    kept = _kept(places.console)
    wanted = range(first_port, first_port + _TRIED_PORTS)
    port = _free([kept["port"]] if kept.get("port") in wanted else [], wanted)
    return Console(
        port=port,
        token=str(kept.get("token") or secrets.token_urlsafe(_SECRET_BYTES)),
        otlp_key=str(kept.get("otlp_key") or secrets.token_urlsafe(_SECRET_BYTES)),
        places=places,
    )


def read_console(places: Places) -> Console | None:
    """Return the console that was started last; None when none was.

    Args:
        places: Where the fleet keeps its state.
    """
    kept = _kept(places.console)
    try:
        return Console(
            port=int(str(kept["port"])),
            token=str(kept["token"]),
            otlp_key=str(kept["otlp_key"]),
            places=places,
        )
    except (KeyError, ValueError):
        return None


def console_line(console: Console | None, stream: TextIO) -> str | None:
    """Return where the fleet is seen in a browser; None without a console.

    Args:
        console: Which one.
        stream: Where the line will be written; decides about colour.
    """
    if console is None:
        return None
    return f"console {paint(console.login_url, 'cyan', stream)}"


def _exports(launch: Launch) -> bool:
    """Return whether a process has a receiver of its own."""
    names = {*launch.environment, *assigned(launch.folder / ".env")}
    return any(name.startswith("OTEL_EXPORTER_OTLP") for name in names)


def _kept(file: Path) -> dict[str, object]:
    """Return what a file keeps; nothing when it is missing or spoilt."""
    with suppress(OSError, ValueError):
        found = json.loads(file.read_text("utf-8"))
        if isinstance(found, dict):
            return found
    return {}


def _free(first: Iterable[object], others: Iterable[int]) -> int:
    """Return the first port that nobody listens on; the first of all for none."""
    ports = [int(str(port)) for port in (*first, *others)]
    used = _ports.in_use({str(port): port for port in ports[:1]})
    if not used:
        return ports[0]
    used = _ports.in_use({str(port): port for port in ports})
    return next((port for port in ports if str(port) not in used), ports[0])


@asynccontextmanager
async def serving(
    console: Console, *, told: Callable[[Status], None]
) -> AsyncIterator[Process]:
    """Run the console while inside; it is restarted when it ends by itself.

    Args:
        console: Which one.
        told: Gets its status after each change.

    Yields:
        Its process.
    """
    console.write()
    began = str(time.time())
    launch = Launch(
        name=NAME,
        service=NAME,
        argv=(
            *(sys.executable, "-m", "fleetwright_cli.console"),
            *(str(console.places.root), began),
        ),
        folder=console.places.root,
        environment={**os.environ, "PYTHONUNBUFFERED": "1"},
        port=console.port,
        log_file=console.places.log(NAME),
    )
    process = Process(
        launch,
        stop_seconds=STOP_SECONDS,
        timings=Timings(),
        listener=Listener(changed=told),
    )
    task = asyncio.create_task(process.run(), name="process console")
    try:
        yield process
    finally:
        process.close()
        await task


class Changes:
    """Writes down every change of a process, where the console reads it."""

    def __init__(self, file: Path, then: Listener) -> None:
        """Prepare the file.

        Args:
            file: Where.
            then: Who is told as well.
        """
        self._log = LogFile(file)
        self.listener = Listener(changed=self._changed, line=then.line)
        self._then = then

    def _changed(self, status: Status) -> None:
        with suppress(OSError):
            self._log.write(json.dumps({"time": now_text()} | status.facts()))
        self._then.changed(status)

    def close(self) -> None:
        """Close the file."""
        self._log.close()
