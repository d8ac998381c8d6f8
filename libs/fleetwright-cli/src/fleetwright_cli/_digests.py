"""Digests of files, the names of what was made from them."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest_of(*parts: bytes | str) -> str:
    """Return the SHA-256 of the parts as 64 hexadecimal digits.

    Args:
        *parts: Texts and bytes; their borders count.
    """
    total = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        total.update(f"{len(raw)}:".encode())
        total.update(raw)
    return total.hexdigest()


def digest_of_files(paths: Iterable[Path], *more: str) -> str:
    """Return the digest of files' contents and some texts.

    Args:
        paths: Files; a missing one counts as such.
        *more: What else belongs to it.
    """
    contents = [path.read_bytes() if path.is_file() else b"\0" for path in paths]
    return digest_of(*contents, *more)
