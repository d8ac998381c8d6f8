"""Costs as a file below `.fleet`, so that they are measured once."""

import json
from dataclasses import asdict
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli.capacity._costs import Costs, ServiceCost

FILE = Path(".fleet") / "plan.json"


def keep(root: Path, costs: Costs) -> None:
    """Write costs.

    Args:
        root: The fleet's folder.
        costs: What was measured.
    """
    file = root / FILE
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(asdict(costs), indent=2) + "\n", encoding="utf-8")


def read_kept(root: Path) -> Costs:
    """Return the costs that were measured last.

    Args:
        root: The fleet's folder.

    Raises:
        FleetError: Nothing was measured, or the file is spoilt.
    """
    try:
        said = json.loads((root / FILE).read_text(encoding="utf-8"))
        services = {
            name: ServiceCost(**cost) for name, cost in said["services"].items()
        }
        return Costs(said["asked"], said["rates"], services)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FleetError(
            "what a request costs was not measured here",
            where=str(root / FILE),
            hint="measure it: `fleet plan SERVICE --measure`",
        ) from error
