"""Servers: where an API is to be found."""

from collections.abc import Iterator

from fleetwright_contracts._findings import Severity
from fleetwright_contracts.openapi._description import Description
from fleetwright_contracts.openapi._talk import Talk
from fleetwright_contracts.schemas import Place


def compare_servers(talk: Talk) -> None:
    """Find servers that are named no longer; of the whole document, and of each path.

    Args:
        talk: The conversation about the whole document.
    """
    _compare(talk.about("servers"), talk.asks.root, talk.answers.root)
    paths = talk.answers.table(talk.answers.root, "paths")
    for path, item in talk.asks.table(talk.asks.root, "paths").items():
        if path in paths:
            _compare(talk.about(f"{path} servers"), item, paths[path])


def _compare(talk: Talk, old: Place, new: Place) -> None:
    """Compare the servers of one place; what names none is where its document is."""
    known, given = dict(_urls(talk.asks, old)), dict(_urls(talk.answers, new))
    lost = [url for url in known if url not in given]
    for url in lost if given else []:
        is_last = len(lost) == len(known)
        talk.tell(
            "server-removed",
            Severity.ERROR if is_last else Severity.WARNING,
            f"{url} is named no longer"
            + (", nor is another that was" if is_last and len(known) > 1 else ""),
            known[url],
            mend=f"go on answering at {url}, and name it",
        )


def _urls(description: Description, around: Place) -> Iterator[tuple[str, Place]]:
    """Yield the addresses of servers, without the slash at their end."""
    listed = description.at(around, "servers")
    for number in range(len(listed.schema) if listed is not None else 0):
        server = description.at(around, "servers", str(number))
        if server is not None and isinstance(server.schema, dict):
            yield str(server.schema.get("url")).rstrip("/") or "/", server
