"""Contracts as files beside the code: written, read, and compared with what it says."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.contracts._extraction import Extraction
from fleetwright_cli.fleet import Fleet, Service

KINDS = ("openapi", "asyncapi", "needs")
_FOLDER = "contracts"


@dataclass(frozen=True, slots=True)
class Drift:
    """A kept contract that is not what the code says.

    Attributes:
        service: Whose.
        kind: `openapi`, `asyncapi` or `needs`.
        file: Where it is kept, or would be.
        text: What it should say; None where there should be no file.
    """

    service: str
    kind: str
    file: Path
    text: str | None

    @property
    def what(self) -> str:
        """What is wrong, in a few words."""
        if self.text is None:
            return "is there, and the code says nothing of it"
        return "is not what the code says" if self.file.is_file() else "is missing"

    def mend(self) -> None:
        """Write the file, or take it away."""
        if self.text is None:
            self.file.unlink()
            return
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(self.text, "utf-8")


def drift(fleet: Fleet, extraction: Extraction) -> list[Drift]:
    """Return the kept contracts that are not what the code says.

    Args:
        fleet: The fleet on disk.
        extraction: What the code says; services that were not asked are left out.
    """
    found = []
    for name, said in extraction.said.items():
        for kind in KINDS:
            file = file_of(fleet.services[name], kind)
            document = said.get(kind)
            text = None if document is None else canonical(document)
            kept = file.read_text("utf-8") if file.is_file() else None
            if kept != text:
                found.append(Drift(name, kind, file, text))
    return found


def canonical(document: Any) -> str:
    """Return a document as the text that is kept: sorted, the same on every machine.

    Args:
        document: JSON-ready values.
    """
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def file_of(service: Service, kind: str) -> Path:
    """Return where a contract is kept.

    Args:
        service: Whose.
        kind: Which.
    """
    return service.folder / _FOLDER / f"{kind}.json"


def frozen(services: Iterable[Service]) -> Mapping[str, Mapping[str, Any]]:
    """Return the kept contracts of services, by name and kind.

    Args:
        services: Which ones; those without contracts have none.

    Raises:
        FleetError: A file cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    for service in services:
        files = {kind: file_of(service, kind) for kind in KINDS}
        found[service.name] = {
            kind: _read(file) for kind, file in files.items() if file.is_file()
        }
    return found


def _read(file: Path) -> Any:
    """Return the document of a file."""
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FleetError(
            f"the contract cannot be read: {error}",
            where=str(file),
            hint="run `fleet contracts freeze`",
        ) from error
