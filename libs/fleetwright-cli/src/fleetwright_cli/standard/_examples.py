"""Examples of rules: a few files as one text, each below a line with its path."""

import re

_MARK = re.compile(r"^--- (\S+)( \(absent\))?$", re.MULTILINE)


def files_of(example: str) -> dict[str, str | None]:
    """Return the files of an example.

    Args:
        example: Files, each after a line `--- path`; `--- path (absent)` is not there.

    Returns:
        Contents by path; None for what is absent.
    """
    parts = _MARK.split(example)[1:]
    return {
        path: None if absent else content.removeprefix("\n")
        for path, absent, content in zip(
            parts[::3], parts[1::3], parts[2::3], strict=True
        )
    }
