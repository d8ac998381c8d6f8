"""`--docker` of `fleet up` and `fleet down`: the fleet in containers, by compose."""

import sys
import time
from collections.abc import Sequence

from fleetwright_cli._errors import NOT_COMPLIANT, WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer, paint, table
from fleetwright_cli.deploy.compose._running import Composed, Container
from fleetwright_cli.fleet import find_root
from fleetwright_cli.local._table import lasting


def up_in_containers(services: Sequence[str], *, detach: bool, printer: Printer) -> int:
    """Build and run the compose file until Ctrl-C; return the exit code.

    Args:
        services: Which, with what they depend on; all for none.
        detach: Whether it goes on in the background.
        printer: Where words go.

    Raises:
        FleetError: No engine, a file that is stale, a build that fails, a container
            that does not become healthy.
    """
    if printer.as_json and not detach:
        raise FleetError(
            "containers speak their own words: there is no JSON of a run of them",
            hint="`fleet up --docker --detach --json`",
            exit_code=WRONG_ARGUMENTS,
        )
    composed, begun = Composed(find_root()), time.monotonic()
    try:
        composed.up(services, printer.status)
        found = composed.until_healthy(
            lambda one: printer.talk(f"{one.name} {_painted(one)}")
        )
    except KeyboardInterrupt:
        printer.talk("taking down what is up")
        composed.down(printer.status)
        raise
    seconds = time.monotonic() - begun
    document = {
        "seconds": round(seconds, 1),
        "services": [one.facts() for one in found],
    }
    rows = [(one.name, _painted(one), one.url) for one in found]
    printer.data(document, table(("SERVICE", "STATE", "URL"), rows))
    if detach:
        printer.talk(f"ready in {lasting(seconds)}, stop it with `fleet down --docker`")
        return 0
    printer.talk(f"ready in {lasting(seconds)}, stop with Ctrl-C")
    composed.follow()
    printer.talk("draining")
    return _ended(composed.down(printer.status), printer)


def down_in_containers(printer: Printer) -> int:
    """Have the containers of this fleet leave; return the exit code.

    Args:
        printer: Where words go.
    """
    return _ended(Composed(find_root()).down(printer.status), printer)


def _ended(ended: Sequence[Container], printer: Printer) -> int:
    """Say how containers ended; 1 when one did not end with 0."""
    if not ended:
        printer.data({"running": False, "services": []}, "no containers run here")
        return 0
    rows = [
        (one.name, paint(str(one.exit_code), "red" if one.exit_code else "green"))
        for one in ended
    ]
    document = {"running": True, "services": [one.facts() for one in ended]}
    printer.data(document, table(("SERVICE", "EXIT CODE"), rows))
    return NOT_COMPLIANT if any(one.exit_code for one in ended) else 0


def _painted(one: Container) -> str:
    state = "done" if one.exit_code == 0 else one.state
    return paint(state, "green" if one.is_up else "red", sys.stderr)
