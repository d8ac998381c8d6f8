"""Messages written together, and what the server says of each.

The library's own `basic_publish` costs a task, a lock and five futures a message, and
leaves unfinished generators behind when a connection is lost. This does the same for
many at once, with the same numbers and the same places for the answers.
"""

import asyncio
from collections.abc import Iterator, Sequence
from enum import Enum

from aiormq import Channel
from aiormq.abc import ChannelFrame
from aiormq.exceptions import DeliveryError, PublishError
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from fleetwright.events._envelope import Message
from fleetwright.events.brokers._rabbit_link import calls
from fleetwright.events.brokers._rabbit_topology import EXCHANGE, routing_key
from fleetwright.events.brokers._rabbit_wire import properties_of

_WRITE_MESSAGES = 32  # the loop turns between two writes

Frame = Basic.Publish | ContentHeader | ContentBody


class Answer(Enum):
    """What became of one message."""

    KEPT = 1
    UNHEARD = 2
    REFUSED = 3


async def publish_together(
    channel: Channel, messages: Sequence[Message]
) -> list[Answer]:
    """Publish messages, in order, and wait for the answer to each.

    Args:
        channel: One that confirms. It must be dropped when this is cancelled or fails:
            the numbers of the two sides may be apart.
        messages: With different ids.

    Returns:
        An answer for each message.

    Raises:
        Lost: The connection or the channel was lost; nothing is known.
    """
    with calls():
        async with channel.lock:
            answers = [_expect(channel, message) for message in messages]
            for start in range(0, len(messages), _WRITE_MESSAGES):
                frames = [
                    frame
                    for message in messages[start : start + _WRITE_MESSAGES]
                    for frame in _frames(message, channel.max_content_size)
                ]
                await channel.write_queue.put(
                    ChannelFrame.marshall(channel.number, frames)
                )
        results = await asyncio.gather(*answers, return_exceptions=True)
        return [_answer(result) for result in results]


def _expect(channel: Channel, message: Message) -> asyncio.Future[object]:
    """Number the message as the server will, and have its answer told."""
    channel.delivery_tag += 1
    answer: asyncio.Future[object] = channel.create_future()
    channel.confirmations[channel.delivery_tag] = answer
    channel.message_id_delivery_tag[message.id] = channel.delivery_tag
    known = channel.message_id_delivery_tag
    answer.add_done_callback(lambda _: known.pop(message.id, None))
    return answer


def _frames(message: Message, most_bytes: int) -> Iterator[Frame]:
    key = routing_key(message.topic, message.lane)
    yield Basic.Publish(exchange=EXCHANGE, routing_key=key, mandatory=True)
    size = len(message.body)
    yield ContentHeader(properties=properties_of(message), body_size=size)
    for start in range(0, size, most_bytes):
        yield ContentBody(message.body[start : start + most_bytes])


def _answer(result: object) -> Answer:
    if isinstance(result, PublishError):
        return Answer.UNHEARD
    if isinstance(result, DeliveryError):
        return Answer.REFUSED
    if isinstance(result, BaseException):
        raise result
    return Answer.KEPT
