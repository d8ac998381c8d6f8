"""What was scaffolded: answers and pristine files, committed with the fleet.

A three-way merge needs to know what a file was before anybody edited it. Each answer
and each pristine file is a file of its own, so that two branches that each add a
service merge without a conflict.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli.scaffold._answers import (
    Answers,
    FleetAnswers,
    LibraryAnswers,
    ServiceAnswers,
    read,
    written,
)
from fleetwright_cli.scaffold._templates import Files, folder_of

NAME = ".scaffold"
# A linter that is led to the pristine files leaves its cache among them.
_CACHES = frozenset(("__pycache__", ".mypy_cache", ".ruff_cache"))


class Record:
    """The record of one fleet, read when it is made and written file by file."""

    def __init__(self, root: Path) -> None:
        """Read what was kept.

        Args:
            root: The fleet's folder.

        Raises:
            FleetError: What was kept cannot be read.
        """
        self._root = root
        self._folder = root / NAME
        self.services: dict[str, ServiceAnswers] = {}
        self.libraries: dict[str, LibraryAnswers] = {}
        self.fleet: FleetAnswers | None = None
        for one in self._answers():
            if isinstance(one, FleetAnswers):
                self.fleet = one
            elif isinstance(one, ServiceAnswers):
                self.services[one.name] = one
            else:
                self.libraries[one.name] = one

    def keep(self, answers: Answers) -> None:
        """Keep what a unit was made with.

        Args:
            answers: The answers.
        """
        if isinstance(answers, FleetAnswers):
            self.fleet = answers
        elif isinstance(answers, ServiceAnswers):
            self.services[answers.name] = answers
        else:
            self.libraries[answers.name] = answers
        name = f"{folder_of(answers) or 'fleet'}.json"
        _write(self._folder / "answers" / name, written(answers))

    def pristine(self) -> Files:
        """Return every scaffolded file as it was before anybody edited it."""
        folder = self._folder / "pristine"
        return {
            path.relative_to(folder).as_posix(): path.read_text("utf-8")
            for path in sorted(folder.rglob("*"))
            if path.is_file() and _CACHES.isdisjoint(path.relative_to(folder).parts)
        }

    def keep_pristine(self, path: str, text: str | None) -> None:
        """Keep one file as the templates say it now.

        Args:
            path: Where it is below the root.
            text: Its text; None where the templates have it no more.
        """
        place = self._folder / "pristine" / path
        if text is None:
            place.unlink(missing_ok=True)
        else:
            _write(place, text)

    def vendored(self) -> dict[str, str]:
        """Return the digests of the libraries that came with the tool, by name."""
        path = self._folder / "vendored.json"
        if not path.is_file():
            return {}
        try:
            return {str(name): str(one) for name, one in _object(path).items()}
        except ValueError as error:
            raise _unreadable(path, error) from error

    def keep_vendored(self, digests: dict[str, str]) -> None:
        """Keep what the libraries that came with the tool were.

        Args:
            digests: Their digests by name.
        """
        text = json.dumps(digests, indent=2, sort_keys=True) + "\n"
        _write(self._folder / "vendored.json", text)

    def _answers(self) -> Iterator[Answers]:
        """Yield all answers; those of a unit that is there no more are passed over."""
        folder = self._folder / "answers"
        for path in sorted(folder.rglob("*.json")):
            where = path.relative_to(self._root).as_posix()
            answers = read(path.read_text("utf-8"), where)
            if (self._root / folder_of(answers)).is_dir():
                yield answers


def _object(path: Path) -> dict[str, object]:
    """Return the JSON object in a file."""
    found = json.loads(path.read_text("utf-8"))
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _unreadable(path: Path, error: Exception) -> FleetError:
    """Return the error of a record that somebody broke."""
    return FleetError(
        f"what was scaffolded cannot be read: {error}",
        where=str(path),
        hint="`git checkout -- .scaffold` brings back what was committed",
    )


def _write(path: Path, text: str) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
