"""Whether the contracts of services are what their code says, hold, and are met."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from fleetwright_cli.contracts import (
    Problem,
    break_problems,
    drift_problems,
    unmet_problems,
)
from fleetwright_cli.fleet import Fleet
from fleetwright_cli.standard import _kinds as kinds
from fleetwright_cli.standard._history import Commit
from fleetwright_cli.standard._repository import Repository
from fleetwright_cli.standard._rule import Breach

RULES = frozenset(("API-01", "API-04", "TST-07"))


def contract_breaches(
    repository: Repository, fleet: Fleet, tell: Callable[[str], None]
) -> Iterator[tuple[str, Breach]]:
    """Yield the contracts that do not hold, of services that can tell theirs.

    Args:
        repository: The fleet as the rules see it.
        fleet: The fleet on disk.
        tell: Gets a line when an environment is made.

    Raises:
        FleetError: A service cannot be imported, or a contract is none.
    """
    telling = {
        unit.name: fleet.services[unit.name]
        for unit in repository.services
        if unit.name in fleet.services
        and kinds.imports(repository, unit, "fleetwright")
    }
    if not telling:
        return
    some = replace(fleet, services=telling)
    yield from (("API-01", _breach(one)) for one in drift_problems(some, tell))
    yield from (("TST-07", _breach(one)) for one in unmet_problems(some))
    before = repository.history.before
    if isinstance(before, Commit):
        for one in break_problems(some, before.name):
            yield "API-04", _breach(one)


def _breach(problem: Problem) -> Breach:
    """Return a problem as the rules tell it."""
    return Breach(problem.path, problem.line, problem.what)
