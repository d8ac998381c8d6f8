"""Lookaheads at the beginning of an expression, as expressions of their own.

`^(?=.*[0-9])(?!admin)[a-z0-9]+$` asks three things of one text: `^(?:.*[0-9])` is
found, `^(?:admin)` is not, and `^[a-z0-9]+$` is. Elsewhere a lookahead stays undecided.
"""

import functools

from fleetwright_contracts.regexes._parse import Edge, Look, Sequence, parse


@functools.lru_cache(maxsize=1024)
def split_lookaheads(pattern: str) -> tuple[tuple[str, bool], ...]:
    """Return (expression, is negative) pairs that together mean the same.

    Args:
        pattern: The expression.

    Returns:
        Only the expression itself where it does not begin with lookaheads.

    Raises:
        Unreadable: It is no regular expression.
        Unsupported: It looks behind, refers back, or asks for word boundaries.
    """
    tree = parse(pattern)
    parts = tree.parts if isinstance(tree, Sequence) else (tree,)
    if not (parts and isinstance(parts[0], Edge) and parts[0].at_start):
        return ((pattern, False),)
    rest = pattern[1:]
    found: list[tuple[str, bool]] = []
    for part in parts[1:]:
        if not isinstance(part, Look):
            break
        found.append((f"^(?:{part.text})", part.negative))
        rest = rest[len(part.text) + len("(?=)") :]
    return (*found, (f"^{rest}", False))
