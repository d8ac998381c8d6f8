"""The contracts of a fleet as breaches of the standard: stale, broken, or not met."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli.contracts._evolution import evolution
from fleetwright_cli.contracts._extraction import extract
from fleetwright_cli.contracts._frozen import drift, frozen
from fleetwright_cli.contracts._verification import verify
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_contracts import Finding

IS_THE_CONTRACT, STABLE, MET = "API-01", "API-04", "TST-07"


@dataclass(frozen=True, slots=True)
class Problem:
    """A place where contracts do not hold.

    Attributes:
        path: The file, below the fleet's root.
        line: The line there, from 1.
        what: What is wrong, in one line.
    """

    path: str
    line: int
    what: str


def problems(
    root: Path,
    *,
    against: str | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[tuple[str, Problem]]:
    """Yield where a fleet's contracts do not hold, with the rule of the standard.

    For `fleet check --tools`, as it yields what other tools find:
    `for rule, one in problems(root): yield rule, Breach(one.path, one.line, one.what)`.
    `API-01` imports every service in its own environment, about a second each unless
    nothing changed; `TST-07` and `API-04` read files and git only, each in well under
    a second, and may be asked for alone: `unmet_problems`, `break_problems`.

    Args:
        root: The folder of fleet.toml.
        against: The revision that was released, for `API-04`; None to leave it out.
        tell: Gets a line when an environment is made.

    Raises:
        FleetError: A service cannot be imported, or a contract is none.
    """
    fleet = discover(root)
    yield from ((IS_THE_CONTRACT, one) for one in drift_problems(fleet, tell))
    yield from ((MET, one) for one in unmet_problems(fleet))
    if against is not None:
        yield from ((STABLE, one) for one in break_problems(fleet, against))


def drift_problems(
    fleet: Fleet, tell: Callable[[str], None] = lambda text: None
) -> Iterator[Problem]:
    """Yield the kept contracts that are not what the code says.

    Args:
        fleet: The fleet on disk.
        tell: Gets a line when an environment is made.

    Raises:
        FleetError: A service cannot be imported.
    """
    found = extract(fleet, fleet.services.values(), tell)
    found.require()
    for one in drift(fleet, found):
        what = f"the {one.kind} contract {one.what}: `fleet contracts freeze`"
        yield Problem(str(one.file.relative_to(fleet.root)), 1, what)


def unmet_problems(fleet: Fleet) -> Iterator[Problem]:
    """Yield the lines of consumers that do not get what they need.

    Args:
        fleet: The fleet on disk.

    Raises:
        FleetError: A contract is none.
    """
    for one in verify(fleet, frozen(fleet.services.values())).failing:
        yield Problem(one.file, one.line, _said(one.mismatch.provider, one.finding))


def break_problems(fleet: Fleet, revision: str) -> Iterator[Problem]:
    """Yield changes that break, without another version and a design document.

    Args:
        fleet: The fleet on disk.
        revision: What was released: a branch, a tag or a commit.

    Raises:
        FleetError: There is no such revision, or a contract is none.
    """
    for one in evolution(fleet, frozen(fleet.services.values()), revision):
        if one.fails:
            yield Problem(one.file, 1, _said(one.service, one.finding))


def _said(service: str, finding: Finding) -> str:
    """Return a finding in one line."""
    return f"{service} {finding.where}: {finding.message} ({finding.rule})".strip()
