"""A selection as suites to run, as words, and as jobs for a pipeline."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fleetwright_cli.affected._changes import Changes, changes_since
from fleetwright_cli.affected._selection import Chosen, select
from fleetwright_cli.fleet import Fleet
from fleetwright_cli.standard import open_repository
from fleetwright_cli.suites import Suite


@dataclass(frozen=True, slots=True)
class Affected:
    """What a change concerns.

    Attributes:
        changes: What changed.
        chosen: The packages whose tests can tell.
    """

    changes: Changes
    chosen: tuple[Chosen, ...]

    def narrow(self, suites: Iterable[Suite], root: Path) -> list[Suite]:
        """Return the suites that can tell, each with the test files that can.

        Args:
            suites: Those that were asked for.
            root: The fleet's root.
        """
        tests = {one.name: one.tests for one in self.chosen}
        return [
            replace(one, only=tuple(root / path for path in tests[one.name] or ()))
            for one in suites
            if one.name in tests
        ]

    def words(self, names: Iterable[str]) -> list[str]:
        """Return why each suite was chosen, a line each, after what was compared.

        Args:
            names: The suites that run.
        """
        wanted = set(names)
        if self.changes.everything:
            return [f"everything is tested: {self.changes.everything}"]
        count = len(self.changes.paths)
        files = f"{count} changed file{'' if count == 1 else 's'}"
        head = f"{files} since {self.changes.since}"
        lines = [f"  {one}" for one in self.chosen if one.name in wanted]
        return [head, *(lines or ["  no test can tell"])]

    def facts(self) -> dict[str, object]:
        """Return the same as JSON-ready values."""
        return {
            "since": self.changes.since,
            "everything": self.changes.everything or None,
            "changed": list(self.changes.paths),
            "chosen": [one.facts() for one in self.chosen],
        }


def affected_of(fleet: Fleet, since: str | None) -> Affected:
    """Return what changed in a fleet, and whose tests can tell.

    Args:
        fleet: The fleet.
        since: What to compare with; None for `against` of fleet.toml.

    Raises:
        FleetError: There is no such commit.
    """
    changes = changes_since(fleet.root, since, fleet.manifest.test.against)
    repository = open_repository(fleet.root)
    repository.prepare()
    chosen = select(repository, changes)
    repository.facts.keep()
    return Affected(changes, tuple(chosen))


def matrix_of(fleet: Fleet, suites: Sequence[Suite]) -> dict[str, object]:
    """Return suites as the matrix of a pipeline's jobs.

    Args:
        fleet: The fleet.
        suites: Those that are to run.
    """
    kinds = dict.fromkeys(fleet.services, "service")
    kinds |= dict.fromkeys(fleet.libraries, "library")
    return {
        "include": [
            {"owner": one.name, "kind": kinds.get(one.name, "fleet")} for one in suites
        ]
    }
