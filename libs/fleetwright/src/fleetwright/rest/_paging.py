"""Pages: `items` and what leads to the next page, fetched as they are needed."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from fleetwright.errors import Unavailable
from fleetwright.rest._operation import Operation

MOST_PAGES = 10_000


async def all_items(
    operation: Operation,
    first_url: str,
    fetch: Callable[[str], Awaitable[Any]],
    provider: str,
) -> AsyncGenerator[Any, None]:
    """Yield the items of all pages; a page is fetched when its first item is asked for.

    Args:
        operation: What is called.
        first_url: Where the first page is.
        fetch: Fetches one page.
        provider: Who answers.

    Yields:
        Items in the order of the pages.

    Raises:
        Unavailable: A page leads to another origin or back to one that was read, or
            there is no end to them.
    """
    url, seen = first_url, {first_url}
    while True:
        page = await fetch(url)
        for item in page.items:
            yield item
        if not page.following:
            return
        url = next_url(url, page.following)
        if not _same_origin(url, first_url):
            raise _wrong("leads to another origin", operation, provider)
        if url in seen:
            raise _wrong("leads back to one that was read", operation, provider)
        if len(seen) >= MOST_PAGES:
            raise _wrong(f"is not the last of {MOST_PAGES}", operation, provider)
        seen.add(url)


def next_url(url: str, following: str) -> str:
    """Return where the next page is.

    Args:
        url: Where this page is.
        following: What it says about the next one: a URL, relative ones included
            (it begins with `/`, `?`, `http://` or `https://`), or a cursor.

    Returns:
        The URL; a cursor becomes the query parameter `cursor`, all others stay.
    """
    if following.startswith(("/", "?", "http://", "https://")):
        return urljoin(url, following)
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    others = [pair for pair in query if pair[0] != "cursor"]
    return urlunsplit(parts._replace(query=urlencode([*others, ("cursor", following)])))


def _same_origin(one: str, other: str) -> bool:
    a, b = urlsplit(one), urlsplit(other)
    return (a.scheme, a.netloc) == (b.scheme, b.netloc)


def _wrong(what: str, operation: Operation, provider: str) -> Unavailable:
    return Unavailable(
        f"a page of {provider} {what}",
        reason="invalid_answer",
        provider=provider,
        where=operation.where,
        hint="a page holds `items` and, but for the last, a cursor or a URL of the same"
        " origin",
    )
