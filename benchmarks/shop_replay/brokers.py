"""What is still with the broker: events that a consumer has not taken."""

import json
import os
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from shop_replay.databases import Place, RecordsError, count, opened, shown

ASK_SECONDS = 10.0
UNHEARD = "fleet.unheard"  # what nobody subscribes to: it waits for those who will


def waiting(broker: Place) -> int:
    """Return how many deliveries are with the broker.

    Args:
        broker: The file of the embedded broker, or the URL of a server. RabbitMQ is
            asked through its HTTP API, which `RABBIT_API_URL` names.

    Raises:
        RecordsError: It cannot be asked.
    """
    if isinstance(broker, Path):
        with opened(broker) as books:
            return count(books, "delivery")
    try:
        if urlsplit(broker).scheme == "kafka":
            return _lag(broker)
        return _queued(broker)
    except Exception as error:  # each client has its own kinds
        raise RecordsError(
            f"the broker cannot be asked what it holds: {error}",
            where=shown(broker),
            hint="see that it is up; RabbitMQ's HTTP API is named by RABBIT_API_URL",
        ) from error


def _queued(broker: str) -> int:
    """Return the messages in all queues of a virtual host, taken or not."""
    parts = urlsplit(broker)
    api = os.environ.get("RABBIT_API_URL") or f"http://{parts.hostname}:15672"
    vhost = quote(unquote(parts.path[1:]) or "/", safe="")
    login = f"{parts.username or 'guest'}:{parts.password or 'guest'}"
    request = urllib.request.Request(  # noqa: S310
        f"{api.rstrip('/')}/api/queues/{vhost}",
        headers={"Authorization": f"Basic {b64encode(login.encode()).decode()}"},
    )
    with urllib.request.urlopen(request, timeout=ASK_SECONDS) as answer:  # noqa: S310
        queues = json.load(answer)
    return sum(
        queue.get("messages", 0)
        for queue in queues
        if not queue["name"].startswith(UNHEARD)
    )


def _lag(broker: str) -> int:
    """Return by how much all consumer groups are behind, in messages."""
    from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.admin._listoffsets import OffsetSpec

    servers = urlsplit(broker).netloc
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 3})
    topics = admin.list_topics(timeout=ASK_SECONDS).topics
    groups = admin.list_consumer_groups(request_timeout=ASK_SECONDS).result().valid
    behind = 0
    for group in groups:
        asked = ConsumerGroupTopicPartitions(group.group_id)
        [future] = admin.list_consumer_group_offsets([asked]).values()
        committed = {
            (it.topic, it.partition): max(0, it.offset)
            for it in future.result().topic_partitions
        }
        heard = {topic for topic, _ in committed}
        places = [
            TopicPartition(topic, partition)
            for topic in heard & topics.keys()
            for partition in topics[topic].partitions
        ]
        if not places:
            continue
        newest: Any = OffsetSpec
        ends = admin.list_offsets({place: newest.latest() for place in places})
        for place, end in ends.items():
            taken = committed.get((place.topic, place.partition), 0)
            behind += max(0, end.result().offset - taken)
    return behind
