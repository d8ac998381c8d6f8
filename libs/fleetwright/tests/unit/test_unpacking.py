"""Compressed bodies, unpacked within bounds."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetwright._unpacking import MOST_RATIO, SLACK_BYTES, Unpacker, unpacker_of
from fleetwright.errors import Unavailable


@given(st.lists(st.binary(max_size=300), max_size=4), st.integers(1, 64))
def test_what_was_packed_comes_out_however_it_was_cut(
    parts: list[bytes], size: int
) -> None:
    """Also where several gzip members follow one another."""
    packed = b"".join(map(gzip.compress, parts))
    unpacker = Unpacker("gzip")

    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    whole = b"".join(map(unpacker.unpacked, pieces))

    assert whole == b"".join(parts)


def test_deflate_is_read_as_the_standard_says() -> None:
    """RFC 9110: the zlib format."""
    assert Unpacker("deflate").unpacked(zlib.compress(b"hello")) == b"hello"


def test_bomb_is_refused_before_it_is_unpacked() -> None:
    """At most a hundred times what came in, and a megabyte."""
    bomb = gzip.compress(b"\0" * (64 * 1024 * 1024))
    unpacker = Unpacker("gzip")

    came_out = len(unpacker.unpacked(bomb[:1000]))
    with pytest.raises(Unavailable, match="unpacks to more than 100 times") as caught:
        for at in range(1000, len(bomb), 1000):
            came_out += len(unpacker.unpacked(bomb[at : at + 1000]))

    assert caught.value.reason == "invalid_answer"
    assert came_out <= MOST_RATIO * len(bomb) + SLACK_BYTES


def test_small_answers_may_be_as_repetitive_as_they_like() -> None:
    """A megabyte of slack: a ratio says little of a few bytes."""
    packed = gzip.compress(b" " * SLACK_BYTES)

    assert len(packed) * MOST_RATIO < SLACK_BYTES
    assert len(Unpacker("gzip").unpacked(packed)) == SLACK_BYTES


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", ""])
def test_packing_nobody_asked_for_does_not_count(encoding: str) -> None:
    """What we cannot bound we do not read."""
    with pytest.raises(Unavailable, match="was not asked for"):
        unpacker_of(encoding)


@pytest.mark.parametrize("encoding", [None, "identity", " Identity "])
def test_what_is_not_packed_needs_no_unpacking(encoding: str | None) -> None:
    """Some servers say so."""
    assert unpacker_of(encoding) is None


def test_damaged_packing_does_not_count() -> None:
    """It is no answer, and no crash."""
    with pytest.raises(Unavailable, match="cannot be unpacked") as caught:
        Unpacker("gzip").unpacked(b"no gzip at all")

    assert caught.value.reason == "invalid_answer"


def test_packing_that_ends_early_is_a_cut() -> None:
    """Half a body is no body, also where the length was right."""
    unpacker = Unpacker("gzip")
    unpacker.unpacked(gzip.compress(b"hello" * 100)[:-4])

    with pytest.raises(Unavailable, match="ends early") as caught:
        unpacker.end()

    assert caught.value.reason == "reset"
