"""The spans of one event: told, carried to the broker, heard."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry.trace import StatusCode

from fleetwright import _spans
from fleetwright._context import Call, bind, new_call

Headers = Mapping[str, str]


def created(tracer: _spans.CallTracer, headers: Headers, within: Call | None) -> str:
    """Make the span of an event that is told; all that is done with it is below it.

    Args:
        tracer: Who makes spans.
        headers: The attributes of the event.
        within: The call that tells it, if any.

    Returns:
        The W3C header that goes with the event.
    """
    said = _said("create", headers)
    name = f"create {headers['type']}"
    span = tracer.begin(name, _spans.PRODUCER, said, within)
    span.end()
    return tracer.traceparent(span)


async def carried(
    publish: Callable[[], Awaitable[Mapping[str, str]]],
    tracer: _spans.CallTracer,
    batch: Sequence[Headers],
    system: str,
) -> Mapping[str, str]:
    """Give a batch to the broker, each event of it as a span of its own trace.

    Args:
        publish: Gives it to the broker.
        tracer: Who makes spans.
        batch: The attributes of the events.
        system: What OpenTelemetry calls the broker.

    Returns:
        What the broker did not take, and why, by the ids of the events.
    """
    spans = {}
    for headers in batch:
        call = new_call("relay", traceparent=headers.get("traceparent"))
        span = tracer.span_of(call, f"send {headers['type']}", _spans.PRODUCER)
        span.set_attributes(_said("send", headers) | {"messaging.system": system})
        spans[headers["id"]] = span
    try:
        refused = await publish()
        for id in refused.keys() & spans.keys():
            spans[id].set_attribute("error.type", "refused")
            spans[id].set_status(StatusCode.ERROR, refused[id])
        return refused
    except BaseException as error:
        for span in spans.values():
            _spans.failed(span, error)
        raise
    finally:
        for span in spans.values():
            span.end()


@contextmanager
def heard(
    tracer: _spans.CallTracer, call: Call, headers: Headers, *, group: str, by: str
) -> Iterator[Call]:
    """Bind the call of a reaction in the block, which is a span.

    Args:
        tracer: Who makes spans.
        call: The call, with the trace of the event.
        headers: The attributes of the event.
        group: Who hears.
        by: The name of the reaction.

    Yields:
        The call, with the ids of the span.
    """
    entry = tracer.enter(call, f"process {headers['type']}", _spans.CONSUMER)
    span = entry.span
    span.set_attributes(
        _said("process", headers)
        | {"messaging.consumer.group.name": group, "code.function.name": by}
    )
    try:
        with bind(entry.call):
            yield entry.call
    except BaseException as error:
        _spans.failed(span, error)
        if isinstance(error, Exception):
            span.record_exception(error)
        raise
    finally:
        entry.leave()


def _said(operation: str, headers: Headers) -> dict[str, _spans.Value]:
    return {
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": headers["type"],
        "messaging.message.id": headers["id"],
    }
