"""The graph as SVG: readable on its own, in light and in dark, without a script."""

from collections.abc import Iterable
from html import escape

from fleetwright_cli.graph._graph import Edge, Graph, Node
from fleetwright_cli.graph._layout import WIDTH, Layout, Line, Point, layout

MARGIN = 32.0
HEAD = 62.0
BOX = 48.0
CHIP = 18.0
_STYLE = """
  svg { --page: #ffffff; --ink: #1b1f24; --dim: #57606a; --box: #f6f8fa;
    --edge: #8c959f; --call: #0b5cad; --event: #8250df; --library: #57606a;
    --wrong: #c62828; background: var(--page); }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --ink: #e6edf3; --dim: #9da7b1; --box: #161b22;
      --edge: #6e7681; --call: #6cb6ff; --event: #c297ff; --library: #9da7b1;
      --wrong: #ff7b72; } }
  text { font: 13px system-ui, sans-serif; fill: var(--ink); }
  .title { font-size: 17px; font-weight: 600; }
  .name { font-weight: 600; }
  .dim { font-size: 11px; fill: var(--dim); }
  .label { font-size: 11px; fill: var(--event); stroke: var(--page); stroke-width: 4px;
    paint-order: stroke; text-anchor: middle; }
  rect { fill: var(--box); stroke: var(--edge); }
  .outside rect { stroke-dasharray: 4 3; }
  .line { fill: none; stroke-width: 1.6; }
  .call { stroke: var(--call); } .event { stroke: var(--event); stroke-dasharray: 6 4; }
  .library { stroke: var(--library); }
  .wrong { stroke: var(--wrong); stroke-width: 2.4; }
  .unused { opacity: 0.45; }
  .tip-call { fill: var(--call); } .tip-event { fill: var(--event); }
  .tip-library { fill: var(--library); } .tip-wrong { fill: var(--wrong); }
"""
_KINDS = ("call", "event", "library", "wrong")
_LEGEND = (
    ("call", "calls"),
    ("event", "hears events of"),
    ("library", "uses the library"),
    ("wrong", "undeclared"),
    ("call unused", "declared, not seen"),
)


def drawing_of(graph: Graph, title: str) -> str:
    """Return the graph as an SVG document.

    Services stand left of what they call and hear; the libraries of a service are
    written in its box, since nearly all use the same ones; libraries and what they use
    of one another stand below.

    Args:
        graph: Who needs whom.
        title: What is written above.
    """
    uses = _uses(graph)
    services = [one for one in graph.nodes if one.kind != "library"]
    libraries = [one for one in graph.nodes if one.kind == "library"]
    between = graph.of("call", "event")
    above = _laid(services, between, uses)
    names = {one.name for one in libraries}
    shared = [one for one in graph.of("library") if one.source in names]
    below = _laid(libraries, shared, {})
    gap = above.height + (HEAD if libraries and services else 0)
    width = max(above.width, below.width, 700.0) + 2 * MARGIN
    height = HEAD + gap + below.height + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        "<defs>",
        *map(_tip, _KINDS),
        "</defs>",
        f'<text class="title" x="{MARGIN:g}" y="{MARGIN:g}">{escape(title)}</text>',
        *_legend(),
        f'<g transform="translate({MARGIN:g} {HEAD + MARGIN / 2:g})">',
        *_drawn(services, between, above, uses),
        "</g>",
        f'<g transform="translate({MARGIN:g} {HEAD + MARGIN / 2 + gap:g})">',
        *_drawn(libraries, shared, below, {}),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts)


def _uses(graph: Graph) -> dict[str, list[str]]:
    """Return the libraries of each that is no library."""
    found: dict[str, list[str]] = {}
    for one in graph.of("library"):
        found.setdefault(one.source, []).append(one.target)
    return found


def _height(node: Node, uses: dict[str, list[str]]) -> float:
    """Return how high a box is."""
    return BOX + CHIP * len(uses.get(node.name, ()))


