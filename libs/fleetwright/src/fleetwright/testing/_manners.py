"""The ways in which the events of a test can be delivered."""

from enum import StrEnum

from fleetwright.errors import DeclarationError


class Manner(StrEnum):
    """How the events of one run of a test are delivered."""

    PLAIN = "plain"
    AGAIN = "plain-again"
    DUP = "dup"
    REORDER = "reorder"
    DELAY = "delay"
    CRASH = "crash"


DISTURBED = (Manner.DUP, Manner.REORDER, Manner.DELAY, Manner.CRASH)


def manners_of(text: str) -> tuple[Manner, ...]:
    """Return the manners that a list names.

    Args:
        text: As given on the command line: `dup,crash`.

    Raises:
        DeclarationError: There is no such manner.
    """
    words = list(filter(None, (word.strip() for word in text.split(","))))
    unknown = sorted(set(words).difference(DISTURBED))
    if unknown or not words:
        raise DeclarationError(
            f"events cannot be delivered {unknown[0] if unknown else text!r}",
            where="--deliver",
            hint=f"use some of: {','.join(DISTURBED)}",
        )
    return tuple(Manner(word) for word in dict.fromkeys(words))
