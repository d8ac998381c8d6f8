"""What a declaration says it answers with: a value, pages or a stream of items."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, Field, create_model

from fleetwright.rest._streaming import ServerEvent

_ASYNC = AsyncIterator
_SYNC = Iterator


def item_of(answer: Any) -> tuple[Any, bool] | None:
    """Return what an iterator yields and whether it is async; None for others.

    Args:
        answer: The annotation of what the method returns.
    """
    origin = get_origin(answer)
    if origin not in (_ASYNC, _SYNC):
        return None
    return get_args(answer)[0], origin is _ASYNC


def page_of(item: Any, member: str) -> type[BaseModel]:
    """Return the model of one page: `items` and what leads to the next page.

    Args:
        item: What a page holds.
        member: The member that leads to the next page.
    """
    following = Field(default=None, alias=member)
    return create_model(
        "Page", items=(list[item], ...), following=(str | None, following)
    )


def fits_stream(item: Any, stream: str) -> bool:
    """Tell whether a stream can be read as such items.

    Args:
        item: What the method yields.
        stream: How the answer comes.
    """
    if stream == "bytes":
        return item is bytes
    return item is not bytes and (item is not ServerEvent or stream == "events")
