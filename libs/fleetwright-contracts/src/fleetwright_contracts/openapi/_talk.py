"""A conversation by documents of OpenAPI, and its media types."""

from collections.abc import Iterable
from typing import TypeAlias

from fleetwright_contracts import _talk
from fleetwright_contracts.openapi._description import Description

Talk: TypeAlias = _talk.Talk[Description]


def media_type_for(wanted: str, offered: Iterable[str]) -> str | None:
    """Return the media type among those offered that covers one, None for none.

    Args:
        wanted: A media type, parameters included.
        offered: Media types and ranges of them.
    """
    asked = _parted(wanted)
    known = [(one, _parted(one)) for one in offered]
    for name in (asked[0], f"{asked[0].partition('/')[0]}/*", "*/*"):
        # Whoever names no parameters takes all of them.
        for parameters in (asked[1], frozenset()):
            for one, found in known:
                if found == (name, parameters):
                    return one
    return None


def covers(wider: str, narrower: str) -> bool:
    """Return whether all of one media type or range is in another.

    Args:
        wider: What may be a range.
        narrower: What may be in it.
    """
    return media_type_for(narrower, [wider]) is not None


def _parted(media_type: str) -> tuple[str, frozenset[str]]:
    """Return the name of a media type and its parameters; JSON is always UTF-8."""
    name, *said = media_type.replace(" ", "").lower().split(";")
    return name, frozenset(one for one in said if one and one != "charset=utf-8")
