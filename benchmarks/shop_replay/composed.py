"""A shop in containers, as Docker tells about it: what docker-compose brought up."""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shop_replay.databases import Place
from shop_replay.running import FleetError, Process, RunningFleet
from shop_replay.tokens import TOOL, Issuer

HTTP_PORT = 8000
_CLIENTS = "/run/secrets/issuer_clients"
_STATES = {"healthy": "ready", "running": "ready"}


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a project of docker-compose.

    Attributes:
        identity: Its id.
        service: What docker-compose calls it.
        facts: All that Docker says of it.
    """

    identity: str
    service: str
    facts: Mapping[str, Any]

    @property
    def state(self) -> str:
        """Whether it takes calls, by its health check; "ready" when it does."""
        state = self.facts["State"]
        said = str(state.get("Health", state)["Status"])
        return _STATES.get(said, said)

    @property
    def variables(self) -> dict[str, str]:
        """What it is told by its environment."""
        return dict(one.split("=", 1) for one in self.facts["Config"]["Env"])

    def address(self, port: int) -> str | None:
        """Return where this machine reaches one of its ports; None where it cannot.

        Args:
            port: The port inside.
        """
        bound = (self.facts["NetworkSettings"]["Ports"] or {}).get(f"{port}/tcp")
        return f"{bound[0]['HostIp']}:{bound[0]['HostPort']}" if bound else None

    def mounted(self, path: str) -> Path | None:
        """Return the file of this machine that it sees at a path; None without one.

        Args:
            path: The path inside.
        """
        found = [it for it in self.facts["Mounts"] if it["Destination"] == path]
        return Path(found[0]["Source"]) if found else None


@dataclass
class ComposedFleet(RunningFleet):
    """A fleet that docker-compose brought up; nothing is started or stopped by us.

    Attributes:
        project: The project's name.
        containers: Its containers by service, as last looked at.
    """

    project: str
    containers: dict[str, Container] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Know nothing yet: `processes` looks."""
        super().__init__(Path())

    @property
    def broker(self) -> Place:
        """The broker's URL, as this machine reaches it."""
        return self._reached(self.containers["orders"].variables["BROKER_URL"])

    async def processes(self) -> dict[str, Process]:
        """Return every container by its service; empty when there is none."""
        found = await containers_of(self.project)
        self.containers = {it.service: it for it in found}
        self._name_api()
        return {name: self._of(one) for name, one in self.containers.items()}

    async def require_running(self) -> dict[str, Process]:
        """Return the containers of the shop.

        Raises:
            FleetError: There are none, or not the whole shop is healthy.
        """
        if not await self.processes():
            raise FleetError(
                "no containers of this project are here",
                where=self.project,
                hint="bring them up with `docker-compose up --build --detach`",
            )
        return await super().require_running()

    def urls(self) -> Mapping[str, str]:
        """Return the base URL of every service that publishes its port."""
        return {
            name: f"http://{address}"
            for name, one in self.containers.items()
            if (address := one.address(HTTP_PORT))
        }

    def issuer(self) -> Issuer | None:
        """Return who issues tokens here; None where nobody asks for any."""
        one = self.containers.get("issuer")
        file = one.mounted(_CLIENTS) if one else None
        if file is None:
            return None
        secret = json.loads(file.read_text("utf-8"))[TOOL]
        return Issuer(self.urls()["issuer"], secret)

    def _name_api(self) -> None:
        """Name RabbitMQ's HTTP API where it can be reached from here."""
        rabbit = self.containers.get("rabbit")
        if rabbit and (address := rabbit.address(15672)):
            os.environ["RABBIT_API_URL"] = f"http://{address}"

    def _of(self, one: Container) -> Process:
        state = one.facts["State"]
        url = one.variables.get("DATABASE_URL", "")
        database = None
        if url.startswith("postgresql"):
            plain = urlsplit(url)._replace(scheme="postgresql").geturl()
            database = self._reached(plain)
        return Process(
            name=one.service,
            state=one.state,
            pid=state["Pid"] or None,
            exit_code=None if state["Running"] else state["ExitCode"],
            database=database,
        )

    def _reached(self, url: str) -> str:
        """Return a URL of another container as this machine reaches it."""
        parts = urlsplit(url)
        server = self.containers.get(parts.hostname or "")
        address = server.address(parts.port or 0) if server else None
        if address is None:
            raise FleetError(
                f"{parts.hostname} cannot be reached from here",
                where=self.project,
                hint="docker-compose.yml publishes the ports of its servers",
            )
        login = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{login}@{address}").geturl()


async def containers_of(project: str) -> list[Container]:
    """Return the containers of a project, whether they run or not.

    Args:
        project: The project's name.

    Raises:
        FleetError: Docker cannot be asked.
    """
    label = f"label=com.docker.compose.project={project}"
    listed = await docker("ps", "--all", "--quiet", "--no-trunc", "--filter", label)
    if not (names := listed.split()):
        return []
    return [
        Container(
            facts["Id"], facts["Config"]["Labels"]["com.docker.compose.service"], facts
        )
        for facts in json.loads(await docker("inspect", *names))
    ]


async def docker(*words: str) -> str:
    """Return what Docker answers.

    Args:
        *words: What is typed after `docker`.

    Raises:
        FleetError: It refuses, or is not there.
    """
    try:
        child = await asyncio.create_subprocess_exec(
            "docker",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, talk = await child.communicate()
        said, code = talk.decode(errors="replace").strip(), child.returncode
    except OSError as error:
        out, said, code = b"", str(error), 1
    if code:
        raise FleetError(
            f"`docker {words[0]}` ended with {code}",
            where=said,
            hint="does the engine run? `docker version` says so",
        )
    return out.decode()
