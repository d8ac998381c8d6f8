"""The compose file run: built, brought up until all is healthy, told to leave."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.deploy._facts import HTTP_PORT
from fleetwright_cli.deploy.compose._file import FILE
from fleetwright_cli.deploy.compose._kept import composed
from fleetwright_cli.deploy.images._engine import BuildError, find_engine

HEALTHY_SECONDS: Final = 600.0
_LOOK_SECONDS: Final = 0.5
_SERVICE: Final = "com.docker.compose.service"
_LAST_LINES: Final = 15


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the fleet, as the engine sees it.

    Attributes:
        name: The service in it.
        state: Its health, where it is looked at, else what the engine calls its state.
        url: Where it answers on this machine; empty when nowhere.
        exit_code: Of one that has ended.
    """

    name: str
    state: str
    url: str
    exit_code: int | None

    @property
    def is_up(self) -> bool:
        """Whether it is as it should be: healthy, or done with what it was for."""
        return self.state in ("healthy", "running") or self.exit_code == 0

    def facts(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return asdict(self)


class Composed:
    """The containers of a fleet, by docker-compose or Docker's own `compose`."""

    def __init__(self, root: Path) -> None:
        """Find what runs them.

        Args:
            root: The fleet's folder.

        Raises:
            FleetError: There is no engine, no compose, or the file is not what the
                tree says.
        """
        engine = find_engine()
        self._engine = engine.program
        self._words = _compose(engine.program)
        self._root = root
        # The classic builder is there as well, but BuildKit keeps what pip has got.
        self._environment = engine.environment | {"COMPOSE_DOCKER_CLI_BUILD": "1"}
        stale = [one.path for one in composed(root, check=True)]
        if stale:
            raise FleetError(
                "the compose file is not what the tree says",
                where=", ".join(stale),
                hint="write it: `fleet deploy compose`",
            )

    @property
    def said(self) -> str:
        """What a person types for it."""
        return "docker compose" if len(self._words) > 1 else "docker-compose"

    def up(self, services: Sequence[str], heard: Callable[[str], None]) -> None:
        """Build what changed and start it.

        Args:
            services: Which, with what they depend on; all for none.
            heard: Told each line of progress.

        Raises:
            FleetError: An image cannot be built, or a container not be started.
        """
        known = self._run("config", "--services").split()
        for name in services:
            if name not in known:
                raise FleetError(
                    f"there is no service `{name}`",
                    where=f"{FILE} has: {', '.join(sorted(known))}",
                    exit_code=WRONG_ARGUMENTS,
                )
        words = ["up", "--build", "--detach", *services]
        try:
            self._follow(words, heard)
        except FleetError as error:
            # Compose gives up on what is slow to become healthy, on a busy machine.
            if "unhealthy" not in error.where:
                raise
            self._follow(words, heard)

    def until_healthy(self, heard: Callable[[Container], None]) -> list[Container]:
        """Wait until every container is as it should be; return them.

        Args:
            heard: Told of each one as it becomes so.

        Raises:
            FleetError: One has failed, or is not healthy after ten minutes.
        """
        told: set[str] = set()
        ends = time.monotonic() + HEALTHY_SECONDS
        while True:
            found = self.containers()
            for one in found:
                if one.is_up and one.name not in told:
                    told.add(one.name)
                    heard(one)
            waiting = [one for one in found if not one.is_up]
            if found and not waiting:
                return found
            failed = [one for one in waiting if one.exit_code or one.state == "dead"]
            if failed or time.monotonic() > ends:
                raise self._unhealthy((failed or waiting)[0])
            time.sleep(_LOOK_SECONDS)

    def _unhealthy(self, one: Container) -> FleetError:
        lines = self._run("logs", "--tail", str(_LAST_LINES), one.name)
        return FleetError(
            f"{one.name} did not become healthy: {one.state}",
            where=lines.strip(),
            hint=f"`{self.said} logs {one.name}` has all of it",
        )

    def containers(self) -> list[Container]:
        """Return the fleet's containers by name, those that have ended as well."""
        ids = self._run("ps", "--all", "--quiet").split()
        if not ids:
            return []
        said = self._said([self._engine, "inspect", *ids])
        found = [_container(one) for one in json.loads(said or "[]")]
        return sorted(found, key=lambda one: one.name)

    def follow(self) -> None:
        """Show what the containers say, until Ctrl-C."""
        words = [*self._words, "logs", "--follow", "--tail", "0"]
        with subprocess.Popen(  # noqa: S603 - the words are ours
            words, cwd=self._root, env=self._environment
        ) as child:
            try:
                child.wait()
            except KeyboardInterrupt:
                child.wait()  # it was told as well

    def down(self, heard: Callable[[str], None]) -> list[Container]:
        """Have all containers leave, and remove them; what they keep stays.

        Args:
            heard: Told each line of progress.

        Returns:
            How each of them ended.
        """
        if not self.containers():
            return []
        self._follow(["stop"], heard)
        ended = self.containers()
        self._follow(["down"], heard)
        return ended

    def _run(self, *words: str) -> str:
        return self._said([*self._words, *words])

    def _said(self, words: Sequence[str]) -> str:
        done = subprocess.run(  # noqa: S603 - the words are ours
            words,
            cwd=self._root,
            env=self._environment,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode:
            raise _failed(done.stderr or done.stdout, words)
        return done.stdout

    def _follow(self, words: Sequence[str], heard: Callable[[str], None]) -> None:
        lines = []
        with subprocess.Popen(  # noqa: S603 - the words are ours
            [*self._words, *words],
            cwd=self._root,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as child:
            for line in child.stdout or ():
                lines.append(line)
                heard(line.strip())
        if child.returncode:
            raise _failed("".join(lines), words)


def _failed(said: str, words: Iterable[str]) -> FleetError:
    """Return the error for what compose could not do, in the engine's last words."""
    error = BuildError(said, " ".join(words))
    return FleetError(error.meaning, where=error.words, hint=error.hint)


def _compose(program: str) -> list[str]:
    """Return what runs compose files here.

    Raises:
        FleetError: Nothing does.
    """
    own = [program, "compose", "version"]
    if not subprocess.run(own, capture_output=True).returncode:  # noqa: S603 - ours
        return own[:2]
    older = shutil.which("docker-compose")
    if older is not None:
        return [older]
    raise FleetError(
        "nothing here runs compose files",
        where=f"{Path(program).name} has no `compose`, "
        "and docker-compose is not on the PATH",
        hint="install Docker's compose plugin, or docker-compose 1.29",
    )


def _container(said: dict[str, Any]) -> Container:
    state = said["State"]
    health = (state.get("Health") or {}).get("Status")
    has_ended = state["Status"] == "exited"
    places = (said["NetworkSettings"].get("Ports") or {}).items()
    bound = sorted((port, on[0]["HostPort"]) for port, on in places if on)
    url = f"127.0.0.1:{bound[0][1]}" if bound else ""
    return Container(
        name=said["Config"]["Labels"][_SERVICE],
        state=state["Status"] if has_ended or not health else health,
        url=f"http://{url}" if bound and bound[0][0] == f"{HTTP_PORT}/tcp" else url,
        exit_code=state["ExitCode"] if has_ended else None,
    )
