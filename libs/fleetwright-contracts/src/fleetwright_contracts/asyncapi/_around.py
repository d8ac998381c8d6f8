"""What is around messages: servers, parameters of addresses, replies, bindings."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from fleetwright_contracts import _talk
from fleetwright_contracts._findings import Severity
from fleetwright_contracts.asyncapi._description import (
    SENDS,
    Around,
    Description,
    Message,
)
from fleetwright_contracts.schemas import Place

Talk: TypeAlias = _talk.Talk[Description]

# What says where messages are to be found and how they are written; the key on Kafka
# is compared as the schema it is.
_TELLING: Final = {
    "amqp": ("is", "exchange", "queue", "cc", "contentEncoding", "messageType"),
    "kafka": ("topic",),
}
# What an application says of itself alone, and what a broker does within a topic.
_OWN: Final = {
    "amqp": ("ack", "bcc", "deliveryMode", "expiration", "priority", "timestamp",
             "userId", "mandatory", "replyTo"),
    "kafka": ("key", "groupId", "clientId", "partitions", "replicas",
              "topicConfiguration"),
}  # fmt: skip
_SERVER: Final = ("host", "pathname", "protocol", "protocolVersion")


def compare_servers(talk: Talk) -> None:
    """Find what changed in where the brokers are, and in who may connect.

    Args:
        talk: The conversation about the whole document.
    """
    before = talk.asks.table(talk.asks.root, "servers")
    now = talk.answers.table(talk.answers.root, "servers")
    for name, one in before.items():
        part, other = talk.about(f"server {name}"), now.get(name)
        if other is None:
            message = "it is named no longer, and others connect to it"
            mend = "go on connecting to it until all others have moved"
            part.tell("server-removed", Severity.ERROR, message, one, mend=mend)
            continue
        for said in _SERVER:
            old, new = one.schema.get(said), other.schema.get(said)
            if old != new:
                part.tell(
                    "server-changed",
                    Severity.ERROR,
                    f"`{said}` was {_named(old)} and is {_named(new)}",
                    other,
                    mend="name it as another server, and connect to both for a while",
                )
        _compare_security(part, one, other)


def compare_around(talk: Talk, action: str, old: Around, new: Around) -> None:
    """Find what changed around the messages of a channel.

    Args:
        talk: The conversation.
        action: Whether they are sent or received.
        old: What was around them.
        new: What is.
    """
    _compare_parameters(talk, action, old.channel, new.channel)
    _compare_bindings(talk, old.channel, new.channel)
    one, other = old.operation, new.operation
    if one is None or other is None:
        return
    _compare_bindings(talk, one, other)
    _compare_security(talk, one, other)
    old_reply, new_reply = talk.asks.at(one, "reply"), talk.answers.at(other, "reply")
    if old_reply is None:
        return
    if new_reply is None:
        talk.tell(
            "reply-removed",
            Severity.ERROR,
            "there is no reply any longer",
            old_reply,
            mend="go on replying",
        )
        return
    _compare_location(talk, "reply", "address", old_reply, new_reply)


def compare_carried(talk: Talk, old: Message, new: Message) -> None:
    """Find what changed in how a message is told from others and carried.

    Args:
        talk: The conversation.
        old: The old message.
        new: The new one.
    """
    _compare_location(talk, "correlation", "correlationId", old.place, new.place)
    _compare_bindings(talk, old.place, new.place)


def _compare_location(
    talk: Talk, what: str, keyword: str, old: Place, new: Place
) -> None:
    """Compare where something is found in a message."""
    before = _location(talk.asks, talk.asks.said(old, keyword))
    other = talk.answers.said(new, keyword)
    now = _location(talk.answers, other)
    if before is not None and before != now:
        talk.tell(
            f"{what}-changed",
            Severity.ERROR,
            f"the {what} is found by {_named(before)} no longer, but by {_named(now)}",
            other or new,
            mend=f"keep {_named(before)}",
        )


def _compare_parameters(talk: Talk, action: str, old: Place, new: Place) -> None:
    """Compare what may stand in the place of the parameters of an address.

    Names mean nothing to a broker: parameters are paired by their place in the address.
    """
    pairs = zip(
        _parameters(talk.asks, old), _parameters(talk.answers, new), strict=False
    )
    for (name, one), (_, other) in pairs:
        part = talk.about(f"{talk.where} parameter `{name}`")
        before, now = _values(one), _values(other)
        known, used = (before, now) if action == SENDS else (now, before)
        if known is not None and (used is None or not used <= known):
            more = "any value" if used is None else ", ".join(sorted(used - known))
            is_sent = action == SENDS
            part.tell(
                "address-widened" if is_sent else "address-narrowed",
                Severity.ERROR,
                (
                    f"{more} may stand there, where nobody reads"
                    if is_sent
                    else f"{more} may no longer stand there, and others send to it"
                ),
                other or new,
                mend="keep the values of the parameter",
            )
        old_place = _location(talk.asks, one)
        new_place = _location(talk.answers, other)
        if old_place != new_place:
            part.tell(
                "address-changed",
                Severity.ERROR,
                f"its value was found by {_named(old_place)} and is by "
                f"{_named(new_place)}",
                other or new,
                mend="keep `location`",
            )


def _parameters(
    description: Description, channel: Place
) -> Iterator[tuple[str, Place | None]]:
    """Yield the parameters of an address in their order."""
    said = description.table(channel, "parameters")
    for name in description.names_in(channel):
        yield name, said.get(name)


def _values(parameter: Place | None) -> set[str] | None:
    """Return what may stand in the place of a parameter; None where anything may."""
    listed = parameter.schema.get("enum") if parameter is not None else None
    return {str(one) for one in listed} if isinstance(listed, list) else None


def _compare_bindings(talk: Talk, old: Place, new: Place) -> None:
    """Compare what is said for the protocol that carries messages."""
    before, now = talk.asks.bindings(old), talk.answers.bindings(new)
    for protocol in sorted(before.keys() | now.keys()):
        one, other = before.get(protocol, {}), now.get(protocol, {})
        for said in sorted(one.keys() | other.keys()):
            if one.get(said) != other.get(said) and said != "bindingVersion":
                _tell_binding(talk, protocol, said, (one, other), new)


def _tell_binding(
    talk: Talk,
    protocol: str,
    said: str,
    tables: tuple[Mapping[str, Any], Mapping[str, Any]],
    place: Place,
) -> None:
    """Say that a binding is another, if that is somebody's matter."""
    if said in _OWN.get(protocol, ()):
        return
    old, new = (_named(one.get(said)) for one in tables)
    if said in _TELLING.get(protocol, ()):
        message = f"`{said}` on {protocol} was {old} and is {new}"
        talk.tell("binding-changed", Severity.ERROR, message, place, mend=f"keep {old}")
    else:
        message = f"it is not known what `{said}` on {protocol} means to others: it was"
        message = f"{message} {old} and is {new}"
        talk.tell("binding-changed-unknown", Severity.UNKNOWN, message, place)


def _compare_security(talk: Talk, old: Place, new: Place) -> None:
    """Compare who may connect: each way in that there was must still be one."""
    before, now = talk.asks.ways_in(old), talk.answers.ways_in(new)
    lost = [one for one in before if one not in now]
    if (before and now and lost) or (now and not before):
        talk.tell(
            "security-tightened",
            Severity.ERROR,
            "a way in that there was is no longer enough",
            new,
            mend="go on accepting it beside the new one",
        )


def _location(description: Description, place: Place | None) -> Any:
    """Return where in a message something is found; None where nothing is said."""
    found = description.target(place) if place is not None else None
    said = found.schema if found is not None else None
    return said.get("location") if isinstance(said, dict) else None


def _named(value: Any) -> str:
    """Return what is said as a person reads it."""
    return "nothing" if value is None else f"`{value}`"
