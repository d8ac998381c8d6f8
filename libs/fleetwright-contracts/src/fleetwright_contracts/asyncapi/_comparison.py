"""Two documents of AsyncAPI, compared channel by channel and message by message."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from fleetwright_contracts import _talk
from fleetwright_contracts._findings import Finding, Severity
from fleetwright_contracts._judgement import Court
from fleetwright_contracts.asyncapi._around import (
    compare_around,
    compare_carried,
    compare_servers,
)
from fleetwright_contracts.asyncapi._description import (
    SENDS,
    Description,
    Message,
)
from fleetwright_contracts.asyncapi._messages import (
    compare_messages,
    is_alike,
    tell_kept,
)
from fleetwright_contracts.errors import ContractError
from fleetwright_contracts.schemas import AS_WRITTEN, Place
from fleetwright_contracts.solver import MOST_STEPS

Talk: TypeAlias = _talk.Talk[Description]

_ORDER = list(Severity)


def compare_asyncapi(
    old: Any,
    new: Any,
    *,
    retained: Mapping[str, Any] | None = None,
    steps: int = MOST_STEPS,
) -> list[Finding]:
    """Return what a new description does to those at the other end.

    Args:
        old: The document that they go by.
        new: The document that is to take its place.
        retained: Older documents by which messages were written that are still kept,
            or by which somebody still reads, by what to call them. That each step fits
            does not mean that all steps together do.
        steps: How much the comparison of two schemas may cost.

    Returns:
        Findings, the worst first; none where everything fits.

    Raises:
        Unreadable: A document is none of AsyncAPI, or broken.
        Unsupported: It is of another version than 3.
    """
    court = Court(steps=steps)
    now = Description(court, new)
    findings = _compared(court, Description(court, old), now, Severity.WARNING)
    for name, document in (retained or {}).items():
        older = Description(court, document)
        for one in _compared(court, older, now, Severity.ERROR):
            where = f"{one.where}, as {name} has it"
            pointer = "" if one.is_in_old else one.pointer
            found = replace(one, where=where, pointer=pointer, is_in_old=False)
            if not any(_is_same(found, known) for known in findings):
                findings.append(found)
    return sorted(findings, key=lambda one: _ORDER.index(one.severity))


def _is_same(one: Finding, known: Finding) -> bool:
    """Return whether something was found already, and as badly."""
    return (
        (one.rule, one.message, one.pointer)
        == (known.rule, known.message, known.pointer)
        and one.where.startswith(f"{known.where},")
        and _ORDER.index(known.severity) <= _ORDER.index(one.severity)
    )


def _compared(
    court: Court, old: Description, new: Description, kept: Severity
) -> list[Finding]:
    """Return what is found between two documents.

    Args:
        court: Who compares schemas.
        old: The old document.
        new: The new one.
        kept: How bad it is if old messages are not read by the new document.
    """
    talk: Talk = _talk.Talk(
        court, old, new, old, request=AS_WRITTEN, response=AS_WRITTEN
    )
    compare_servers(talk)
    by_form = {new.form(role): (role, now) for role, now in new.roles().items()}
    for (action, channel), before in old.roles().items():
        role, now = by_form.get(old.form((action, channel)), (None, {}))
        part = talk.about(f"{action} {channel}")
        if role is None:
            _tell_silent(part, action, before)
            continue
        _compare(part, action, before, now, kept)
        pairs = zip(
            old.around.get((action, channel), ()),
            new.around.get(role, ()),
            strict=False,
        )
        for one, other in pairs:
            _tell_unread(part, other.channel, compare_around, action, one, other)
    return talk.findings


def _tell_silent(talk: Talk, action: str, messages: dict[str, Message]) -> None:
    """Say that nothing is sent to a channel, or read from it, any longer."""
    for one in list(messages.values())[:1]:
        is_sent = action == SENDS
        talk.tell(
            "channel-silent" if is_sent else "channel-unheard",
            Severity.ERROR,
            (
                "nothing is sent to it any longer"
                if is_sent
                else "what is sent to it is no longer read"
            ),
            one.place,
            mend="go on sending" if is_sent else "go on reading",
        )


def _compare(
    talk: Talk,
    action: str,
    old: dict[str, Message],
    new: dict[str, Message],
    kept: Severity,
) -> None:
    """Compare the messages of a channel; what cannot be read is told where it is."""
    met = set()
    for before, now in _paired(old, new):
        part = talk.about(f"{talk.where} {before.name}")
        if now is None:
            is_sent = action == SENDS
            part.tell(
                "message-removed",
                Severity.ERROR,
                "it is no longer sent" if is_sent else "it is no longer read",
                before.place,
                mend="go on with it beside what takes its place",
            )
            continue
        met.add(now.name)
        if before.content_type == now.content_type and is_alike(
            before.place, now.place
        ):
            continue
        _tell_unread(part, now.place, compare_messages, action, before, now)
        _tell_unread(part, now.place, compare_carried, before, now)
        if action == SENDS:
            _tell_unread(part, now.place, tell_kept, before, now, kept)
    for name, now in new.items():
        if name not in met and action == SENDS:
            talk.about(f"{talk.where} {name}").tell(
                "message-added",
                Severity.WARNING,
                "it was not sent before: who reads the channel will meet it",
                now.place,
                mend="make sure that readers leave alone what they do not know",
            )


def _tell_unread(
    talk: Talk, place: Place, look: Callable[..., None], *given: object
) -> None:
    """Compare something; what cannot be read is told where it is."""
    try:
        look(talk, *given)
    except ContractError as error:
        reason, mend = error.reason, error.hint
        talk.tell("unreadable", Severity.UNKNOWN, reason, place, mend=mend)


def _paired(
    old: dict[str, Message], new: dict[str, Message]
) -> Iterator[tuple[Message, Message | None]]:
    """Yield each old message with the new one that is the same, or None.

    It is the same by what the channel or its author calls it; where there is a single
    one on both sides it is that.
    """
    by_title = {one.title: one for name, one in new.items() if name not in old}
    for name, one in old.items():
        found = new.get(name) or (by_title.get(one.title) if one.title else None)
        if found is None and len(old) == len(new) == 1:
            found = next(iter(new.values()))
        yield one, found
