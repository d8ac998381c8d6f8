"""How far behind a group is on Kafka: the ends of its lanes, less what it committed."""

from collections.abc import Mapping, Sequence
from math import inf

from confluent_kafka import (
    OFFSET_INVALID,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)

# Its stubs leave out OffsetSpec and the types of its methods.
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    ConfigResource,
    OffsetSpec,
    ResourceType,
)

from fleetwright._clock import clock
from fleetwright.events._envelope import LANES
from fleetwright.events.brokers._kafka_link import ANSWER_SECONDS, KafkaLink, text_of

Place = tuple[str, int]  # a topic and a partition
# As above.
_EARLIEST: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_AGAIN_SECONDS = 0.1
_ABSENT = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._NOENT,  # of none of them there is a leader
}
_PASSING = {  # of a topic that was just made
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
}
# As above.
_LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]


async def lag(link: KafkaLink, group: str, topics: Sequence[str]) -> dict[str, int]:
    """Return how many messages of each topic a group has not done yet.

    Args:
        link: To Kafka.
        group: The consuming service.
        topics: What it hears; those that are not there have none.

    Raises:
        Unavailable: Kafka did not answer.
    """
    behind = dict.fromkeys(topics, 0)
    ends = await _offsets(link, topics, _LATEST)
    for place, (begin, done) in (await progress(link, group, topics)).items():
        behind[place[0]] += max(0, ends.get(place, begin) - done)
    return behind


async def progress(
    link: KafkaLink, group: str, topics: Sequence[str]
) -> Mapping[Place, tuple[int, int]]:
    """Return where each lane begins, and up to where a group has done it.

    Args:
        link: To Kafka.
        group: The consuming service.
        topics: What it hears.

    Raises:
        Unavailable: Kafka did not answer.
    """
    begins = await _offsets(link, topics, _EARLIEST)
    if not begins:
        return {}
    places = [TopicPartition(*place) for place in begins]
    asked = link.admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group, places)], request_timeout=ANSWER_SECONDS
    )
    try:
        answer = await link.answer(asked[group])
    except KafkaException as error:
        raise link.unavailable(text_of(error)) from error
    found = {}
    for it in answer.topic_partitions:
        begin = begins[it.topic, it.partition]
        done = begin if it.offset == OFFSET_INVALID else max(begin, it.offset)
        found[it.topic, it.partition] = begin, done
    return found


async def kept_seconds(link: KafkaLink, topics: Sequence[str]) -> dict[str, float]:
    """Return how long messages of topics are kept; infinity for ever.

    Args:
        link: To Kafka.
        topics: Which ones; those that are not there yet are left out.

    Raises:
        Unavailable: Kafka did not answer.
    """
    places = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    if not places:
        return {}
    asked = link.admin.describe_configs(places, request_timeout=ANSWER_SECONDS)
    found = {}
    for place in places:
        try:
            settings = await link.answer(asked[place])
        except KafkaException as error:
            if error.args[0].code() in _ABSENT:
                continue
            raise link.unavailable(text_of(error)) from error
        milliseconds = int(settings["retention.ms"].value)
        found[place.name] = inf if milliseconds < 0 else milliseconds / 1000
    return found


async def _offsets(
    link: KafkaLink, topics: Sequence[str], which: OffsetSpec
) -> dict[Place, int]:
    """Return the first or the last offset of each lane that is there."""
    places = [TopicPartition(topic, lane) for topic in topics for lane in range(LANES)]
    found: dict[Place, int] = {}
    ends = clock().monotonic() + ANSWER_SECONDS
    while places:
        asked = link.admin.list_offsets(
            dict.fromkeys(places, which), request_timeout=ANSWER_SECONDS
        )
        again = []
        for place in places:
            try:
                answer = await link.answer(asked[place])
            except KafkaException as error:
                code = error.args[0].code()
                if code in _PASSING and clock().monotonic() < ends:
                    again.append(place)
                elif code not in _ABSENT:
                    raise link.unavailable(text_of(error)) from error
            else:
                found[place.topic, place.partition] = int(answer.offset)
        if places := again:
            await clock().sleep(_AGAIN_SECONDS)
    return found
