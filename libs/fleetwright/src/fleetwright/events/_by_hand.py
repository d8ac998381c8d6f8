"""An event published by hand: held to its declaration, sent as the service would."""

import json
from collections.abc import Sequence

from pydantic import ValidationError

from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError
from fleetwright.events._broker import Broker
from fleetwright.events._envelope import Message, encode
from fleetwright.events._event import Event
from fleetwright.events._publish import on_commit, publish
from fleetwright.events._tables import PRODUCER_TABLES, ensure


def declared(
    kinds: Sequence[type[Event]], topic: str, version: int | None, *, of: str
) -> type[Event]:
    """Return the declaration of an event.

    Args:
        kinds: What the service knows, what it sends first.
        topic: Of the event.
        version: Of the event; the newest when None.
        of: The service.

    Raises:
        FleetwrightError: There is none.
    """
    fitting = [kind for kind in kinds if kind.__topic__ == topic]
    found = [kind for kind in fitting if version in (None, kind.__version__)]
    if found:
        # The first of the newest: what is sent goes before what is heard.
        return max(found, key=lambda kind: kind.__version__)
    known = sorted({f"{kind.__topic__} {kind.__version__}" for kind in kinds})
    wanted = topic if version is None else f"{topic} in version {version}"
    raise FleetwrightError(
        f"{of} knows no event {wanted}",
        where=f"it knows: {', '.join(known) or 'none'}",
        hint="name one of these, or the service that publishes it",
    )


def checked(kind: type[Event], body: bytes) -> Event:
    """Return the event that a body says.

    Args:
        kind: Its declaration.
        body: JSON.

    Raises:
        FleetwrightError: It is not as declared; a field that is not declared is
            refused too, as it would be left out in silence.
    """
    where = f"{kind.__module__}.{kind.__qualname__}"
    fields = ", ".join(kind.model_fields) or "none"
    try:
        event = kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise FleetwrightError(
            f"{place} is not as declared: {first['msg']}",
            where=where,
            hint=f"its fields: {fields}",
        ) from error
    names = set(kind.model_fields) | {
        field.alias for field in kind.model_fields.values() if field.alias
    }
    for name in json.loads(body):
        if name not in names:
            raise FleetwrightError(
                f"the event has no field {name!r}",
                where=where,
                hint=f"its fields: {fields}",
            )
    return event


async def through_outbox(database: AsyncDatabase, event: Event) -> str:
    """Write an event to an outbox, as `publish` in a transaction of the service.

    Args:
        database: The service's own.
        event: What happened.

    Returns:
        The message's id. It leaves when the service's relay runs.
    """
    await ensure(database, PRODUCER_TABLES)
    told: list[Message] = []
    forget = on_commit(database.engine.pool, told.extend)
    try:
        async with database.transaction() as transaction:
            publish(transaction, event)
    finally:
        forget()
    return told[0].id


async def through_broker(broker: Broker, event: Event, *, source: str) -> str:
    """Give an event to the broker at once.

    Args:
        broker: Where it goes.
        event: What happened.
        source: Who tells it.

    Returns:
        The message's id.

    Raises:
        Unavailable: The broker does not answer.
        FleetwrightError: It refuses the event.
    """
    message = encode(event, source=source)
    await broker.open()
    try:
        refused = await broker.publish([message])
    finally:
        await broker.close()
    if message.id in refused:
        raise FleetwrightError(
            f"the broker refuses the event: {refused[message.id]}",
            where=event.__topic__,
            hint="mend what it says, and publish it again",
        )
    return message.id
