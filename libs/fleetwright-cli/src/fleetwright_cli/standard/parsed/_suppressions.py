"""Comments that silence a tool, and whether they say what and why."""

import io
import re
import tokenize
from collections.abc import Iterator

from fleetwright_cli.standard.parsed._python import Suppression

_SILENCES = re.compile(
    r"#\s*(noqa|type:\s*ignore|pragma:\s*no cover|nosec)\b(:?\s*\[?[A-Z]+\d[\w, ]*\]?"
    r"|\[[\w, -]+\]|:[\w, -]+)?\s*(.*)",
    re.IGNORECASE,
)
_MAY_SILENCE = re.compile(rb"noqa|type:\s*ignore|pragma|nosec", re.IGNORECASE)


def suppressions(content: bytes, texts: list[tuple[int, int]]) -> Iterator[Suppression]:
    """Yield the comments that silence a tool.

    Args:
        content: The file's bytes.
        texts: Where texts of several lines stand: first and last line.
    """
    if not _MAY_SILENCE.search(content):
        return
    before = ""
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        above, before = before, line.strip()
        found = _SILENCES.search(line)
        if not found or any(begin <= number < end for begin, end in texts):
            continue
        if _is_comment(line, found.start()):
            kind = re.sub(r"\s+", " ", found[1].lower())
            has_reason = len(found[3].strip(" -#:,")) > 2 or above.startswith("#")
            yield Suppression(kind, number, bool(found[2]), has_reason)


def _is_comment(line: str, position: int) -> bool:
    """Return whether a position of a line is inside a comment, not a text."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(line.strip()).readline):
            if token.type == tokenize.COMMENT:
                return token.start[1] <= position - len(line) + len(line.lstrip())
    except (tokenize.TokenError, SyntaxError):
        # The line goes on in the next one: what follows an odd quote is inside a text.
        return line[:position].count('"') % 2 == 0
    return False
