"""What services tell of their work in their log lines: calls and events."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OUTSIDE = "outside"  # who calls and is no service
_PROBES = ("/livez", "/readyz")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(slots=True)
class Work:
    """What one service did.

    Attributes:
        callers: How many calls it answered, by who called.
        effects: How many of them may have changed something.
        call_seconds: How long all calls took.
        topics: How many events it heard, by topic.
        event_seconds: How long hearing all of them took.
    """

    callers: Counter[str] = field(default_factory=Counter)
    effects: int = 0
    call_seconds: float = 0.0
    topics: Counter[str] = field(default_factory=Counter)
    event_seconds: float = 0.0

    def add(self, said: Mapping[str, Any]) -> None:
        """Count a line.

        Args:
            said: What it says.
        """
        seconds = float(said.get("duration_ms") or 0.0) / 1000
        if said.get("event") == "event.handled":
            self.topics[str(said.get("topic"))] += 1
            self.event_seconds += seconds
        else:
            self.callers[said.get("caller") or OUTSIDE] += 1
            self.effects += said.get("method", "GET") not in _READING
            self.call_seconds += seconds


@dataclass(slots=True)
class Heard:
    """What all services did since it was last forgotten.

    Attributes:
        work: By service.
    """

    work: dict[str, Work] = field(default_factory=lambda: defaultdict(Work))

    @property
    def events(self) -> int:
        """How many events were heard, by all."""
        return sum(one.topics.total() for one in self.work.values())

    def line(self, name: str, text: str) -> None:
        """Count a line, when it tells of a call or an event.

        Args:
            name: Who wrote it.
            text: The line.
        """
        if '"call.answered"' not in text and '"event.handled"' not in text:
            return
        try:
            said = json.loads(text)
        except ValueError:
            return
        if said.get("route") not in _PROBES:
            self.work[name].add(said)

    def forget(self) -> None:
        """Begin anew."""
        self.work.clear()
