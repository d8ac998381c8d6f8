"""Codes of vouchers: hard to guess, easy to type."""

import re
import secrets
from typing import Final

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that looks like another
_GROUPS: Final = 3
_GROUP: Final = 4
_SPACING = re.compile(r"[\s\-]+")


def new_code() -> str:
    """Return a code that nobody has: three groups of four, about 59 random bits."""
    return "-".join(
        "".join(secrets.choice(ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS)
    )


def tidy(typed: str) -> str:
    """Return a code as it is kept, however it was typed.

    Args:
        typed: What somebody typed: lower case, spaces and missing dashes are fine.

    Returns:
        The code; a text that cannot be one comes back in capitals.
    """
    letters = _SPACING.sub("", typed).upper()
    groups = [letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP)]
    return "-".join(groups)
