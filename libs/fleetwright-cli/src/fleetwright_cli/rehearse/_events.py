"""Whether every event of a service has had its effect, and no more than one."""

import asyncio
import json
import time
from collections import Counter
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import Service
from fleetwright_cli.local._bus import Asked
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._needs import imports_events
from fleetwright_cli.local._process import Listener

_LOOK_SECONDS = 0.5
_BUSY_SECONDS = 30.0
_EFFECTS = ('"event.handled"', '"event.redelivered"')


class Heard:
    """What instances say they have done with events, each counted by its id.

    The lines of their logs are read, not the inbox: what keeps effects single must not
    be its own witness.

    Attributes:
        again: How often one came that had had its effect: it had none.
        topics: Of events that had effects since this was emptied.
    """

    def __init__(self) -> None:
        """Have heard nothing."""
        self.again = 0
        self.topics: set[str] = set()
        self._effects: Counter[str] = Counter()

    @property
    def events(self) -> int:
        """How many events had effects."""
        return len(self._effects)

    @property
    def doubled(self) -> int:
        """How many of them had more than one."""
        return sum(count > 1 for count in self._effects.values())

    def line(self, name: str, text: str) -> None:
        """Count a line of an instance, when it tells of an event.

        Args:
            name: Of the instance.
            text: The line.
        """
        if not any(one in text for one in _EFFECTS):
            return
        try:
            said = json.loads(text)
            id, topic = str(said["message"]), str(said["topic"])
        except (ValueError, KeyError, TypeError):
            return
        outcome = said.get("outcome", "handled")
        if outcome == "handled":
            self._effects[id] += 1
            self.topics.add(topic)
        self.again += outcome == "duplicate"

    def facts(self) -> dict[str, int]:
        """Return all of it as JSON-ready values."""
        return {"heard": self.events, "again": self.again, "doubled": self.doubled}


class Events:
    """The events of one service while its instances come and go.

    Attributes:
        heard: What became of those it hears.
        listener: Is told what instances write.
    """

    def __init__(self, service: Service, like: Launch) -> None:
        """Have heard nothing.

        Args:
            service: Whose events.
            like: How the tree's version is started: it is asked with that environment.
        """
        self.heard = Heard()
        self.listener = Listener(line=self.heard.line)
        self._since = time.time()
        self._is_silent = not imports_events(service.folder)
        self._asked = Asked(
            service=service.name,
            target=service.app,
            python=like.argv[0],
            folder=str(like.folder),
            environment=like.environment,
            runs=True,
        )

    async def again(self) -> None:
        """Have the broker deliver what was heard since the last time once more.

        Raises:
            FleetError: The service cannot be asked for it.
        """
        first, self._since = self._since, time.time()
        topics = sorted(self.heard.topics)
        self.heard.topics.clear()
        for topic in topics:
            await self._told("reread", topic, "--first", str(first))

    async def wrong(self, patience_seconds: float, *, must_hear: bool) -> list[str]:
        """Return what still waits when it should not, in words.

        Args:
            patience_seconds: How long events may be under way.
            must_hear: Whether nothing but events reaches it.

        Raises:
            FleetError: The service cannot be asked for it.
        """
        if self._is_silent:
            return []
        loop = asyncio.get_running_loop()
        until = loop.time() + patience_seconds
        while found := _told(topics := await self._told("topics")):
            if loop.time() > until:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        if must_hear and topics["hears"] and not self.heard.events:
            found.append("it heard none of those it is there for")
        return found

    async def _told(self, *words: str) -> Any:
        """Return what the service says; a database that is busy is asked again.

        Raises:
            FleetError: It says nothing for long.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + _BUSY_SECONDS
        while True:
            try:
                return await asyncio.to_thread(self._asked.answer, *words)
            except FleetError:
                if loop.time() > until:
                    raise
            await asyncio.sleep(_LOOK_SECONDS)


def _told(topics: Any) -> list[str]:
    """Return what waits, in words."""
    found = []
    for row in topics["outbox"]:
        for kind in ("pending", "refused"):
            if row[kind]:
                found.append(f"{row[kind]} {kind} in the outbox of {row['topic']}")
    for group in topics["groups"]:
        for row in group["parked"]:
            for kind in ("parked", "dead"):
                if row[kind]:
                    found.append(f"{row[kind]} {kind} of {row['topic']}")
        backlog = group.get("backlog") or {}
        if backlog.get("total"):
            found.append(f"{backlog['total']} not heard by {group['group']}")
    return found
