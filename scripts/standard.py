"""Writes docs/standard.md from the rules of `fleet check`.

venv/bin/python scripts/standard.py            write it
venv/bin/python scripts/standard.py --check    exit 1 when it is stale
"""

import sys
from pathlib import Path

from fleetwright_cli.standard._page import page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "standard.md"


def main() -> int:
    """Write the page, or compare it.

    Returns:
        The exit code: 1 when the page is stale.
    """
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"error: {PAGE} is stale\n")
    sys.stderr.write("hint: run `venv/bin/python scripts/standard.py`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
