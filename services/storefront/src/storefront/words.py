"""How money, names and times are said to a buyer."""

import re
from datetime import datetime

_PROPER = re.compile(
    r"\b(christmas|xmas|edwardian|victorian|english|french|swiss|london|paris"
    r"|union jack|alice|i)\b"
)


def pounds(pence: int) -> str:
    """Return an amount in pence as pounds, such as `£1,234.50`."""
    sign = "-" if pence < 0 else ""
    whole, rest = divmod(abs(pence), 100)
    return f"{sign}£{whole:,}.{rest:02d}"


def readable(name: str) -> str:
    """Return a product's name without shouting.

    Args:
        name: The name as the catalog keeps it, often in capitals only. A name that
            has small letters is somebody's choice and stays as it is.
    """
    tidy = re.sub(r"\s+", " ", name).strip()
    if not tidy.isupper():
        return tidy
    quiet = tidy.lower()
    named = _PROPER.sub(lambda match: match[0].title(), quiet)
    return named[:1].upper() + named[1:]


def day_and_time(moment: datetime) -> str:
    """Return a moment as `1 December 2010, 08:26`, in its own time zone."""
    return f"{moment.day} {moment:%B %Y, %H:%M}"
