"""Which tests a fleet has, and which interpreter runs each."""

import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.fleet import Fleet
from fleetwright_cli.venvs import Venv, make, venv_of

WHOLE = "fleet"
# Real servers, and the variables by which tests are told of them.
SERVERS = {
    "PostgreSQL": "TEST_POSTGRES_URL",
    "RabbitMQ": "TEST_RABBIT_URL",
    "Kafka": "TEST_KAFKA_URL",
}


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of one package.

    Attributes:
        name: The service's or library's name; `fleet` for tests of the whole.
        folder: Where pytest runs.
        tests: Where the tests are; it may be missing.
        python: The interpreter that runs them.
        package: Whose lines are counted; None for tests of the whole fleet.
        venv: The environment to be made first; None for the tool's own.
        only: The test files that are run; empty for all.
    """

    name: str
    folder: Path
    tests: Path
    python: Path
    package: str | None
    venv: Venv | None = None
    only: tuple[Path, ...] = ()

    @property
    def source(self) -> Path:
        """The folder of its import packages."""
        return self.folder / "src"


def suites_of(fleet: Fleet, names: Sequence[str]) -> list[Suite]:
    """Return the suites that were named, or all.

    Args:
        fleet: The fleet.
        names: Services, libraries, or `fleet` for the tests of the whole.

    Returns:
        Libraries first, then services, then the whole, each by name.

    Raises:
        FleetError: There is no such package, or a service was never locked.
    """
    whole = fleet.root / "tests"
    own_libraries = [one for one in fleet.libraries if one not in fleet.vendored]
    known = [*own_libraries, *fleet.services, *([WHOLE] if whole.is_dir() else [])]
    _require_known(names, known)
    wanted = [name for name in known if not names or name in names]
    own = Path(sys.executable)
    found = []
    for name in wanted:
        if name in fleet.libraries:
            library = fleet.libraries[name]
            tests = library.folder / "tests"
            found.append(Suite(name, library.folder, tests, own, library.package))
        elif name in fleet.services:
            found.append(_of_service(fleet, name))
        else:
            found.append(Suite(WHOLE, fleet.root, whole, own, None))
    return found


def prepare(suites: Sequence[Suite], tell: Callable[[str], None]) -> None:
    """Make the environments that the suites need.

    Args:
        suites: What will run.
        tell: Gets a line when work begins.

    Raises:
        FleetError: An environment cannot be made.
    """
    for suite in suites:
        if suite.venv is not None and suite.tests.is_dir():
            make(suite.venv, tell)


def _of_service(fleet: Fleet, name: str) -> Suite:
    """Return the suite of one service, run in the service's own environment."""
    service = fleet.services[name]
    venv = venv_of(fleet, service, testing=True)
    tests = service.folder / "tests"
    return Suite(name, service.folder, tests, venv.python, service.package, venv)


def _require_known(names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse names that nobody has."""
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise FleetError(
                f"there is no package `{name}`",
                where=f"the fleet has: {', '.join(known) or 'none'}",
                hint=(
                    f"did you mean `fleet test {close[0]}`?"
                    if close
                    else "name one of these, or none for all"
                ),
                exit_code=WRONG_ARGUMENTS,
            )


def servers_line(environment: Mapping[str, str]) -> str:
    """Return which real servers the tests are given, in one line.

    Args:
        environment: The variables of the command; they are passed on to the tests.
    """
    given, absent = [], []
    for kind, variable in SERVERS.items():
        url = environment.get(variable)
        if url:
            given.append(f"{kind} at {urlsplit(url).netloc.rpartition('@')[2]}")
        else:
            absent.append(f"no {kind} ({variable})")
    return f"servers for the tests: {', '.join(given + absent)}"
