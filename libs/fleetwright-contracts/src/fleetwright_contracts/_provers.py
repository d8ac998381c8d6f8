"""Further provers, asked where ours does not know; none is needed, or used unasked."""

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from fleetwright_contracts.schemas import DRAFT_2020, Dialect

_PINNED = ((0, 60), (0, 62))
_DRAFTS = {4: 4, 6: 6, 7: 7, 2019: 19, 2020: 20}
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef", "$id", "id"})
# What it must prove, and what it must not: else it is another one than it was.
_TRUE = (
    ({"type": "integer"}, {"type": "number"}),
    ({"type": "string", "minLength": 2}, {"type": "string", "minLength": 1}),
)
_FALSE = (
    ({"type": "number"}, {"type": "integer"}),
    ({"type": "object"}, {"type": "object", "required": ["a"]}),
    ({"enum": [1, 2]}, {"enum": [1]}),
    ({"multipleOf": 2}, {"multipleOf": 4}),
)


class Prover(Protocol):
    """Proves that one schema fits another; knows no witnesses."""

    def proves(self, sent: Any, read: Any, dialect: Dialect) -> bool:
        """Return whether it is proved that every value of one is one of the other.

        Args:
            sent: The schema of what is sent.
            read: The schema of what is read.
            dialect: How both are read.
        """
        ...


def rust_prover() -> Prover | None:
    """Return the prover of `jsonschema-rs`.

    Returns:
        None where it is not installed, is another version than those it was tried
        with, or does not prove what it should.
    """
    try:
        found = re.findall(r"\d+", version("jsonschema-rs"))[:2]
    except PackageNotFoundError:
        return None
    if not _PINNED[0] <= tuple(map(int, found)) < _PINNED[1]:
        return None
    prover = _Rust()
    proved = [prover.proves(one, other, DRAFT_2020) for one, other in _TRUE]
    wrong = [prover.proves(one, other, DRAFT_2020) for one, other in _FALSE]
    return prover if all(proved) and not any(wrong) else None


class _Rust:
    """The experimental containment of `jsonschema-rs`."""

    def proves(self, sent: Any, read: Any, dialect: Dialect) -> bool:
        """Return whether it is proved; references and formats are not handed over.

        Args:
            sent: The schema of what is sent.
            read: The schema of what is read.
            dialect: How both are read.
        """
        if dialect.checks_formats or _refers(sent) or _refers(read):
            return False
        import jsonschema_rs

        draft = _DRAFTS[dialect.year]
        try:
            one, other = (
                jsonschema_rs.canonicalize(schema, draft=draft, offline=True)
                for schema in (sent, read)
            )
            return bool(other.covers(one).value == "yes")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # what ends in Rust is no `Exception` at all
            return False


def _refers(schema: Any) -> bool:
    """Return whether there is a reference or a name anywhere in a schema."""
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if not one.keys().isdisjoint(_REFERENCES):
                return True
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False
