"""Who may call: does the consumer show what is asked for, and is it let in?"""

from typing import Final

from fleetwright_contracts._findings import Severity
from fleetwright_contracts.openapi import Operation, Talk

# What the runtime shows with every call within the fleet.
_OURS: Final = "token"


def compare_token(talk: Talk, sent: Operation, taken: Operation, consumer: str) -> None:
    """Find what keeps a consumer from being answered.

    Args:
        talk: The conversation.
        sent: The operation as requests are made.
        taken: The operation as they are answered.
        consumer: The service that calls.
    """
    callers = taken.place.schema.get("x-callers")
    if callers and consumer not in callers:
        talk.tell(
            "caller-refused",
            Severity.ERROR,
            f"it is open to {', '.join(callers)} only",
            taken.place,
            mend=f'let it in: @allow("{consumer}", ...)',
        )
    said = taken.place.schema.get("security", talk.answers.root.schema.get("security"))
    ways = [set(way) for way in said or ()]
    shown = {_OURS, *_sent_by_hand(talk, sent)}
    if ways and not any(way <= shown for way in ways):
        named = " or ".join(" and ".join(f"`{n}`" for n in sorted(way)) for way in ways)
        talk.tell(
            "token-missing",
            Severity.ERROR,
            f"{named} is asked for, and not shown",
            taken.place,
            mend="let the fleet's token in, or send it as a declared header",
        )


def _sent_by_hand(talk: Talk, sent: Operation) -> set[str]:
    """Return the schemes whose header or parameter the client declares itself."""
    schemes = talk.answers.table(talk.answers.root, "components", "securitySchemes")
    declared = {(where, name.lower()) for where, name in sent.parameters}
    found = set()
    for name, scheme in schemes.items():
        place = (scheme.schema.get("in", "header"), scheme.schema.get("name"))
        where, parameter = place if place[1] else ("header", "authorization")
        if (where, parameter.lower()) in declared:
            found.add(name)
    return found
