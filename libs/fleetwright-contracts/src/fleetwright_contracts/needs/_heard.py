"""Events: is every message that may still be in a topic understood by who hears it?"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleetwright_contracts._findings import Finding, Severity, Witness
from fleetwright_contracts._judgement import Court, Document, Side, Verdict
from fleetwright_contracts.needs._mismatch import Mismatch
from fleetwright_contracts.schemas import OPENAPI_31, Place, Places, View


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a service publishes, or published once.

    Attributes:
        publisher: The service.
        topic: Where.
        version: Of the event.
        payload: The schema of what is written.
        schemas: What the payload refers to.
        when: What it is of, where that is not now: `v1.2.0`.
    """

    publisher: str
    topic: str
    version: int
    payload: Any
    schemas: Any
    when: str = ""


def sent_by(publisher: str, document: Any, when: str = "") -> Iterator[Sent]:
    """Yield what a document of AsyncAPI says is published.

    Args:
        publisher: The service.
        document: Its document.
        when: What it is of, where that is not now.
    """
    for operation in document.get("operations", {}).values():
        if operation.get("action") != "send":
            continue
        channel = _at(document, operation["channel"])
        for reference in operation.get("messages", ()):
            message = _at(document, _at(document, reference))
            yield Sent(
                publisher,
                str(channel.get("address")),
                int(message.get("x-fleet-version", 1)),
                message.get("payload", {}),
                document.get("components", {}).get("schemas", {}),
                when,
            )


def misheard(
    hears: Iterable[Mapping[str, Any]], sent: Iterable[Sent], *, consumer: str
) -> list[Mismatch]:
    """Return the events that a consumer does not understand.

    Args:
        hears: What it hears, as its needs say: topic, version and schema.
        sent: All that is published in the fleet, of every version that may still come.
        consumer: The service that hears.

    Returns:
        Mismatches, by event.
    """
    known = list(sent)
    found = []
    for one in hears:
        fitting = [each for each in known if each.topic == one["topic"]]
        where = f"event {one['topic']} v{one['version']}"
        for publisher, finding in _compared(one, fitting, where):
            found.append(Mismatch(consumer, publisher, str(one["event"]), finding))
    return found


def _compared(
    heard: Mapping[str, Any], sent: list[Sent], where: str
) -> Iterator[tuple[str, Finding]]:
    """Yield what is wrong with one event that is heard, and whose it is."""
    topic, version = heard["topic"], heard["version"]
    if not sent:
        message = f"nobody in the fleet publishes {topic}"
        yield "", Finding("event-unpublished", Severity.WARNING, where, message)
    now = [one for one in sent if not one.when]
    versions = sorted({one.version for one in now})
    if now and version not in versions:
        message = f"version {versions[-1]} is published, and {version} is heard"
        mend = f"hear version {versions[-1]}, or publish both for a while"
        yield now[0].publisher, Finding(
            "event-version", Severity.ERROR, where, message, mend=mend
        )
    for one in sent:
        if one.version != version:
            continue
        finding = _judged(heard, one, where)
        if finding is not None:
            yield one.publisher, finding


def _judged(heard: Mapping[str, Any], sent: Sent, where: str) -> Finding | None:
    """Return what is wrong with a message of the version that is heard."""
    court = Court()
    writes, read = _side(court, sent.payload, sent.schemas), heard["schema"]
    judgement = court.judge(
        Side(*writes, View(hidden="writeOnly", closed=True)),
        Side(
            *_side(court, read, heard.get("schemas", {})),
            View(hidden="writeOnly", tolerant=True),
        ),
    )
    since = f" of {sent.when}, which may still be in the topic," if sent.when else ""
    if judgement.verdict is Verdict.BREAKS:
        return Finding(
            "event-not-understood",
            Severity.ERROR,
            where,
            f"a message of {sent.publisher}{since} is not understood",
            witness=Witness(judgement.witness),
            mend="read it as widely as it is written, or publish a new version",
        )
    if judgement.verdict is Verdict.UNKNOWN:
        message = f"not known whether all messages are understood: {judgement.reason}"
        return Finding("event-not-understood-unknown", Severity.UNKNOWN, where, message)
    return None


def _side(court: Court, schema: Any, schemas: Any) -> tuple[Document, Place]:
    """Return a schema among those it refers to."""
    inside = schema.get("$defs", {}) if isinstance(schema, dict) else {}
    content = {"payload": schema, "components": {"schemas": schemas}, "$defs": inside}
    document = court.document(Places(content, OPENAPI_31, is_schema=False))
    return document, document.places.place(document.places.root, "payload")


def _at(document: Any, reference: Any) -> Any:
    """Return what a reference leads to within a document; what is none, as it is."""
    pointer = reference.get("$ref") if isinstance(reference, dict) else None
    if not isinstance(pointer, str):
        return reference
    found = document
    for token in pointer.removeprefix("#/").split("/"):
        found = found[token.replace("~1", "/").replace("~0", "~")]
    return found