def _laid(
    nodes: Iterable[Node], edges: Iterable[Edge], uses: dict[str, list[str]]
) -> Layout:
    """Return where boxes and lines go; calls keep their direction before events."""
    heights = {one.name: _height(one, uses) for one in nodes}
    lines = [Line(one.source, one.target, one.kind == "event") for one in edges]
    return layout(heights, lines)


def _drawn(
    nodes: Iterable[Node],
    edges: Iterable[Edge],
    made: Layout,
    uses: dict[str, list[str]],
) -> Iterable[str]:
    """Yield lines, then the boxes over them."""
    for edge, points in zip(edges, made.routes, strict=True):
        yield from _line(edge, points)
    for node in nodes:
        x, y = made.boxes[node.name]
        style = ' class="outside"' if node.kind == "external" else ""
        yield f'<g{style} transform="translate({x:.1f} {y:.1f})">'
        yield f"<title>{escape(node.folder or 'outside of this fleet')}</title>"
        height = _height(node, uses)
        yield f'<rect width="{WIDTH:g}" height="{height:g}" rx="8"/>'
        yield f'<text class="name" x="14" y="22">{escape(node.name)}</text>'
        yield f'<text class="dim" x="14" y="38">{node.kind}</text>'
        for number, one in enumerate(uses.get(node.name, ())):
            at = BOX + 8 + number * CHIP
            yield f'<text class="dim" x="14" y="{at:g}">uses {escape(one)}</text>'
        yield "</g>"


def _line(edge: Edge, points: list[Point]) -> Iterable[str]:
    """Yield one edge, with what it stands for to be read under the pointer."""
    kind = edge.kind if edge.is_declared else "wrong"
    unused = "" if edge.is_seen else " unused"
    said = {"call": "calls", "event": "hears", "library": "uses", "test": "uses"}
    words = f"{edge.source} {said[edge.kind]} {edge.target}"
    words += f": {', '.join(edge.topics)}" if edge.topics else ""
    words += "" if edge.is_declared else " (undeclared)"
    words += "" if edge.is_seen else " (declared, not seen in the code)"
    yield "<g>"
    yield f"<title>{escape(words)}</title>"
    yield (
        f'<path class="line {kind}{unused}" d="{_path(points)}"'
        f' marker-end="url(#tip-{kind})"/>'
    )
    if edge.topics:
        x, y = _near_begin(*points[:2])
        more = f"{len(edge.topics)} topics"
        label = edge.topics[0] if len(edge.topics) == 1 else more
        at = f'x="{x:.1f}" y="{y - 4:.1f}"'
        yield f'<text class="label" {at}>{escape(label)}</text>'
    yield "</g>"


def _near_begin(begin: Point, end: Point) -> Point:
    """Return a place on a curve where one the other way round has none of its words."""
    (x1, y1), (x2, y2) = begin, end
    at = 0.36
    flat = at * at * (3 - 2 * at)
    return x1 + (x2 - x1) * (1.5 * at * (1 - at) + at**3), y1 + (y2 - y1) * flat


def _path(points: list[Point]) -> str:
    """Return a line through points, level where it passes a box or a layer."""
    x, y = points[0]
    parts = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in points[1:]:
        if to_y == y:
            parts.append(f"L{to_x:.1f} {to_y:.1f}")
        else:
            middle = (x + to_x) / 2
            curve = f"{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f}"
            parts.append(f"C{curve} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return " ".join(parts)


def _tip(kind: str) -> str:
    """Return the tip of the arrows of one kind."""
    return (
        f'<marker id="tip-{kind}" viewBox="0 0 8 8" refX="7.5" refY="4"'
        ' markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse"'
        f' orient="auto"><path class="tip-{kind}" d="M0 0 8 4 0 8z"/></marker>'
    )


def _legend() -> Iterable[str]:
    """Yield what each kind of line means."""
    for number, (kind, words) in enumerate(_LEGEND):
        x = MARGIN + number * 140
        y = MARGIN + 22
        yield f'<path class="line {kind}" d="M{x:g} {y:g}h24"/>'
        yield f'<text class="dim" x="{x + 30:g}" y="{y + 4:g}">{words}</text>'
