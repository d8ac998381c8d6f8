"""Faults in words for people, and what is no fault at all."""

from collections.abc import Mapping
from typing import Any

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.local._fault_plan import left_seconds
from fleetwright_cli.local._table import lasting


def require_sense(fault: Mapping[str, Any]) -> None:
    """Refuse what the services would refuse, in words of the command line.

    Args:
        fault: What it does.

    Raises:
        FleetError: It is no fault.
    """
    mistakes = {
        "give `--at caller` or `--at provider`": fault["at"]
        not in {"caller", "provider"},
        "give `--delay 200ms`, `--error 503`, `--drop`, `--refuse` or `--hang`": not (
            {"delay_seconds", "error", "drop"} & fault.keys()
        ),
        "give either `--error` or a way to drop the call": {"error", "drop"}
        <= fault.keys(),
        "with `--at provider`, `--hang` is the one way to drop a call": fault["at"]
        == "provider"
        and fault.get("drop") in {"reset", "refused"},
    }
    for hint, is_so in mistakes.items():
        if is_so:
            raise FleetError(
                "this is not a fault", hint=hint, exit_code=WRONG_ARGUMENTS
            )


def words(fault: Mapping[str, Any]) -> str:
    """Return a fault as a line for people.

    Args:
        fault: As the services read it.
    """
    share = f"{100 * fault['share']:g} %"
    return f"{fault['edge']}: {share}, {does(fault)}, {left(fault)}"


def does(fault: Mapping[str, Any]) -> str:
    """Return what a fault does.

    Args:
        fault: As the services read it.
    """
    done = []
    if fault.get("delay_seconds"):
        done.append(f"+{1000 * fault['delay_seconds']:g} ms")
    if fault.get("error"):
        done.append(str(fault["error"]))
    ways = {"reset": "dropped", "refused": "refused", "silence": "no answer"}
    if fault.get("drop"):
        done.append(ways[fault["drop"]])
    text = ", ".join(done)
    return text if fault["at"] == "caller" else f"{text} (at the provider)"


def left(fault: Mapping[str, Any]) -> str:
    """Return how long a fault still lasts.

    Args:
        fault: As the services read it.
    """
    seconds = left_seconds(fault)
    return "until cleared" if seconds is None else f"for {lasting(max(0.0, seconds))}"
