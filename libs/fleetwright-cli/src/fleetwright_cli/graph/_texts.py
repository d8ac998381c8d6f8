"""The graph as words, as Mermaid and as JSON-ready values."""

from collections.abc import Iterable

from fleetwright_cli.graph._graph import Edge, Graph

_ARROWS = {"library": "-->", "call": "==>", "event": "-.->"}


def text_of(graph: Graph) -> str:
    """Return the graph for a person.

    Args:
        graph: Who needs whom.
    """
    parts = [
        _part("calls", graph.of("call"), "->"),
        _part("events, heard from", graph.of("event"), "<-"),
        _part("libraries", graph.of("library"), "->"),
        _part("libraries of tests alone", graph.of("test"), "->"),
    ]
    lines = [line for part in parts for line in part]
    for title, chain in _chains(graph):
        if len(chain) > 1:
            lines.append(f"longest chain of {title}: {' > '.join(chain)}")
    lines += [f"cycle of {title}: {' <> '.join(one)}" for title, one in _cycles(graph)]
    lines += [f"undeclared {_words(one)} ({one.where})" for one in graph.undeclared]
    lines += [f"unused {_words(one)} ({one.where})" for one in graph.unused]
    lines += [f"published and heard by nobody: {one}" for one in graph.unheard]
    lines += [f"heard and published by nobody: {one}" for one in graph.unpublished]
    return "\n".join(lines) or "nobody needs anybody"


def mermaid_of(graph: Graph) -> str:
    """Return the graph as a flowchart of Mermaid.

    Args:
        graph: Who needs whom.
    """
    lines = ["flowchart LR"]
    keys = {one.name: f"n{number}" for number, one in enumerate(graph.nodes)}
    shapes = {"service": ("[", "]"), "library": ("([", "])"), "external": ("[/", "/]")}
    for node in graph.nodes:
        begin, end = shapes[node.kind]
        lines.append(f'  {keys[node.name]}{begin}"{node.name}"{end}')
    for edge in graph.edges:
        if edge.kind in _ARROWS:
            label = f'|"{"<br>".join(edge.topics)}"|' if edge.topics else ""
            arrow = _ARROWS[edge.kind] + label
            lines.append(f"  {keys[edge.source]} {arrow} {keys[edge.target]}")
    return "\n".join(lines)


def facts_of(graph: Graph) -> dict[str, object]:
    """Return the graph as JSON-ready values.

    Args:
        graph: Who needs whom.
    """
    return {
        "nodes": [
            {"name": one.name, "kind": one.kind, "folder": one.folder}
            for one in graph.nodes
        ],
        "edges": [_edge(one) for one in graph.edges],
        "chains": {title: list(chain) for title, chain in _chains(graph)},
        "depth": {title: len(chain) for title, chain in _chains(graph)},
        "cycles": [
            {"of": title, "names": list(names)} for title, names in _cycles(graph)
        ],
        "undeclared": [_edge(one) for one in graph.undeclared],
        "unused": [_edge(one) for one in graph.unused],
        "unheard": list(graph.unheard),
        "unpublished": list(graph.unpublished),
    }


def _part(title: str, edges: Iterable[Edge], arrow: str) -> list[str]:
    """Return one kind of edges, a line for each that needs something."""
    needs: dict[str, list[str]] = {}
    for one in edges:
        said = f"{one.target} ({', '.join(one.topics)})" if one.topics else one.target
        needs.setdefault(one.source, []).append(said)
    if not needs:
        return []
    width = max(map(len, needs))
    lines = [
        f"  {name:<{width}} {arrow} {', '.join(targets)}"
        for name, targets in needs.items()
    ]
    return [title, *lines, ""]


def _chains(graph: Graph) -> list[tuple[str, tuple[str, ...]]]:
    """Return the longest chains, by what they are made of."""
    return [
        ("calls", graph.chain("call")),
        ("libraries", graph.chain("library")),
    ]


def _cycles(graph: Graph) -> list[tuple[str, tuple[str, ...]]]:
    """Return all circles, by what they are made of."""
    found = [("calls", one) for one in graph.cycles("call")]
    found += [("libraries", one) for one in graph.cycles("library")]
    seen = {one for _, one in found}
    both = graph.cycles("call", "event")
    return found + [("calls and events", one) for one in both if one not in seen]


def _words(edge: Edge) -> str:
    """Return an edge in words."""
    return f"{edge.kind}: {edge.source} -> {edge.target}"


def _edge(edge: Edge) -> dict[str, object]:
    """Return an edge as JSON-ready values."""
    return {
        "source": edge.source,
        "target": edge.target,
        "kind": edge.kind,
        "declared": edge.is_declared,
        "seen": edge.is_seen,
        "topics": list(edge.topics),
        "where": edge.where,
    }
