"""Bodies of requests: media types, whether there must be one, and what is in it."""

from fleetwright_contracts._declared import lost_properties
from fleetwright_contracts._findings import Severity, Witness
from fleetwright_contracts._judgement import Verdict
from fleetwright_contracts.openapi._description import Operation
from fleetwright_contracts.openapi._talk import Talk, media_type_for
from fleetwright_contracts.schemas import Place


def compare_bodies(talk: Talk, asked: Operation, answered: Operation) -> None:
    """Find what changed in the body of an operation's requests.

    Args:
        talk: The conversation.
        asked: The operation as requests are made.
        answered: The operation as they are answered.
    """
    sent = talk.asks.at(asked.place, "requestBody")
    read = talk.answers.at(answered.place, "requestBody")
    if read is None:
        if sent is not None:
            talk.tell("body-ignored", Severity.WARNING, "the body is not read", sent)
        return
    must_be = read.schema.get("required") is True
    was_sure = sent is not None and sent.schema.get("required") is True
    if must_be and not was_sure:
        talk.tell(
            "body-required",
            Severity.ERROR,
            "a body is required, and requests came without",
            read,
            mend="keep the body optional",
        )
    if sent is not None:
        _compare_contents(talk, sent, read)


def _compare_contents(talk: Talk, sent: Place, read: Place) -> None:
    """Compare the body for each media type in which it is sent."""
    offered = talk.answers.table(read, "content")
    for media_type in talk.asks.table(sent, "content"):
        taken = media_type_for(media_type, offered)
        part = talk.about(f"{talk.where} request {media_type}")
        if taken is None:
            part.tell(
                "media-type-refused",
                Severity.ERROR,
                f"`{media_type}` is no longer taken",
                read,
                mend=f"go on taking `{media_type}`",
            )
            continue
        ways = [
            description.at(body, "content", name, "encoding")
            for description, body, name in (
                (talk.asks, sent, media_type),
                (talk.answers, read, taken),
            )
        ]
        before, now = (one.schema if one is not None else {} for one in ways)
        if before != now:
            part.tell(
                "body-encoding-unknown",
                Severity.UNKNOWN,
                "it is not known whether parts are read that are written otherwise: "
                "`encoding` changed",
                ways[1] or read,
                mend="keep `encoding`",
            )
        one = talk.asks.schema(sent, "content", media_type, "schema")
        other = talk.answers.schema(read, "content", taken, "schema")
        if other is not None:
            _compare_schemas(part, one, other)


def _compare_schemas(talk: Talk, sent: Place | None, read: Place) -> None:
    """Compare what is in a body."""
    if sent is None:
        talk.tell(
            "request-narrowed-unknown",
            Severity.UNKNOWN,
            "it was not said what is sent, and now it is",
            read,
        )
        return
    judgement = talk.request_fits(sent, read)
    if talk.is_ours:
        message = "a value is sent that was not sent before"
        mend = "send only what was promised, or offer the change under a new name"
        talk.report(judgement, "webhook-widened", message, sent, mend)
        for path, place in lost_properties(talk.reversed, sent, read):
            talk.tell(
                "webhook-property-removed",
                Severity.ERROR,
                f"`{path}` is no longer sent, and somebody may read it",
                place,
                mend=f"go on sending `{path}`",
            )
        return
    message = "a value that was allowed is refused"
    mend = "allow again what was allowed, or offer the change under a new path"
    talk.report(judgement, "request-narrowed", message, read, mend)
    if judgement.verdict is not Verdict.FITS:
        return
    # Who sends more than was declared was not refused so far.
    wider = talk.request_fits(sent, read, undeclared="undeclared")
    if wider.verdict is Verdict.BREAKS:
        talk.tell(
            "undeclared-refused",
            Severity.ERROR,
            "properties that are not declared are refused, and were not",
            read,
            mend="go on ignoring properties that are not declared",
            witness=Witness(wider.witness),
        )
