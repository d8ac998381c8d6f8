"""Looks after a member: one that is stuck is left alone, another takes its place."""

from collections.abc import Callable

import structlog

from fleetwright.events.brokers._kafka_member import KafkaMember

LOOK_SECONDS = 5.0
_MOST_LOOKS_STILL = 4  # its thread has not come round: 20 s
_MOST_LOOKS_ALONE = 9  # the group has not let it in: 45 s, more than a join may take
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class KafkaWatch:
    """Keeps one member at work for one topic.

    Attributes:
        member: The one that is at work.
    """

    def __init__(self, make: Callable[[], KafkaMember]) -> None:
        """Have a member; it joins when it is started.

        Args:
            make: Returns a new member.
        """
        self.member = make()
        self._make = make
        self._turns = 0
        self._looks_still = 0
        self._looks_alone = 0

    def start(self) -> None:
        """Let the member join."""
        self.member.start()

    def look(self) -> None:
        """See how it does, and replace it when it is stuck.

        To be called every `LOOK_SECONDS` while Kafka is there.
        """
        member = self.member
        self._looks_still = self._looks_still + 1 if member.turns == self._turns else 0
        self._looks_alone = 0 if member.has_joined else self._looks_alone + 1
        self._turns = member.turns
        if (
            self._looks_still >= _MOST_LOOKS_STILL
            or self._looks_alone >= _MOST_LOOKS_ALONE
        ):
            _log.error("member.replaced", topic=member.topic, reason=self.reason())
            self._turns = self._looks_still = self._looks_alone = 0
            # It is not waited for: it may hang within the client. Kafka takes its
            # lanes away when it does not poll.
            member.leave()
            self.member = self._make()
            self.member.start()

    def reason(self) -> str | None:
        """Return why nothing is received; None when something can be."""
        if self.member.trouble is not None:
            return self.member.trouble
        if self._looks_still > 1:
            return "its thread stands still"
        if self._looks_alone > 1:
            return "the group has not let it in yet"
        return None
