"""What was found about edges of a fleet, kept by the content of both sides."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import fleetwright_contracts
from fleetwright_cli._digests import digest_of
from fleetwright_cli._errors import FleetError
from fleetwright_contracts import ContractError, Finding, Severity, Witness
from fleetwright_contracts.needs import Mismatch

CACHE = ".fleet/cache/contracts/verdicts.json"
_MOST_KEPT = 2_000


class Kept:
    """What was found about edges before, by what decides about them."""

    def __init__(self, root: Path) -> None:
        """Read what was kept; what cannot be read is found out anew.

        Args:
            root: The fleet's folder.
        """
        self._file = root / CACHE
        self._engine = _engine()
        self._used: dict[str, Any] = {}
        try:
            self._known: dict[str, Any] = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            self._known = {}

    def or_found(
        self, asked: Any, compare: Callable[[], list[Mismatch]]
    ) -> list[Mismatch]:
        """Return what is known of an edge, or find it out.

        Args:
            asked: What decides about it; whose it is comes first.
            compare: Finds it out.

        Raises:
            FleetError: A contract is none.
        """
        key = digest_of(self._engine, json.dumps(asked, sort_keys=True))[:32]
        if key not in self._known:
            try:
                self._known[key] = [_plain(one) for one in compare()]
            except ContractError as error:
                raise FleetError(
                    error.message,
                    where=f"the contracts of {asked[0]} and whom it needs",
                    hint=error.hint or "run `fleet contracts freeze`",
                ) from error
        self._used[key] = self._known[key]
        return [_mismatch(one) for one in self._known[key]]

    def keep(self) -> None:
        """Write what is known; a full disk is no fault."""
        others = {k: v for k, v in self._known.items() if k not in self._used}
        newest = dict(list(others.items())[-_MOST_KEPT:]) | self._used
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(newest), "utf-8")
        except OSError:
            pass


def _engine() -> str:
    """Return what changes when the engine does."""
    folder = Path(fleetwright_contracts.__file__).parent
    stats = [(str(file), file.stat()) for file in sorted(folder.rglob("*.py"))]
    return json.dumps([(name, it.st_size, it.st_mtime_ns) for name, it in stats])


def _plain(mismatch: Mismatch) -> dict[str, Any]:
    """Return a mismatch as JSON-ready values."""
    return asdict(mismatch)


def _mismatch(values: Mapping[str, Any]) -> Mismatch:
    """Return the mismatch of JSON-ready values."""
    said = dict(values["finding"])
    said["severity"] = Severity(said["severity"])
    said["witness"] = Witness(**said["witness"]) if said["witness"] else None
    return Mismatch(
        values["consumer"], values["provider"], values["declared"], Finding(**said)
    )
