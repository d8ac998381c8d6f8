"""Checks: what `fleet check` and `fleet waivers` said last, and when."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from fleetwright_cli import standard
from fleetwright_cli.console._asked import Asked
from fleetwright_cli.console._site import Site

CHECK_SECONDS = 600.0
_STANDARD = Path(standard.__file__).parent / "rules" / "standard-1.0.md"
_TITLE = re.compile(r"^## \S+ (\d+)\. (.+)$", re.MULTILINE)
_NOTHING: dict[str, Any] = {"at": 0.0, "report": None, "waivers": [], "failed": ""}


class Checked:
    """The standard, held against the repository in processes beside the console.

    What was found is kept until somebody asks for it to be looked at again.
    """

    def __init__(
        self,
        root: Path,
        on_found: Callable[[frozenset[str]], None] = lambda kinds: None,
    ) -> None:
        """Look at nothing yet.

        Args:
            root: The fleet's folder.
            on_found: Told once the answer is there.
        """
        self._root = root
        self._on_found = on_found
        self._lock = threading.Lock()
        self._looking: threading.Thread | None = None
        self._found = _NOTHING

    def checks(self, site: Site, asked: Asked) -> dict[str, Any]:
        """Return what was found last; the first who asks has it looked for."""
        if not self._found["at"]:
            self.again()
        found, thread = self._found, self._looking
        report = found["report"]
        findings = sorted(report["findings"] if report else [], key=_section)
        return {
            "checking": thread is not None and thread.is_alive(),
            **found,
            "sections": [
                {"name": titles().get(number, "Fleet"), "findings": list(those)}
                for number, those in groupby(findings, _section)
            ],
        }

    def again(self) -> bool:
        """Begin to look, if nobody does; return whether it was begun."""
        with self._lock:
            if self._looking is not None and self._looking.is_alive():
                return False
            self._looking = threading.Thread(target=self._look, daemon=True)
            self._looking.start()
            return True

    def _look(self) -> None:
        try:
            report = self._said("check", "--format", "json")
            waivers = self._said("waivers", "--json")["waivers"]
            found = _NOTHING | {"report": report, "waivers": waivers}
        except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            found = _NOTHING | {"failed": f"`fleet check` gave no answer: {error}"}
        self._found = found | {"at": time.time()}
        self._on_found(frozenset({"checks"}))

    def _said(self, *words: str) -> Any:
        """Return what a command says as JSON.

        Raises:
            ValueError: It says something else.
        """
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "fleetwright_cli", *words],
            cwd=self._root,
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise ValueError(done.stderr.strip()[-500:] or "it said nothing") from None


def _section(finding: dict[str, Any]) -> int:
    return int(finding["section"])


@cache
def titles() -> dict[int, str]:
    """Return the titles of the standard's sections by their numbers."""
    text = _STANDARD.read_text("utf-8")
    return {int(it[1]): f"{it[1]}. {it[2]}" for it in _TITLE.finditer(text)}
