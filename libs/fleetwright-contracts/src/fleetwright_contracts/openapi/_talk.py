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
    plain = wanted.partition(";")[0].strip().lower()
    by_name = {one.partition(";")[0].strip().lower(): one for one in offered}
    for candidate in (plain, f"{plain.partition('/')[0]}/*", "*/*"):
        if candidate in by_name:
            return by_name[candidate]
    return None
