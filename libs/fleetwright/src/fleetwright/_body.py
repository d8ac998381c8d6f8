"""The body of a request: how long it may be, and which JSON is safe to parse."""

import json
import math
import re
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, Final, NoReturn

from fleetwright._problem import Problem

JSON_DEPTH: Final = 64
JSON_NODES: Final = 100_000
JSON_DIGITS: Final = 20  # of a whole number; what fits into 64 bits has no more

# Matches from every quote, also where the string never ends: one that failed there
# would be tried again from each quote in it, which takes the square of the length.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_LONG_NUMBER = re.compile(rb"[0-9]{21}|[eE]\+?[0-9]{3}")
_LONG_INTEGER = re.compile(
    rb"(?<![0-9.eE+\-])-?[0-9]{%d,}(?![0-9.eE])" % (JSON_DIGITS + 1)
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_OPENING = bytes(set(range(256)) - set(b"[{]}"))  # what is left out to see brackets
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class Incoming:
    """What the head of a request promises of its body.

    Attributes:
        is_json: Whether the body claims to be JSON.
        length: Its length in bytes, if the client told; else -1.
    """

    __slots__ = ("_read", "is_json", "length")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Read the head.

        Args:
            headers: Names in lower case and values, as in an ASGI scope.
        """
        self.is_json = False
        self.length = -1
        self._read = 0
        for name, value in headers:
            if name == b"content-type":
                self.is_json |= is_json_type(value)
            elif name == b"content-length" and value.isdigit():
                self.length = int(value)

    def take(self, piece: bytes, most: int) -> None:
        """Count a piece that came in.

        Args:
            piece: The next piece.
            most: How long the whole may be, in bytes.

        Raises:
            Problem: 413, it is or will be longer.
        """
        self._read += len(piece)
        if self._read > most or self.length > most:
            raise too_long(most)


def too_long(most: int) -> Problem:
    """Return the answer to a body that is too long.

    Args:
        most: How long it may be, in bytes.
    """
    return Problem(
        413,
        "The body is too long",
        detail=f"At most {most} bytes are read here.",
        kind="body_too_long",
    )


def is_json_type(content_type: bytes) -> bool:
    """Return whether a content type says JSON.

    Args:
        content_type: For example `application/json; charset=utf-8`.

    Returns:
        True for `application/json` and every `+json`.
    """
    # As a str: what parses the body strips all that Unicode calls space, \xa0 too.
    kind = content_type.decode("latin-1").partition(";")[0].strip().lower()
    return kind.endswith(("/json", "+json"))


def check_json(body: bytes) -> None:
    """Refuse JSON that is broken, ambiguous, or built to hurt who parses it.

    Args:
        body: The whole body.

    Raises:
        Problem: 400, with what is wrong in `detail`.
    """
    if not body:
        return
    try:
        _check_size(body)
        suspicious = _LONG_NUMBER.search(body) is not None
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_finite if suspicious else None,
        )
        if _SURROGATE.search(body) is not None:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError:
        _refuse("it is not UTF-8")
    except UnicodeEncodeError:
        _refuse("it has half a surrogate pair")
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} at character {error.pos}")


def _check_size(body: bytes) -> None:
    """Refuse what is too deep, too much or too long, before anything is built of it."""
    opened = body.count(b"[") + body.count(b"{")
    nodes = opened + body.count(b",") + 1
    long_number = _LONG_NUMBER.search(body) is not None
    if opened <= JSON_DEPTH and nodes <= JSON_NODES and not long_number:
        return  # also where all of them were in strings
    bare = _STRINGS.sub(b'""', body)
    opened = bare.count(b"[") + bare.count(b"{")
    if opened + bare.count(b",") + 1 > JSON_NODES:
        _refuse(f"it has more than {JSON_NODES} values")
    brackets = bare.translate(None, _OPENING)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > JSON_DEPTH:
        _refuse(f"it is nested deeper than {JSON_DEPTH} levels")
    if long_number and _LONG_INTEGER.search(bare) is not None:
        _refuse(f"it has a whole number of more than {JSON_DIGITS} digits")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse("an object has two members of one name")
    return found


def _no_constant(word: str) -> NoReturn:
    _refuse(f"{word} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse("it has a number too large to be one")
    return number


def _refuse(why: str) -> NoReturn:
    raise Problem(
        400, "The body is not acceptable JSON", detail=f"{why[:200]}.", kind="bad_json"
    )
