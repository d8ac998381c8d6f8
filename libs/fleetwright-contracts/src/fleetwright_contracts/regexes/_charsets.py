"""Sets of characters, as sorted ranges of code points."""

import functools
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from typing import TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]

HIGHEST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)


def union(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return the ranges sorted, and joined where they touch.

    Args:
        ranges: Pairs (first, last), both included.
    """
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)


def complement(ranges: Ranges) -> Ranges:
    """Return every character that is not in the ranges.

    Args:
        ranges: Sorted ranges.
    """
    found, start = [], 0
    for first, last in ranges:
        if first > start:
            found.append((start, first - 1))
        start = last + 1
    if start <= HIGHEST:
        found.append((start, HIGHEST))
    return tuple(found)


def holds(ranges: Ranges, code: int) -> bool:
    """Return whether a character is in the ranges.

    Args:
        ranges: Sorted ranges.
        code: Its code point.
    """
    place = bisect_right(ranges, (code, HIGHEST + 1)) - 1
    return place >= 0 and ranges[place][0] <= code <= ranges[place][1]


EVERY: Ranges = ((0, HIGHEST),)
DIGIT: Ranges = ((48, 57),)
WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
# ECMA-262: WhiteSpace and LineTerminator.
SPACE: Ranges = (
    (0x09, 0x0D),
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
)
LINE_ENDS: Ranges = ((10, 10), (13, 13), (0x2028, 0x2029))
DOT: Ranges = complement(LINE_ENDS)

_LONG_CATEGORIES = {
    "Letter": "L",
    "Uppercase_Letter": "Lu",
    "Lowercase_Letter": "Ll",
    "Mark": "M",
    "Number": "N",
    "Decimal_Number": "Nd",
    "digit": "Nd",
    "Punctuation": "P",
    "Symbol": "S",
    "Separator": "Z",
    "Space_Separator": "Zs",
    "Other": "C",
}
_CATEGORIES = frozenset(
    [
        "L",
        "Lu",
        "Ll",
        "Lt",
        "Lm",
        "Lo",
        "M",
        "Mn",
        "Mc",
        "Me",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Ps",
        "Pe",
        "Pi",
        "Pf",
        "Po",
        "S",
        "Sm",
        "Sc",
        "Sk",
        "So",
        "Z",
        "Zs",
        "Zl",
        "Zp",
        "C",
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Cn",
    ]
)


@functools.cache
def category(name: str) -> Ranges | None:
    r"""Return the characters of a general category of Unicode.

    Args:
        name: As between the braces of `\p{...}`.

    Returns:
        Its ranges; None where the name is no general category.
    """
    name = name.removeprefix("General_Category=").removeprefix("gc=")
    short = _LONG_CATEGORIES.get(name, name)
    if short not in _CATEGORIES:
        return None
    return union(
        (code, code)
        for code in range(HIGHEST + 1)
        if unicodedata.category(chr(code)).startswith(short)
    )


def representatives(sets: Iterable[Ranges]) -> list[int]:
    """Return one character for each way to be in or out of the sets.

    Args:
        sets: Sets of characters.

    Returns:
        Code points, the ones that read best first. No surrogate is among them: no
        string that can be written as UTF-8 has one.
    """
    distinct = list(dict.fromkeys(sets))
    edges = {0, _SURROGATES[0], _SURROGATES[1] + 1}
    for ranges in distinct:
        for first, last in ranges:
            edges.update((first, last + 1))
    starts = sorted(edge for edge in edges if edge <= HIGHEST)
    best: dict[tuple[bool, ...], tuple[int, int]] = {}
    for place, start in enumerate(starts):
        if _SURROGATES[0] <= start <= _SURROGATES[1]:
            continue
        end = starts[place + 1] - 1 if place + 1 < len(starts) else HIGHEST
        signature = tuple(holds(ranges, start) for ranges in distinct)
        found = _legible(start, end)
        if signature not in best or found < best[signature]:
            best[signature] = found
    return [code for _, code in sorted(best.values())]


_LIKED = {ord(letter): rank for rank, letter in enumerate("a0A-b1B_ .@xyz")}
_UGLY = 1000


def _legible(first: int, last: int) -> tuple[int, int]:
    """Return (rank, code) of the character of a range that reads best."""
    liked = [(rank, code) for code, rank in _LIKED.items() if first <= code <= last]
    if liked:
        return min(liked)
    for code in range(max(first, 33), min(last, 126) + 1):
        return (len(_LIKED) + code, code)
    return (_UGLY, first)
