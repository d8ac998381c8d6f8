"""What changed in a message: how it is carried, its payload, its headers, its key."""

import json
from typing import Any, TypeAlias

from fleetwright_contracts import _talk
from fleetwright_contracts._declared import lost_properties
from fleetwright_contracts._findings import Severity, Witness
from fleetwright_contracts._judgement import Verdict
from fleetwright_contracts.asyncapi._description import SENDS, Description, Message
from fleetwright_contracts.schemas import Place

Talk: TypeAlias = _talk.Talk[Description]

# What an order of messages is kept by, where the runtime says so.
_ORDERED_BY = "x-fleet-key"


def compare_messages(talk: Talk, action: str, old: Message, new: Message) -> None:
    """Find what changed in a message that is still there.

    Args:
        talk: The conversation.
        action: Whether it is sent or received.
        old: The old message.
        new: The new one.
    """
    if _plain(old.content_type) != _plain(new.content_type):
        talk.tell(
            "content-type-changed",
            Severity.ERROR,
            f"it was carried as `{old.content_type}` and is as `{new.content_type}`",
            new.place,
            mend=f"go on with `{old.content_type}`, or call it another message",
        )
        return
    for keyword in ("payload", "headers"):
        if _is_the_same(talk, keyword, old, new):
            continue
        one, other = talk.asks.part(old, keyword), talk.answers.part(new, keyword)
        part = talk.about(f"{talk.where} {keyword}")
        if action == SENDS:
            _compare_sent(part, keyword, one, other, new)
        else:
            _compare_read(part, keyword, one, other, new)
    _compare_keys(talk, action, old, new)


def _plain(content_type: str) -> str:
    """Return a content type as it is told from others: JSON is always UTF-8."""
    found = content_type.replace(" ", "").lower()
    return found.removesuffix(";charset=utf-8")


def _is_the_same(talk: Talk, keyword: str, old: Message, new: Message) -> bool:
    """Return whether the same is written out, in whatever language of schemas."""
    one = talk.asks.said(old.place, keyword)
    other = talk.answers.said(new.place, keyword)
    return one is not None and other is not None and is_alike(one, other)


def is_alike(one: Place, other: Place) -> bool:
    """Return whether the same stands in two places, and refers to nothing elsewhere.

    Args:
        one: The one.
        other: The other.
    """
    return bool(one.schema == other.schema) and "$ref" not in json.dumps(one.schema)


def tell_kept(talk: Talk, old: Message, new: Message, severity: Severity) -> None:
    """Say that messages that were written are not read by who goes by the new document.

    Args:
        talk: The conversation.
        old: The message as it was written.
        new: The message as it will be read.
        severity: How bad that is.
    """
    if _is_the_same(talk, "payload", old, new):
        return
    written, read = talk.asks.part(old, "payload"), talk.answers.part(new, "payload")
    if written is None or read is None:
        return
    judgement = talk.reversed.response_fits(written, read)
    part = talk.about(f"{talk.where} payload")
    if judgement.verdict is Verdict.BREAKS:
        part.tell(
            "kept-message-refused",
            severity,
            "a message that was sent before is refused by who reads as it is now",
            read,
            mend="let readers take what is kept, or make it another version",
            witness=Witness(judgement.witness),
        )
    elif judgement.verdict is Verdict.UNKNOWN and severity is Severity.ERROR:
        part.tell(
            "kept-message-unknown",
            Severity.UNKNOWN,
            f"it is not known whether kept messages are read: {judgement.reason}",
            read,
        )


def _compare_sent(
    talk: Talk, keyword: str, read: Place | None, sent: Place | None, message: Message
) -> None:
    """Compare what we send: whoever reads goes by the old document."""
    if read is None:
        return
    if sent is None:
        _tell_unsaid(
            talk, f"{keyword}-widened", "it is no longer said what is sent", message
        )
        return
    judgement = talk.response_fits(sent, read)
    what = "a value is sent that was not sent before"
    mend = "send only what was promised, or make it another version"
    talk.report(judgement, f"{keyword}-widened", what, sent, mend)
    for path, place in lost_properties(talk, sent, read):
        talk.tell(
            f"{keyword}-property-removed",
            Severity.ERROR,
            f"`{path}` is no longer sent, and somebody may read it",
            place,
            mend=f"go on sending `{path}`",
        )


def _compare_read(
    talk: Talk, keyword: str, sent: Place | None, read: Place | None, message: Message
) -> None:
    """Compare what we read: whoever sends goes by the old document."""
    if read is None:
        return
    if sent is None:
        what = "it was not said what is sent, and now it is"
        _tell_unsaid(talk, f"{keyword}-narrowed", what, message)
        return
    judgement = talk.request_fits(sent, read)
    what = "a value that was read is refused"
    mend = "read what was read, or make it another version"
    talk.report(judgement, f"{keyword}-narrowed", what, read, mend)
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


def _tell_unsaid(talk: Talk, rule: str, what: str, message: Message) -> None:
    """Say that one of the documents says nothing to compare."""
    talk.tell(f"{rule}-unknown", Severity.UNKNOWN, what, message.place)


def _compare_keys(talk: Talk, action: str, old: Message, new: Message) -> None:
    """Compare the key: messages of a key stay in order."""
    before, now = (_ordered_by(one) for one in (old, new))
    if before != now:
        talk.tell(
            "key-changed",
            Severity.ERROR,
            f"the order is kept by {_named(now)}, and was by {_named(before)}",
            new.place,
            mend=f"keep {_named(before)}, or make it another version",
        )
    one, other = talk.asks.key(old), talk.answers.key(new)
    if one is None or other is None:
        if (one is None) is not (other is None):
            what = "there is a key now" if one is None else "the key is gone"
            talk.tell("key-changed", Severity.ERROR, what, new.place)
        return
    part = talk.about(f"{talk.where} key")
    if action == SENDS:
        what, mend = "a key is sent that was not sent before", "send the keys promised"
        part.report(part.response_fits(other, one), "key-widened", what, other, mend)
    else:
        what, mend = "a key that was read is refused", "read the keys that were read"
        part.report(part.request_fits(one, other), "key-narrowed", what, other, mend)


def _ordered_by(message: Message) -> Any:
    """Return what the order of a message is kept by."""
    return message.place.schema.get(_ORDERED_BY)


def _named(key: Any) -> str:
    """Return a key as a person reads it."""
    return f"`{key}`" if key else "nothing"
