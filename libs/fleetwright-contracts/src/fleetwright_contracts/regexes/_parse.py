"""The text of a regular expression to a tree: ECMA-262 as JSON Schema uses it."""

from dataclasses import dataclass
from typing import TypeAlias

from fleetwright_contracts.errors import Unreadable, Unsupported
from fleetwright_contracts.regexes import _charsets as charsets
from fleetwright_contracts.regexes._charsets import Ranges

_MOST_DEPTH = 60
_MOST_TIMES = 100_000
_CONTROL = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_CLASSES = {"d": charsets.DIGIT, "w": charsets.WORD, "s": charsets.SPACE}


@dataclass(frozen=True, slots=True)
class Letter:
    """One character out of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Sequence:
    """Parts one after the other."""

    parts: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several parts."""

    parts: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part several times; `most` is None where there is no end."""

    part: "Tree"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """The beginning or the end of the text."""

    at_start: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What must, or must not, follow; `text` is the expression inside."""

    tree: "Tree"
    negative: bool
    text: str


Tree: TypeAlias = Letter | Sequence | Choice | Repeat | Edge | Look


def parse(pattern: str) -> Tree:
    """Return the tree of an expression.

    Args:
        pattern: The expression.

    Raises:
        Unreadable: It is no regular expression.
        Unsupported: It looks behind, refers back, or asks for word boundaries.
    """
    parser = _Parser(pattern)
    tree = parser.choice(0)
    if parser.place < len(pattern):
        raise parser.wrong("`)` without `(`")
    return tree


