"""A document of AsyncAPI 3 as values: what an application sends and receives."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from fleetwright_contracts._judgement import Court
from fleetwright_contracts._outline import Outline
from fleetwright_contracts.errors import Unreadable, Unsupported
from fleetwright_contracts.schemas import Dialect, Place

SENDS = "send"
RECEIVES = "receive"
_OTHER = {SENDS: RECEIVES, RECEIVES: SENDS}
_DIALECT = Dialect("AsyncAPI 3", 7, "", checks_formats=True)
# What is JSON Schema by another name; all else has a language of its own.
_READ = ("application/schema+", "application/vnd.aai.asyncapi")

# Who does it, and where: `send` and the address of a channel.
Role: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a channel.

    Attributes:
        name: What it is called in the channel.
        place: Where it stands.
        content_type: How it is carried.
    """

    name: str
    place: Place
    content_type: str

    @property
    def title(self) -> str:
        """What its author calls it; empty where he does not."""
        return str(self.place.schema.get("name") or "")


class Description(Outline):
    """A document of AsyncAPI."""

    def __init__(self, court: Court, content: Any) -> None:
        """Look at the head of a document.

        Args:
            court: Who compares its schemas.
            content: The document.

        Raises:
            Unsupported: It is no AsyncAPI 3.
            Unreadable: It contains itself.
        """
        version = content.get("asyncapi") if isinstance(content, dict) else None
        if not isinstance(version, str) or not version.startswith("3."):
            raise Unsupported(
                f"version {str(version)[:40]!r} of AsyncAPI is not read",
                where="asyncapi",
                hint="hand over a document of AsyncAPI 3",
            )
        super().__init__(court, content, _DIALECT)
        self._usual = str(content.get("defaultContentType") or "application/json")

    def roles(self) -> dict[Role, dict[str, Message]]:
        """Return what is sent and received on each channel.

        Raises:
            Unreadable: Something else stands where an operation belongs.
        """
        found: dict[Role, dict[str, Message]] = {}
        for operation in self.table(self.root, "operations").values():
            action = self._said(operation, "action")
            if action not in _OTHER:
                raise Unreadable(
                    "`send` or `receive` belongs here", where=operation.key
                )
            self._add(found, action, operation)
            reply = self.at(operation, "reply")
            if reply is not None and self.at(reply, "channel") is not None:
                self._add(found, _OTHER[action], reply)
        return found

    def _add(
        self, found: dict[Role, dict[str, Message]], action: str, around: Place
    ) -> None:
        """Add the messages of an operation, or of its reply."""
        channel = self.at(around, "channel")
        if channel is None or not isinstance(channel.schema, dict):
            raise Unreadable("a channel belongs here", where=around.key)
        address = channel.schema.get("address")
        name = str(address) if address else channel.key.rpartition("/")[2]
        messages = found.setdefault((action, name), {})
        for one in self._messages(around, channel):
            messages[one.name] = one

    def _messages(self, around: Place, channel: Place) -> Iterator[Message]:
        """Yield the messages of an operation: those it lists, or all of its channel."""
        listed = self.at(around, "messages")
        if listed is None:
            for name, place in self.table(channel, "messages").items():
                yield self._message(name, place)
            return
        if not isinstance(listed.schema, list):
            raise Unreadable("a list of messages belongs here", where=listed.key)
        for number, said in enumerate(listed.schema):
            place = self.target(self.places.place(listed, str(number)))
            reference = said.get("$ref") if isinstance(said, dict) else None
            name = str(reference or number).rpartition("/")[2]
            yield self._message(name, place)

    def _message(self, name: str, place: Place) -> Message:
        """Return a message."""
        if not isinstance(place.schema, dict):
            raise Unreadable("a message belongs here", where=place.key)
        content_type = place.schema.get("contentType") or self._usual
        plain = name.replace("~1", "/").replace("~0", "~")
        return Message(plain, place, str(content_type))

    def part(self, message: Message, keyword: str) -> Place | None:
        """Return the schema of a payload or of headers; None where there is none.

        Args:
            message: The message.
            keyword: `payload` or `headers`.

        Raises:
            Unsupported: It is written in another language than JSON Schema.
        """
        found = self.schema(message.place, keyword)
        if found is None:
            # A trait gives what the message itself does not say.
            for number in range(len(message.place.schema.get("traits") or ())):
                found = self.schema(message.place, "traits", str(number), keyword)
                if found is not None:
                    break
        inner = self.target(found) if found is not None else None
        if inner is None or not isinstance(inner.schema, dict):
            return found
        language = inner.schema.get("schemaFormat")
        if language is None:
            return found
        if not str(language).startswith(_READ):
            raise Unsupported(
                f"schemas of {str(language)[:60]!r} are not read", where=inner.key
            )
        return self.schema(inner, "schema")

    def key(self, message: Message) -> Place | None:
        """Return the schema of the key on Kafka, None where nothing is said.

        Args:
            message: The message.
        """
        return self.schema(message.place, "bindings", "kafka", "key")

    def _said(self, place: Place, keyword: str) -> str:
        """Return what a keyword says."""
        schema = place.schema
        return str(schema.get(keyword)) if isinstance(schema, dict) else ""
