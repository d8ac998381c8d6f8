"""What must never get into an image: secrets in the files it is made from."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy.images._inputs import inputs

# Who writes this beside a value has looked at it: a sample in a docstring, say.
NO_SECRET = "fleet: no secret"  # noqa: S105 - it says so itself
_LARGEST_BYTES = 1_000_000
_FORMATS = (
    ("a private key", rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/]{16}"),
    ("a key of AWS", rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a token of GitHub", rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,})"),
    ("a token of GitLab", rb"\bglpat-[\w-]{20,}"),
    ("a token of Slack", rb"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
    ("a key of Google", rb"\bAIza[\w-]{35}\b"),
    ("a key of Stripe", rb"\b[rs]k_live_[A-Za-z0-9]{20,}"),
    ("a token of PyPI", rb"\bpypi-[\w-]{60,}"),
    ("a JSON web token", rb"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}"),
    # Samples say `password` themselves.
    (
        "a password in a URL",
        rb"\b[a-z][a-z0-9+]*://[\w.-]+:(?!(?i:password|secret|example|change))"
        rb"[^\s:/@{<$%*'\"]{6,}@[\w.-]+",
    ),
)
_KNOWN = re.compile(b"|".join(b"(%s)" % pattern for _, pattern in _FORMATS))
_FILES = re.compile(
    r"(^|/)(\.env(\..+)?|id_(rsa|dsa|ecdsa|ed25519)|.+\.(pem|p12|pfx))$"
)


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret that would be in an image.

    Attributes:
        path: The file, below the root.
        line: The line there, from 1.
        what: What it looks like.
    """

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        """Return it in one line; never the secret itself."""
        return f"{self.path}:{self.line} {self.what}"


def leaks(world: World, service: str) -> Iterator[Leak]:
    """Yield the secrets in the files that an image is made from.

    Known forms only: what merely looks random is too often none.

    Args:
        world: The fleet.
        service: The service's name.
    """
    for path in inputs(world, service):
        name = path.relative_to(world.fleet.root).as_posix()
        if _FILES.search(name) and not name.endswith((".example", ".sample")):
            yield Leak(name, 1, "is a file of secrets")
        stat = path.stat()
        if stat.st_size <= _LARGEST_BYTES:
            for line, what in _within(path, stat.st_mtime_ns):
                yield Leak(name, line, what)


@functools.cache
def _within(path: Path, changed_at: int) -> tuple[tuple[int, str], ...]:
    """Return the lines of a file with secrets; a library's are looked at once."""
    content = path.read_bytes()
    found = []
    for one in _KNOWN.finditer(content):
        line = content.count(b"\n", 0, one.start()) + 1
        if NO_SECRET.encode() not in content.splitlines()[line - 1]:
            kind = next(number for number, text in enumerate(one.groups()) if text)
            found.append((line, _FORMATS[kind][0]))
    return tuple(found)
