"""Each file is parsed once: in this run for all rules, over runs by its content."""

import gc
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fleetwright_cli.standard._cache import form, write
from fleetwright_cli.standard.parsed import (
    Python,
    Requirements,
    read_python,
    read_requirements,
)

WORTH_PROCESSES = 200
_LOADERS: dict[str, Callable[[Any], Any]] = {
    "python": Python.load,
    "requirements": Requirements.load,
}


class Facts:
    """What was read from files, by kind and content."""

    def __init__(
        self, folder: Path | None = None, *, workers: int | None = None
    ) -> None:
        """Take up what earlier runs kept.

        Args:
            folder: Where it is kept; None for this run alone.
            workers: How many processes parse; as many as there are cores when None.
        """
        self._file = folder / f"facts-{form()}.json" if folder else None
        self._workers = workers or os.cpu_count() or 1
        self._loaded: dict[str, Any] | None = None
        self._made: dict[str, Any] = {}
        self._used: set[str] = set()
        self._is_new = False

    def get(self, kind: str, content: bytes) -> Any:
        """Return what a file says.

        Args:
            kind: `python` or `requirements`.
            content: Its bytes.
        """
        key = _key(kind, content)
        self._used.add(key)
        if key not in self._made:
            if key not in self._raw:
                self._raw[key], self._is_new = _read(kind, content), True
            try:
                self._made[key] = _LOADERS[kind](self._raw[key])
            except (TypeError, ValueError, KeyError, IndexError):
                self._raw[key], self._is_new = _read(kind, content), True
                self._made[key] = _LOADERS[kind](self._raw[key])
        return self._made[key]

    def prepare(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Read what is not known yet, in several processes when it is much.

        Args:
            files: Kinds and contents.
        """
        new = {key: one for one in files if (key := _key(*one)) not in self._raw}
        if self._workers < 2 or len(new) < WORTH_PROCESSES:
            return
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        start = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
        context = multiprocessing.get_context(start)
        with ProcessPoolExecutor(self._workers, mp_context=context) as pool:
            chunk = len(new) // (self._workers * 4) + 1
            read = pool.map(_read_one, new.values(), chunksize=chunk)
            self._raw.update(zip(new, read, strict=True))
        self._is_new = True

    def keep(self) -> None:
        """Write what this run used, for the next one."""
        if self._file is None or not self._is_new:
            return
        write(self._file, {key: self._raw[key] for key in self._used})

    @property
    def _raw(self) -> dict[str, Any]:
        """What is known, as JSON: what was kept is read when something is asked."""
        if self._loaded is None:
            self._loaded = self._kept()
        return self._loaded

    def _kept(self) -> dict[str, Any]:
        """Return what earlier runs kept; nothing when it is broken."""
        if self._file is None:
            return {}
        try:
            found = json.loads(self._file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _key(kind: str, content: bytes) -> str:
    """Return what a file's facts are kept under."""
    return f"{kind[0]}{hashlib.blake2b(content, digest_size=16).hexdigest()}"


def _read(kind: str, content: bytes) -> Any:
    """Return the facts of a file as JSON-ready values."""
    if kind == "python":
        return read_python(content)
    return read_requirements(content.decode(errors="replace"))


def _read_one(file: tuple[str, bytes]) -> Any:
    """Return the facts of a file, in another process."""
    return _read(*file)


@contextmanager
def uncollected() -> Iterator[None]:
    """Have nobody look for cycles in a block: syntax trees have none, and are many."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
