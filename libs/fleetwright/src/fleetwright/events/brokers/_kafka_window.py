"""The messages of one window and what is known of each."""

from collections.abc import Mapping, Sequence

from fleetwright.events._broker import BEHIND
from fleetwright.events._envelope import MOST_BODY_BYTES, Message
from fleetwright.events.brokers._kafka_producer import Fate

_BEHIND = Fate(refused=BEHIND)
_UNSENT = Fate(unknown="what was sent before it was not confirmed")


class Window:
    """What is to be sent, in order; nothing overtakes a refused message of its key."""

    def __init__(self, messages: Sequence[Message]) -> None:
        """Know nothing yet.

        Args:
            messages: In order.
        """
        self.messages = messages
        self._fates: list[Fate | None] = [None] * len(messages)
        self._refused_keys: set[str] = set()

    def refuse_early(self, unusable: Mapping[str, str]) -> None:
        """Refuse what need not be sent to be refused.

        Args:
            unusable: Topics that cannot be used, and why.
        """
        for place, message in enumerate(self.messages):
            size = len(message.body)
            if self.refuse_behind(place):
                continue
            if size > MOST_BODY_BYTES:
                self.learn(place, Fate(refused=f"the body has {size} bytes"))
            elif message.topic in unusable:
                self.learn(place, Fate(refused=unusable[message.topic]))

    def refuse_behind(self, place: int) -> bool:
        """Refuse a message if an earlier one of its key was refused.

        Args:
            place: Of the message.

        Returns:
            Whether it is refused.
        """
        if self.messages[place].order_key not in self._refused_keys:
            return False
        self._fates[place] = _BEHIND
        return True

    def learn(self, place: int, fate: Fate) -> None:
        """Know what became of a message.

        Args:
            place: Of the message.
            fate: What became of it.
        """
        self._fates[place] = fate
        if fate.refused is not None:
            self._refused_keys.add(self.messages[place].order_key)

    def unsettled(self) -> list[int]:
        """Return the places of what is neither confirmed nor refused, in order."""
        return [place for place, fate in enumerate(self._fates) if fate is None]

    def fates(self) -> list[Fate]:
        """Return what became of each message."""
        return [_UNSENT if fate is None else fate for fate in self._fates]
