"""Who calls whom, who answers gRPC, who has events: read without running sources."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path


def providers(folder: Path) -> set[str]:
    """Return the names that a service's sources give as `provider="name"`.

    Args:
        folder: The service's folder.

    Returns:
        The names; files that cannot be parsed count as silent, the service itself
        will say what is wrong with them.
    """
    found: set[str] = set()
    for tree in _trees(folder, "provider="):
        found |= set(_named(tree))
    return found


def answers_grpc(folder: Path) -> bool:
    """Return whether a service listens for gRPC: it imports `fleetwright.grpc.serve`.

    Args:
        folder: The service's folder.
    """
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "fleetwright.grpc"
        and any(name.name == "serve" for name in node.names)
        for tree in _trees(folder, "fleetwright.grpc")
        for node in ast.walk(tree)
    )


def imports_events(folder: Path) -> bool:
    """Return whether a service publishes or hears: it imports `fleetwright.events`.

    Args:
        folder: The service's folder.
    """
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "fleetwright.events"
        for tree in _trees(folder, "fleetwright.events")
        for node in ast.walk(tree)
    )


def _trees(folder: Path, containing: str) -> Iterator[ast.Module]:
    """Yield the modules of a service whose text contains something."""
    for path in sorted((folder / "src").rglob("*.py")):
        try:
            text = path.read_text("utf-8")
            # Parsing every file would cost the start a second.
            tree = ast.parse(text) if containing in text else None
        except (OSError, ValueError, SyntaxError):
            continue
        if tree is not None:
            yield tree


def _named(tree: ast.AST) -> Iterable[str]:
    """Yield the constant values of the keyword `provider` of calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "provider":
            value = node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def closure(names: Iterable[str], needs: Mapping[str, frozenset[str]]) -> set[str]:
    """Return services with all that they need, directly and through others.

    Args:
        names: Services.
        needs: What each service of the fleet needs.
    """
    found: set[str] = set()
    ahead = set(names)
    while ahead:
        name = ahead.pop()
        found.add(name)
        ahead |= needs.get(name, frozenset()) - found
    return found
