"""A document of AsyncAPI 3 as values: what an application sends and receives."""

import re
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
# What is JSON Schema of draft 7 by another name; all else has a language of its own.
_READ = re.compile(
    r"application/(schema\+(json|yaml)(;version=draft-07)?|vnd\.aai\.asyncapi.*)"
)
_TEMPLATE = re.compile(r"\{([^}]*)\}")

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


@dataclass(frozen=True, slots=True)
class Around:
    """What is around the messages of a role.

    Attributes:
        channel: The channel.
        operation: The operation; None for a reply.
    """

    channel: Place
    operation: Place | None


class Description(Outline):
    """A document of AsyncAPI.

    Attributes:
        around: What is around the messages of each role, once roles were asked for.
    """

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
        self.around: dict[Role, list[Around]] = {}

    def roles(self) -> dict[Role, dict[str, Message]]:
        """Return what is sent and received on each channel.

        Raises:
            Unreadable: Something else stands where an operation belongs.
        """
        found: dict[Role, dict[str, Message]] = {}
        self.around = {}
        for operation in self.table(self.root, "operations").values():
            action = self._said(operation, "action")
            if action not in _OTHER:
                raise Unreadable(
                    "`send` or `receive` belongs here", where=operation.key
                )
            self._add(found, action, operation)
            reply = self.at(operation, "reply")
            if reply is None:
                continue
            if self.at(reply, "channel") is not None:
                self._add(found, _OTHER[action], reply)
            elif self.at(reply, "messages") is not None:
                # The address is told by each request.
                name = f"the reply of {operation.key.rpartition('/')[2]}"
                messages = found.setdefault((_OTHER[action], name), {})
                messages |= {one.name: one for one in self._messages(reply, reply)}
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
        operation = around if "action" in around.schema else None
        known = self.around.setdefault((action, name), [])
        known.append(Around(channel, operation))
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
        told = self.said(place, "contentType")
        content_type = told.schema if told is not None else self._usual
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
        found = self.said(message.place, keyword)
        inner = self.target(found) if found is not None else None
        if inner is None or not isinstance(inner.schema, dict):
            return found
        language = inner.schema.get("schemaFormat")
        if language is None:
            return found
        plain = str(language).replace(" ", "").lower()
        if _READ.fullmatch(plain) is None:
            raise Unsupported(
                f"schemas of {str(language)[:60]!r} are not read", where=inner.key
            )
        return self.schema(inner, "schema")

    def key(self, message: Message) -> Place | None:
        """Return the schema of the key on Kafka, None where nothing is said.

        Args:
            message: The message.
        """
        bindings = self.said(message.place, "bindings")
        return self.schema(bindings, "kafka", "key") if bindings is not None else None

    def said(self, place: Place, keyword: str) -> Place | None:
        """Return what a message or an operation says, itself or by a trait.

        Args:
            place: The message or the operation.
            keyword: What is asked for.

        Raises:
            Unsupported: Several say something, which would have to be merged.
        """
        found = [self.schema(place, keyword)]
        for number in range(len(place.schema.get("traits") or ())):
            found.append(self.schema(place, "traits", str(number), keyword))
        told = [one for one in found if one is not None]
        if len(told) > 1 and isinstance(told[0].schema, dict):
            message = f"`{keyword}` is said by several traits, which are not merged"
            raise Unsupported(message, where=place.key)
        # A trait gives what is not said itself, the last one what several say.
        return None if not told else told[0] if found[0] is not None else told[-1]

    def bindings(self, place: Place) -> dict[str, dict[str, Any]]:
        """Return what is said for each protocol.

        Args:
            place: A channel, an operation or a message.
        """
        found = self.said(place, "bindings")
        tables = self.table(found) if found is not None else {}
        return {
            name: one.schema
            for name, one in tables.items()
            if isinstance(one.schema, dict)
        }

    def ways_in(self, place: Place) -> list[Any]:
        """Return the schemes of which one lets in; none where all may connect.

        Args:
            place: A server or an operation.
        """
        listed = self.said(place, "security")
        count = len(listed.schema) if listed and isinstance(listed.schema, list) else 0
        schemes = [self.at(listed, str(one)) for one in range(count)] if listed else []
        return [
            {name: said for name, said in one.schema.items() if name != "description"}
            for one in schemes
            if one is not None and isinstance(one.schema, dict)
        ]

    def names_in(self, channel: Place) -> list[str]:
        """Return the parameters of an address in their order.

        Args:
            channel: The channel.
        """
        return _TEMPLATE.findall(str(channel.schema.get("address") or ""))

    @staticmethod
    def form(role: Role) -> Role:
        """Return a role without the names of parameters, which no broker sees.

        Args:
            role: The role.
        """
        return role[0], _TEMPLATE.sub("{}", role[1])

    def _said(self, place: Place, keyword: str) -> str:
        """Return what a keyword says."""
        schema = place.schema
        return str(schema.get(keyword)) if isinstance(schema, dict) else ""
