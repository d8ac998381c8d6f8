"""Who needs whom in a fleet: by libraries, by calls, by events."""

from fleetwright_cli.graph._drawing import drawing_of
from fleetwright_cli.graph._graph import Edge, Graph, Kind, Node
from fleetwright_cli.graph._reading import read_graph
from fleetwright_cli.graph._texts import facts_of, mermaid_of, text_of

__all__ = [
    "Edge",
    "Graph",
    "Kind",
    "Node",
    "drawing_of",
    "facts_of",
    "mermaid_of",
    "read_graph",
    "text_of",
]
