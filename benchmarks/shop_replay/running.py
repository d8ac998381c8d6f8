"""The running fleet, as its own tool tells about it."""

import asyncio
import json
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fleetwright.errors import FleetwrightError
from shop_replay.brokers import waiting
from shop_replay.databases import Place, drop, shown
from shop_replay.tokens import Issuer

TOOL = (sys.executable, "-m", "fleetwright_cli")
SHOP = (
    "catalog",
    "issuer",
    "notifications",
    "orders",
    "payments",
    "stock",
    "storefront",
)


class FleetError(FleetwrightError):
    """The fleet is not as the replay needs it."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the fleet.

    Attributes:
        name: Its name, which is the service's.
        state: Where it is in its life; "ready" or "degraded" when it takes calls.
        pid: Its process id while it runs.
        exit_code: How it ended last; None when it never did.
        database: Where it keeps its data: a file, or the URL of a database on a server;
            None when it keeps none.
    """

    name: str
    state: str
    pid: int | None
    exit_code: int | None
    database: Place | None


class RunningFleet:
    """A fleet on this machine."""

    def __init__(
        self,
        folder: Path,
        tool: Sequence[str] = TOOL,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Look at the fleet in a folder.

        Args:
            folder: Where `fleet.toml` is.
            tool: How `fleet` is started.
            environment: The tool's variables; the process's own when None.
        """
        self._folder = folder
        self._tool = tuple(tool)
        self.environment = dict(os.environ if environment is None else environment)

    @property
    def broker(self) -> Place:
        """The file of the embedded broker, or the URL of the broker that is used."""
        url = self.environment.get("BROKER_URL", "")
        if url and not url.startswith("embedded:"):
            return url
        return self._folder / ".fleet" / "data" / "broker.db"

    async def processes(self) -> dict[str, Process]:
        """Return every process of the fleet by name; empty when nothing runs."""
        _, report = await self.tell("ps", "--json")
        return {facts["name"]: self._process(facts) for facts in report["services"]}

    async def require_running(self) -> dict[str, Process]:
        """Return the processes of the shop.

        Raises:
            FleetError: No fleet runs, or not the whole shop is ready.
        """
        found = await self.processes()
        if not found:
            raise FleetError(
                "no fleet runs here",
                where=str(self._folder),
                hint="start it with `fleet up --detach`, or replay with `--up --fresh`",
            )
        away = [it for it in SHOP if it not in found or found[it].state != "ready"]
        if away:
            raise FleetError(
                f"not ready: {', '.join(away)}",
                where=str(self._folder),
                hint="look why with `fleet ps` and `fleet logs`",
            )
        return found

    def urls(self) -> Mapping[str, str]:
        """Return the base URL of every service.

        Raises:
            FleetError: The fleet has written no map.
        """
        path = self._folder / ".fleet" / "run" / "map.json"
        try:
            found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FleetError(
                f"no map of the fleet: {error}",
                where=str(path),
                hint="start the fleet with `fleet up --detach`",
            ) from error
        return found

    def issuer(self) -> Issuer | None:
        """Return who issues tokens here; None where nobody asks for any."""
        return Issuer.of(self._folder)

    async def up(self, *, fresh: bool) -> None:
        """Start the fleet in the background and wait until it is ready.

        Args:
            fresh: Whether the data of earlier runs is moved away first.

        Raises:
            FleetError: A fleet runs already, or it did not become ready.
        """
        if await self.processes():
            raise FleetError(
                "a fleet runs here already",
                where=str(self._folder),
                hint="stop it with `fleet down`, or replay without `--up`",
            )
        data = self._folder / ".fleet" / "data"
        if fresh and data.exists():
            data.rename(data.with_name(f"data-{datetime.now():%Y%m%d-%H%M%S-%f}"))
        if fresh:
            await asyncio.to_thread(self._forget)
        # Others may edit files meanwhile: what is measured must not restart by itself.
        code, report = await self.tell("up", "--detach", "--no-reload", "--json")
        if code != 0:
            await self.down()
            raise FleetError(
                f"`fleet up --detach` ended with {code}: {_reasons(report)}",
                where=str(self._folder),
                hint="run `fleet up` and read what it says",
            )

    async def down(self) -> list[str]:
        """Stop the fleet.

        Returns:
            What did not end with exit code 0, in words; empty when all did.
        """
        code, report = await self.tell("down", "--json")
        processes = [self._process(facts) for facts in report["services"]]
        bad = [
            f"{it.name} ended with {it.exit_code}"
            for it in processes
            if it.exit_code != 0
        ]
        if not bad and code != 0:
            bad.append(f"`fleet down` ended with {code}")
        return bad

    async def tell(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Return the exit code and the JSON answer of the tool.

        Args:
            *arguments: What is typed after `fleet`.

        Raises:
            FleetError: It did not answer in JSON.
        """
        child = await asyncio.create_subprocess_exec(
            *self._tool,
            *arguments,
            cwd=self._folder,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, talk = await child.communicate()
        code = child.returncode or 0
        try:
            report: dict[str, Any] = json.loads(out)
            report.setdefault("services", [])
        except (ValueError, AttributeError) as error:
            words = (talk or out).decode(errors="replace").strip()
            raise FleetError(
                f"`fleet {' '.join(arguments)}` ended with {code}",
                where=words[-2000:] or str(self._folder),
                hint="run the same command and read what it says",
            ) from error
        return code, report

    def _forget(self) -> None:
        """Drop the fleet's databases on a server; see that no broker keeps events.

        Raises:
            FleetError: A broker does.
            RecordsError: A server cannot be asked.
        """
        if isinstance(self.broker, str) and (left := waiting(self.broker)):
            raise FleetError(
                f"{left} events of before are with the broker",
                where=shown(self.broker),
                hint="name an empty one in BROKER_URL, or replay with "
                "`--on postgres+rabbit`",
            )
        if url := self.environment.get("POSTGRES_URL"):
            text = (self._folder / "fleet.toml").read_text(encoding="utf-8")
            fleet = tomllib.loads(text)["fleet"]["name"]
            services = sorted((self._folder / "services").iterdir())
            drop(url, [f"{fleet}_{it.name}".replace("-", "_") for it in services])

    def _process(self, facts: Mapping[str, Any]) -> Process:
        return Process(
            name=facts["name"],
            state=facts["state"],
            pid=facts.get("pid"),
            exit_code=facts.get("exit_code"),
            database=self._database(facts.get("database_url") or ""),
        )

    def _database(self, url: str) -> Place | None:
        """Return where a service keeps its data; the tool tells no passwords."""
        scheme, _, path = url.partition(":///")
        if scheme.startswith("sqlite") and path:
            return Path(path)
        if not url.startswith("postgresql"):
            return None
        server = urlsplit(self.environment.get("POSTGRES_URL") or url)
        return server._replace(scheme="postgresql", path=urlsplit(url).path).geturl()


def _reasons(report: Mapping[str, Any]) -> str:
    words = [
        f"{facts['name']} is {facts['state']} ({facts.get('reason')})"
        for facts in report["services"]
        if facts["state"] != "ready"
    ]
    return "; ".join(words) or json.dumps(report.get("error"))
