"""The faults of a running fleet: words to values, and the file the services read."""

import difflib
import fcntl
import json
import random
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.local import _ports

ANYONE: Final = "*"
LONGEST_DELAY_SECONDS: Final = 600.0
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


class FaultPlan:
    """The faults that are switched on, as the services read them.

    Attributes:
        seed: What the services draw from; the same seed strikes the same calls.
        faults: Each as its JSON document.
    """

    def __init__(self, seed: int, faults: list[dict[str, Any]]) -> None:
        """Keep what is switched on.

        Args:
            seed: What the services draw from.
            faults: Each as its JSON document.
        """
        self.seed = seed
        self.faults = faults

    @classmethod
    def read(cls, file: Path) -> "FaultPlan":
        """Return what a file says, without the faults that are over.

        Args:
            file: The file; none, or a spoilt one, is a plan without faults.
        """
        try:
            document = json.loads(file.read_text("utf-8"))
            faults = [fault for fault in document["faults"] if not _is_over(fault)]
            if faults:
                return cls(int(document["seed"]), faults)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return cls(random.SystemRandom().randrange(1_000_000), [])

    def add(self, fault: Mapping[str, Any]) -> dict[str, Any]:
        """Add a fault.

        Args:
            fault: What it does, without an id.

        Returns:
            The fault with its id.
        """
        taken = {str(known["id"]) for known in self.faults}
        number = 1
        while f"f{number}" in taken:
            number += 1
        added = {"id": f"f{number}", **fault}
        self.faults.append(added)
        return added

    def take(self, wanted: str | None) -> list[dict[str, Any]]:
        """Take faults away.

        Args:
            wanted: An edge or an id; None for all.

        Returns:
            Those that were taken away.
        """
        gone = [
            fault
            for fault in self.faults
            if wanted is None or wanted in {fault["id"], fault["edge"]}
        ]
        self.faults = [fault for fault in self.faults if fault not in gone]
        return gone

    def write(self, file: Path) -> None:
        """Write the plan so that a service reads all of it or nothing.

        Args:
            file: Where.
        """
        document = {"seed": self.seed, "faults": self.faults}
        _ports.write_whole(file, json.dumps(document, indent=2) + "\n")


@contextmanager
def changing(file: Path) -> Iterator[FaultPlan]:
    """Give the plan in a file and write back what the block makes of it.

    One at a time, so that two commands do not undo one another.

    Args:
        file: Where the plan is kept.

    Yields:
        The plan; nothing is written when the block raises.
    """
    with file.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        plan = FaultPlan.read(file)
        yield plan
        plan.write(file)


def edge_of(text: str, services: Collection[str]) -> str:
    """Return an edge as it is written down.

    Args:
        text: What was typed, `orders->catalog` with `*` for anyone.
        services: The names of the fleet's services.

    Raises:
        FleetError: It is not an edge of this fleet.
    """
    names = [name.strip() for name in text.split("->")]
    if len(names) != 2 or not all(names):
        raise _wrong(
            f"`{text}` is not an edge",
            "quote it and write caller->provider, as in"
            " `fleet faults add 'orders->catalog' --error 503`; `*` stands for anyone",
        )
    for name in names:
        if name != ANYONE and name not in services:
            close = difflib.get_close_matches(name, services, n=1)
            meant = f"did you mean `{close[0]}`? " if close else ""
            raise _wrong(
                f"`{name}` is not a service of this fleet",
                f"{meant}its services: {', '.join(sorted(services))}; `*` for anyone",
            )
    return "->".join(names)


def span_seconds(text: str, option: str) -> float:
    """Return a span of time in seconds.

    Args:
        text: What was typed, `200ms`, `30s`, `5m` or `1h`.
        option: Where it was typed, for the error.

    Raises:
        FleetError: It is not one.
    """
    found = _SPAN.fullmatch(text.strip())
    seconds = float(found[1]) * _UNIT_SECONDS[found[2]] if found else 0.0
    if seconds <= 0:
        raise _wrong(
            f"`{option} {text}` is not a span of time",
            f"write `{option} 200ms`, 30s, 5m or 1h",
        )
    return seconds


def delay_seconds(text: str) -> float:
    """Return the delay that was typed, in seconds.

    Args:
        text: What was typed, `400ms` or `2s`.

    Raises:
        FleetError: It is not one, or too long.
    """
    seconds = span_seconds(text, "--delay")
    if seconds > LONGEST_DELAY_SECONDS:
        raise _wrong(
            f"`--delay {text}` is too long",
            f"at most {LONGEST_DELAY_SECONDS:g}s; `--hang` never answers",
        )
    return seconds


def share_of(text: str) -> float:
    """Return a share of the calls, more than 0, at most 1.

    Args:
        text: What was typed, `10%` or `0.1`.

    Raises:
        FleetError: It is not one.
    """
    number = text.strip()
    try:
        share = float(number[:-1]) / 100 if number.endswith("%") else float(number)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise _wrong(
            f"`--share {text}` is not a share of the calls",
            "write `--share 10%` or `--share 0.1`: more than 0, at most all",
        )
    return share


def status_of(number: int) -> int:
    """Return an HTTP status that a fault may answer with.

    Args:
        number: What was typed.

    Raises:
        FleetError: A client would not take it for a failure.
    """
    if number != 429 and not 500 <= number <= 599:
        raise _wrong(
            f"`--error {number}` is not a failure",
            "write `--error 503`: 429 or 500 to 599, what a client may retry",
        )
    return number


def ends_at(seconds: float | None) -> str | None:
    """Return when a fault of some seconds is over, ISO 8601 in UTC; None for never."""
    if seconds is None:
        return None
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def left_seconds(fault: Mapping[str, Any]) -> float | None:
    """Return how long a fault still lasts; None for until it is taken away."""
    ends = fault.get("ends_at")
    if ends is None:
        return None
    return (datetime.fromisoformat(ends) - datetime.now(UTC)).total_seconds()


def _is_over(fault: Mapping[str, Any]) -> bool:
    left = left_seconds(fault)
    return left is not None and left <= 0


def _wrong(message: str, hint: str) -> FleetError:
    return FleetError(message, hint=hint, exit_code=WRONG_ARGUMENTS)
