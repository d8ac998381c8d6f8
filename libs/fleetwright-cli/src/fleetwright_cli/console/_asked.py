"""What the address of a page says: every choice a person made is in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
MOST = 2_000


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of one address.

    Attributes:
        given: As they came.
    """

    given: QueryParams

    def text(self, name: str, otherwise: str = "") -> str:
        """Return a parameter's text, of bounded length."""
        return str(self.given.get(name, otherwise))[:500]

    def number(self, name: str, otherwise: float) -> float:
        """Return a parameter's number; what is none counts as not given."""
        try:
            found = float(self.given.get(name, ""))
        except ValueError:
            return otherwise
        return found if abs(found) < 1e18 else otherwise

    def count(self, name: str, otherwise: int, most: int = MOST) -> int:
        """Return a parameter's whole number, at least 0."""
        return max(0, min(int(self.number(name, otherwise)), most))

    def many(self, name: str) -> list[str]:
        """Return all values of a parameter, none of them empty."""
        return [value[:500] for value in self.given.getlist(name) if value][:50]

    def with_(self, **changes: Any) -> str:
        """Return the address with other values; None takes a parameter away."""
        kept = [(k, v) for k, v in self.given.multi_items() if k not in changes and v]
        kept += [(k, str(v)) for k, v in changes.items() if v is not None]
        return "?" + urlencode(kept)

    def toggled(self, name: str, value: str) -> str:
        """Return the address with one value of many added or taken away."""
        pair = (name, value)
        kept = [it for it in self.given.multi_items() if it != pair and it[1]]
        if value not in self.given.getlist(name):
            kept.append(pair)
        return "?" + urlencode(kept)


def asked(parameters: Mapping[str, str] | None = None) -> Asked:
    """Return what an address would say that had these parameters.

    Args:
        parameters: Names and values.
    """
    return Asked(QueryParams(dict(parameters or {})))
