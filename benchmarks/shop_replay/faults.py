"""Calls between services made to fail and to wait while the shop works."""

from collections import Counter
from typing import Any, Protocol

# On every edge: each attempt of a call waits, and every tenth fails, on the caller's
# side; and every tenth call that comes in is refused, so that the tills see it too.
ON_EVERY_EDGE = (
    ("*->*", "--delay", "200ms"),
    ("*->*", "--error", "503", "--share", "10%"),
    ("*->*", "--error", "503", "--share", "10%", "--at", "provider"),
)


class Tool(Protocol):
    """What switches faults on and off."""

    async def tell(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Return the exit code and the JSON answer of a command of the tool."""
        ...


class Faults:
    """Faults on every edge of a running fleet, counted by edge when they end."""

    def __init__(self, fleet: Tool, *, seed: int) -> None:
        """Switch nothing on yet.

        Args:
            fleet: Whose calls are struck.
            seed: What the draws are made from.
        """
        self._fleet = fleet
        self._seed = seed
        self.struck: Counter[str] = Counter()

    async def open(self) -> None:
        """Switch them on; the services notice within half a second.

        Raises:
            FleetError: The tool refused.
        """
        for words in ON_EVERY_EDGE:
            seed = ("--seed", str(self._seed))
            await self._fleet.tell("faults", "add", *words, *seed, "--json")

    async def close(self) -> None:
        """Count what was struck and switch all off.

        Services that were killed meanwhile counted anew: it is a least number.
        """
        _, listed = await self._fleet.tell("faults", "list", "--json")
        for fault in listed.get("faults", ()):
            kind = "error" if fault.get("error") else "delay"
            self.struck[f"{kind} at the {fault['at']}"] += fault["struck"]
        await self._fleet.tell("faults", "clear", "--json")
