"""Expressions as sets of texts, compared with Python's own engine where both agree."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetwright_contracts import Unreadable, Unsupported
from fleetwright_contracts.regexes import automaton, find_text, split_lookaheads

ATOMS = st.sampled_from(["a", "b", "[ab]", "[^a]", ".", "^", r"\d", "(?:ab)"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda both: f"(?:{both[0]}|{both[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}"])).map(
            lambda both: f"(?:{both[0]}){both[1]}"
        ),
    ),
    max_leaves=5,
)
TEXTS = [
    "".join(letters)
    for size in range(4)
    for letters in itertools.product("ab1", repeat=size)
]


@given(PATTERNS)
def test_matching_agrees_with_python(pattern: str) -> None:
    """On plain texts both engines say the same."""
    ours = [text for text in TEXTS if automaton(pattern).matches(text)]

    assert ours == [text for text in TEXTS if re.search(pattern, text)]


@given(PATTERNS, PATTERNS)
def test_found_text_matches_one_and_not_the_other(one: str, other: str) -> None:
    """What is found is right, and where nothing is found no plain text would do."""
    found = find_text([one], [other])

    if found is None:
        assert not [
            text
            for text in TEXTS
            if re.search(one, text) and not re.search(other, text)
        ]
    else:
        assert automaton(one).matches(found)
        assert not automaton(other).matches(found)


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[a", "a{2,1}", "*", "+a", r"\xZZ", "[b-a]", r"\p", r"\q", "^*", "\\"],
)
def test_what_is_no_expression_is_told(pattern: str) -> None:
    """The error says where it goes wrong."""
    with pytest.raises(Unreadable, match="no regular expression"):
        automaton(pattern)


@pytest.mark.parametrize("pattern", [r"a\b", "(?<!a)b", r"(a)\1", r"\p{Odd}", "(?i)a"])
def test_what_is_beyond_us_is_told(pattern: str) -> None:
    """The error says what is not decided."""
    with pytest.raises(Unsupported, match="not decided"):
        automaton(pattern)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"^\s$", "\ufeff", True),
        (r"^\d$", "\u0661", False),
        (r"^\w$", "é", False),
        (r"^\W$", "é", True),
        (r"^\u{1F600}$", "\U0001f600", True),
        (r"^\uD83D\uDE00$", "\U0001f600", True),
        (r"^\cA$", "\x01", True),
        (r"^[\b]$", "\x08", True),
        (r"^\0$", "\x00", True),
        (r"^[\w-]$", "-", True),
        ("^[]$", "a", False),
        ("^[^]$", "\n", True),
        ("^a{,2}$", "a{,2}", True),
        ("^a$", "a\n", False),
        ("a|$^", "b", False),
        ("a|$^", "", True),
        ("^x{0}$", "", True),
        (r"^\P{L}$", "1", True),
    ],
)
def test_signs_mean_what_ecma_says(pattern: str, text: str, expected: bool) -> None:
    """Not what Python says, where the two differ."""
    assert automaton(pattern).matches(text) is expected


def test_lookaheads_at_the_beginning_are_taken_apart() -> None:
    """Each of them becomes an expression of its own."""
    assert split_lookaheads("^(?=.*a)(?!b)[a-z]+$") == (
        ("^(?:.*a)", False),
        ("^(?:b)", True),
        ("^[a-z]+$", False),
    )
    assert split_lookaheads("a+") == (("a+", False),)


def test_length_and_exclusions_are_kept() -> None:
    """The text is within the span and none of those that are excluded."""
    assert find_text(["^a*$"], shortest=3, longest=3) == "aaa"
    assert find_text(["^[ab]$"], excluded=["a"]) == "b"
    assert find_text(["^[ab]$"], excluded=["a", "b"]) is None
    assert find_text(["^a+$"], longest=0) is None
    assert find_text(shortest=2, longest=2, excluded=["aa"]) == "ab"
    assert find_text(longest=0, excluded=[""]) is None


def test_the_very_start_is_no_place_to_come_back_to() -> None:
    """`$^` holds for the empty text alone, though the machine looks the same later."""
    found = find_text(unmatched=["a|$^"])

    assert found
    assert "a" not in found
