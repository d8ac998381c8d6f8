"""Routes in the order in which they are tried, where the runtime tells it.

The first that fits a path answers, whichever was meant. Routes that no document
describes are among them.
"""

from collections.abc import Iterator
from typing import Any

from fleetwright_contracts._findings import Severity, Witness
from fleetwright_contracts.openapi._description import Operation
from fleetwright_contracts.openapi._routes import form, takes_path
from fleetwright_contracts.openapi._talk import Talk

ROUTES = "x-fleet-routes"
_SOME = "1"


def routes_of(document: Any) -> list[tuple[str, str]] | None:
    """Return methods and paths in their order; None where it is not told.

    Args:
        document: Of OpenAPI.
    """
    said = document.get(ROUTES) if isinstance(document, dict) else None
    if not isinstance(said, list):
        return None
    parted = (str(one).partition(" ") for one in said)
    return [(method, path) for method, _, path in parted]


def find_overtaken(
    talk: Talk, old: list[Operation], tables: tuple[list[Any], list[Any]]
) -> None:
    """Find routes that are tried before others now, and answer in their place.

    Args:
        talk: The conversation.
        old: The operations there were.
        tables: The routes there were and those there are.
    """
    before = [(method, form(path)) for method, path in tables[0]]
    now = [(method, form(path)) for method, path in tables[1]]
    for one in old:
        own = (one.method, form(one.path))
        if own not in now or own not in before:
            continue
        for index, (method, path) in enumerate(tables[1][: now.index(own)]):
            was_first = now[index] in before[: before.index(own)]
            shared = None if was_first else _shared(one.path, path)
            if method != one.method or shared is None:
                continue
            if takes_path(talk, one, shared):
                talk.about(one.name).tell(
                    "path-shadowed",
                    Severity.ERROR,
                    f"`{shared}` is answered by {method} {path} now",
                    one.place,
                    mend=f"declare `{path}` after `{one.path}`, or choose another path",
                    witness=Witness(f"{method} {shared}"),
                )


def is_still_answered(operation: Operation, document: Any) -> bool:
    """Return whether an operation is answered, described or not.

    Args:
        operation: The operation.
        document: The document of those who answer.
    """
    routes = routes_of(document) or []
    own = (operation.method, form(operation.path))
    return any((method, form(path)) == own for method, path in routes)


def _shared(one: str, other: str) -> str | None:
    """Return a path that both templates fit; None for none."""
    parts, others = one.split("/"), other.split("/")
    if len(parts) != len(others):
        return None
    found = list(_unified(parts, others))
    return None if None in found else "/".join(map(str, found))


def _unified(parts: list[str], others: list[str]) -> Iterator[str | None]:
    """Yield what stands at each place of such a path; None where nothing can."""
    for part, other in zip(parts, others, strict=True):
        if "{" not in part:
            yield part if "{" in other or part == other else None
        else:
            yield _SOME if "{" in other else other
