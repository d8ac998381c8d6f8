"""Where something is declared: `orders.clients:Catalog.quotes` to a file and a line."""

import ast
from collections.abc import Iterator
from pathlib import Path

from fleetwright_cli.fleet import Fleet

Place = tuple[Path, int]


class Declarations:
    """The declarations of services and libraries; each file is parsed once."""

    def __init__(self, fleet: Fleet) -> None:
        """Look at nothing yet.

        Args:
            fleet: The fleet on disk.
        """
        folders = [one.folder for one in fleet.services.values()]
        folders += [one.folder for one in fleet.libraries.values()]
        self._folders = [folder / "src" for folder in folders]
        self._lines: dict[Path, dict[str, int]] = {}

    def place(self, name: str) -> Place | None:
        """Return the file and the line of a declaration; None where it is not found.

        Args:
            name: Module and name in it, `orders.clients:Catalog.quotes`.
        """
        module, _, member = name.partition(":")
        file = self._file(module)
        if file is None:
            return None
        if file not in self._lines:
            self._lines[file] = dict(_lines(file))
        return file, self._lines[file].get(member, 1)

    def _file(self, module: str) -> Path | None:
        parts = module.split(".")
        for folder in self._folders:
            below = folder.joinpath(*parts)
            for file in (below.with_suffix(".py"), below / "__init__.py"):
                if file.is_file():
                    return file
        return None


def _lines(file: Path) -> Iterator[tuple[str, int]]:
    """Yield the classes and functions of a module with their lines."""
    try:
        waiting: list[tuple[str, ast.AST]] = [("", ast.parse(file.read_text("utf-8")))]
    except (OSError, ValueError, SyntaxError):
        return
    while waiting:
        prefix, node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{prefix}{child.name}"
                yield name, child.lineno
                inner = "" if isinstance(child, ast.ClassDef) else "<locals>."
                waiting.append((f"{name}.{inner}", child))
