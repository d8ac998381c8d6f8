"""Event: a frozen model with a topic, a version and a key."""

import re
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from fleetwright.errors import DeclarationError

_TOPIC = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)*", re.ASCII)
_TOPIC_LENGTH = 200
_FIRST_FIELD = ""


class Event(BaseModel):
    """Something that happened, told to whoever wants to hear.

    Declared by a subclass: `class OrderPlaced(Event, topic="orders.placed")`. Events
    of one key are heard in the order they were published; the key is the first
    declared field unless `key` names another one, or is None for an event without
    order. A consumer declares the fields it reads; others are ignored.

    Attributes:
        __topic__: What the event is called on the wire.
        __version__: Version of its fields; one that breaks readers is a new one.
        __key__: Name of the field that orders it, or None.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    __topic__: ClassVar[str] = ""
    __version__: ClassVar[int] = 1
    __key__: ClassVar[str | None] = None

    def __init_subclass__(cls, **_: Any) -> None:
        """Leave the class keywords to what runs when the fields are known."""
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        topic: str = "",
        version: int = 1,
        key: str | None = _FIRST_FIELD,
        **unknown: Any,
    ) -> None:
        """Check the declaration.

        Args:
            topic: What the event is called on the wire: dotted, lower case.
            version: Version of its fields, 1 or more.
            key: The field that orders it; None for no order.
            **unknown: Nothing else may be declared.

        Raises:
            DeclarationError: The topic, the version or the key is wrong.
        """
        for name in unknown:
            raise _wrong(cls, f"has no class keyword {name!r}", "topic, version, key")
        if not _TOPIC.fullmatch(topic) or len(topic) > _TOPIC_LENGTH:
            raise _wrong(cls, f"has no topic: {topic!r}", 'topic="orders.placed"')
        if type(version) is not int or version < 1:
            raise _wrong(cls, f"has the version {version!r}", "version=1")
        if key == _FIRST_FIELD:
            key = next(iter(cls.model_fields), None)
        elif key is not None and key not in cls.model_fields:
            fields = ", ".join(cls.model_fields) or "none"
            raise _wrong(cls, f"has no field {key!r} for its key", f"one of: {fields}")
        cls.__topic__, cls.__version__, cls.__key__ = topic, version, key

    def ordering_key(self) -> str | None:
        """Return the value that orders this event, or None where nothing does."""
        if self.__key__ is None:
            return None
        value = getattr(self, self.__key__)
        return None if value is None else str(value)


def _wrong(cls: type, what: str, right: str) -> DeclarationError:
    return DeclarationError(
        f"the event {cls.__name__} {what}",
        where=f"{cls.__module__}.{cls.__qualname__}",
        hint=f"declare it with {right}",
    )
