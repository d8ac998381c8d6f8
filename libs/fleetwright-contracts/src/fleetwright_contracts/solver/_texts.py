"""Is there a text of some length that matches, does not match, and has a format?"""

from collections.abc import Iterable, Sequence

from fleetwright_contracts._formats import FORMATS
from fleetwright_contracts.errors import ContractError
from fleetwright_contracts.regexes import find_text
from fleetwright_contracts.shapes import Shape, Shapes, holds
from fleetwright_contracts.shapes._model import HasFormat, Length, Matches
from fleetwright_contracts.solver._answers import NOWHERE, Answer, Found, Unsure

_TRIES = ("", "a", "0", "A", "-", "a b", "é")


def find_string(
    shapes: Shapes, conditions: Iterable[Shape], excluded: Sequence[str]
) -> Answer:
    """Return a text for which all conditions hold.

    Args:
        shapes: Who made the conditions.
        conditions: Conditions on texts.
        excluded: Texts that it is not.
    """
    wanted = list(conditions)
    formats = {one.format: one.negative for one in wanted if isinstance(one, HasFormat)}
    if len(formats) < len({one for one in wanted if isinstance(one, HasFormat)}):
        return NOWHERE  # a format it must have and must not have
    whole = shapes.every([*wanted, shapes.not_among(excluded)])
    tries = [text for name in formats if name in FORMATS for text in _samples(name)]
    for text in tries:
        if holds(shapes, whole, text):
            return Found(text)
    plain = _without_formats(wanted, excluded)
    if not formats or not isinstance(plain, Found):
        return plain
    for text in (plain.value, *_TRIES):
        if holds(shapes, whole, text):
            return Found(text)
    names = " and ".join(f"`{name}`" for name in formats)
    return Unsure(f"no text was found for the format {names}")


def _samples(name: str) -> tuple[str, ...]:
    """Return texts with a format."""
    return FORMATS[name].samples


def _without_formats(conditions: Iterable[Shape], excluded: Sequence[str]) -> Answer:
    """Return a text for which all holds but the formats."""
    shortest, longest = 0, None
    matched: list[str] = []
    unmatched: list[str] = []
    for condition in conditions:
        match condition:
            case Length(least, most):
                shortest = max(shortest, least)
                if most is not None:
                    longest = most if longest is None else min(longest, most)
            case Matches(pattern, negative):
                (unmatched if negative else matched).append(pattern)
    try:
        text = find_text(
            matched,
            unmatched,
            shortest=shortest,
            longest=longest,
            excluded=excluded,
        )
    except ContractError as error:
        return Unsure(error.message)
    return NOWHERE if text is None else Found(text)
