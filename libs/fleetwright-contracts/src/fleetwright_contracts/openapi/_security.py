"""Who may ask: each way in that there was must still be one."""

from typing import Any, TypeAlias

from fleetwright_contracts._findings import Severity
from fleetwright_contracts.openapi._description import Description, Operation
from fleetwright_contracts.openapi._talk import Talk

_Way: TypeAlias = dict[str, frozenset[str]]
_TELLING = ("type", "scheme", "in", "name", "openIdConnectUrl")


def compare_security(talk: Talk, asked: Operation, answered: Operation) -> None:
    """Find what changed in who may ask.

    Args:
        talk: The conversation.
        asked: The operation as requests are made.
        answered: The operation as they are answered.
    """
    before = _ways(talk.asks, asked)
    now = _ways(talk.answers, answered)
    for way in before:
        if not any(_is_enough(way, other) for other in now):
            talk.tell(
                "security-tightened",
                Severity.ERROR,
                f"{_named(way)} is no longer enough",
                answered.place,
                mend="go on accepting it beside the new one",
            )
    used = {name for way in before for name in way}
    for name in sorted(used & {name for way in now for name in way}):
        _compare_scheme(talk, name)


def _ways(description: Description, operation: Operation) -> list[_Way]:
    """Return the ways in; one that asks for nothing is open to all."""
    said = operation.place.schema.get("security")
    if said is None:
        said = description.root.schema.get("security")
    if not isinstance(said, list) or not said:
        return [{}]
    return [
        {name: frozenset(scopes or ()) for name, scopes in way.items()}
        for way in said
        if isinstance(way, dict)
    ]


def _is_enough(way: _Way, wanted: _Way) -> bool:
    """Return whether what one way brings is all that another wants."""
    return all(name in way and scopes <= way[name] for name, scopes in wanted.items())


def _named(way: _Way) -> str:
    """Return what a person calls a way in."""
    if not way:
        return "to ask without a token"
    return " and ".join(
        f"`{name}`" + (f" with {', '.join(sorted(scopes))}" if scopes else "")
        for name, scopes in way.items()
    )


def _compare_scheme(talk: Talk, name: str) -> None:
    """Compare what a scheme of one name means on both sides."""
    one = talk.asks.at(talk.asks.root, "components", "securitySchemes", name)
    other = talk.answers.at(talk.answers.root, "components", "securitySchemes", name)
    if one is None or other is None:
        return
    before: Any = [one.schema.get(key) for key in _TELLING]
    if before != [other.schema.get(key) for key in _TELLING]:
        talk.tell(
            "security-scheme-changed",
            Severity.ERROR,
            f"`{name}` means something else",
            other,
            mend="give the new scheme a new name, and accept both",
        )