class _Parser:
    """Reads an expression from left to right.

    Attributes:
        place: Where it is.
    """

    def __init__(self, text: str) -> None:
        """Begin at the first character."""
        self.text = text
        self.place = 0

    def wrong(self, why: str) -> Unreadable:
        """Return the error that says what is wrong, and where."""
        return Unreadable(
            f"`{self.text[:80]}` is no regular expression: {why} at {self.place}"
        )

    def unsupported(self, what: str) -> Unsupported:
        """Return the error that says what is not decided."""
        return Unsupported(f"`{self.text[:80]}`: {what} in a pattern is not decided")

    def peek(self, ahead: int = 1) -> str:
        """Return the next characters, without taking them."""
        return self.text[self.place : self.place + ahead]

    def take(self, ahead: int = 1) -> str:
        """Return the next characters and go past them."""
        taken = self.peek(ahead)
        if len(taken) < ahead:
            raise self.wrong("it ends too early")
        self.place += ahead
        return taken

    def choice(self, depth: int) -> Tree:
        """Return alternatives, up to a closing bracket or the end."""
        if depth > _MOST_DEPTH:
            raise self.unsupported("nesting this deep")
        parts = [self.sequence(depth)]
        while self.peek() == "|":
            self.take()
            parts.append(self.sequence(depth))
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def sequence(self, depth: int) -> Tree:
        """Return one alternative."""
        parts: list[Tree] = []
        while self.peek() not in ("", "|", ")"):
            sign = self.peek()
            part = self.single(depth)
            times = self.times()
            if times is not None:
                if sign in "^$":
                    raise self.wrong("nothing to repeat")
                if isinstance(part, Look):
                    raise self.unsupported("a repeated lookahead")
                part = Repeat(part, *times)
            parts.append(part)
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def single(self, depth: int) -> Tree:
        """Return what one quantifier would apply to."""
        letter = self.take()
        if letter == "(":
            return self.group(depth)
        if letter == "[":
            return Letter(self.bracket())
        if letter == ".":
            return Letter(charsets.DOT)
        if letter in "^$":
            return Edge(at_start=letter == "^")
        if letter == "\\":
            return Letter(self.escape(inside=False))
        if letter in "*+?":
            raise self.wrong("nothing to repeat")
        if letter == "{" and self.braces() is not None:
            raise self.wrong("nothing to repeat")
        return Letter(((ord(letter), ord(letter)),))

    def group(self, depth: int) -> Tree:
        """Return what stands between brackets."""
        look: bool | None = None
        if self.peek() == "?":
            self.take()
            sign = self.take()
            if sign in "=!":
                look = sign == "!"
            elif sign == "<" and self.peek() not in ("=", "!"):
                while self.take() != ">":
                    pass
            elif sign != ":":
                raise self.unsupported("a lookbehind or a flag")
        start = self.place
        tree = self.choice(depth + 1)
        text = self.text[start : self.place]
        if self.peek() != ")":
            raise self.wrong("`(` without `)`")
        self.take()
        return tree if look is None else Look(tree, look, text)

    def times(self) -> tuple[int, int | None] | None:
        """Return (least, most) of a quantifier, None where there is none."""
        sign = self.peek()
        found: tuple[int, int | None] | None = {
            "*": (0, None),
            "+": (1, None),
            "?": (0, 1),
        }.get(sign)
        if found is not None:
            self.take()
        elif sign == "{":
            self.take()
            found = self.braces()
            if found is None:
                self.place -= 1
                return None
        if found is not None and self.peek() == "?":
            self.take()  # lazy: the same language
        return found

    def braces(self) -> tuple[int, int | None] | None:
        """Return the numbers after `{` and go past them, None where it is a letter."""
        end = self.text.find("}", self.place)
        inside = self.text[self.place : end] if end >= 0 else ""
        low, comma, high = inside.partition(",")
        if not (low.isascii() and low.isdigit()):
            return None
        if high and not (high.isascii() and high.isdigit()):
            return None
        if len(low) > 6 or len(high) > 6:
            raise self.unsupported("a repetition this long")
        least = int(low)
        most = int(high) if high else (None if comma else least)
        if most is not None and most < least:
            raise self.wrong("the numbers in braces are the wrong way round")
        if max(least, most or 0) > _MOST_TIMES:
            raise self.unsupported("a repetition this long")
        self.place = end + 1
        return least, most

    def bracket(self) -> Ranges:
        """Return the set of a character class; `[` is taken already."""
        negative = self.peek() == "^"
        if negative:
            self.take()
        ranges: list[tuple[int, int]] = []
        while self.peek() != "]":
            first = self.member()
            if self.peek() == "-" and self.peek(2) != "-]" and len(self.peek(2)) == 2:
                self.take()
                last = self.member()
                ranges += self.span(first, last)
            else:
                ranges += first
        self.take()
        found = charsets.union(ranges)
        return charsets.complement(found) if negative else found

    def span(self, first: Ranges, last: Ranges) -> Ranges:
        """Return the range between two members of a class."""
        single = all(len(one) == 1 and one[0][0] == one[0][1] for one in (first, last))
        if not single:  # `[\w-.]`: a hyphen that stands for itself
            return charsets.union((*first, *last, (45, 45)))
        if first[0][0] > last[0][0]:
            raise self.wrong("a range is the wrong way round")
        return ((first[0][0], last[0][0]),)

    def member(self) -> Ranges:
        """Return one member of a character class."""
        letter = self.take()
        if letter == "\\":
            return self.escape(inside=True)
        return ((ord(letter), ord(letter)),)

    def escape(self, *, inside: bool) -> Ranges:
        """Return what a backslash means; it is taken already."""
        sign = self.take()
        if sign.lower() in _CLASSES:
            found = _CLASSES[sign.lower()]
            return charsets.complement(found) if sign.isupper() else found
        if sign in "pP":
            return self.category(negative=sign == "P")
        if sign in _CONTROL:
            return ((_CONTROL[sign], _CONTROL[sign]),)
        if sign == "b" and inside:
            return ((8, 8),)
        if sign in "bB":
            raise self.unsupported("a word boundary")
        code = self.code_of(sign)
        return ((code, code),)

    def code_of(self, sign: str) -> int:
        """Return the character that an escape names by its code, or itself."""
        if sign == "x":
            return self.hexadecimal(self.take(2))
        if sign == "u":
            if self.peek() == "{":
                self.take()
                end = self.text.find("}", self.place)
                digits = self.take(max(end - self.place, 1))
                self.take()
                return self.hexadecimal(digits)
            return self.utf16()
        if sign == "c" and self.peek().isascii() and self.peek().isalpha():
            return ord(self.take()) % 32
        if sign == "0" and not self.peek().isdigit():
            return 0
        if sign.isdigit() or sign == "k":
            raise self.unsupported("a reference back")
        if sign.isascii() and sign.isalpha():
            raise self.wrong(f"`\\{sign}` means nothing")
        return ord(sign)

    def utf16(self) -> int:
        r"""Return the character of `\uXXXX`, two of which may be one character."""
        code = self.hexadecimal(self.take(4))
        if 0xD800 <= code <= 0xDBFF and self.peek(2) == "\\u":
            place = self.place
            self.take(2)
            low = self.hexadecimal(self.take(4))
            if 0xDC00 <= low <= 0xDFFF:
                return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            self.place = place
        return code

    def hexadecimal(self, digits: str) -> int:
        """Return a code point written in hexadecimal digits."""
        try:
            code = int(digits, 16)
        except ValueError:
            raise self.wrong(f"{digits!r} is no hexadecimal number") from None
        if not 0 <= code <= charsets.HIGHEST:
            raise self.wrong(f"{digits!r} is no character")
        return code

    def category(self, *, negative: bool) -> Ranges:
        r"""Return the characters of `\p{...}`."""
        end = self.text.find("}", self.place)
        if self.peek() != "{" or end < 0:
            raise self.wrong("`\\p` without `{...}`")
        name = self.take(end + 1 - self.place)[1:-1]
        found = charsets.category(name)
        if found is None:
            raise self.unsupported(f"the property {name!r}")
        return charsets.complement(found) if negative else found
