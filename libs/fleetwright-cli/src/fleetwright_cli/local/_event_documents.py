"""AsyncAPI documents of services: written by each of them, kept beside its code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli.fleet import Service
from fleetwright_cli.local._bus import Answers, Asked, ask_all


@dataclass(frozen=True, slots=True)
class Documents:
    """What the documents of services should say, against what is kept.

    Attributes:
        stale: The file of each service whose document is not what its code says.
        texts: What each service says.
        answers: The same with those that could not say it.
    """

    stale: Mapping[str, Path]
    texts: Mapping[str, str]
    answers: Answers

    def write(self) -> None:
        """Write those that are stale."""
        for name, file in self.stale.items():
            file.parent.mkdir(exist_ok=True)
            file.write_text(self.texts[name], "utf-8")


def documents(services: Sequence[Service], those: Sequence[Asked]) -> Documents:
    """Return how the documents of services are.

    Args:
        services: Whose.
        those: The same, to be asked.
    """
    answers = ask_all(those, lambda one: one.text("fleetwright.asyncapi"))
    files = {service.name: file_of(service) for service in services}
    stale = {
        name: files[name]
        for name, text in answers.said.items()
        if not files[name].is_file() or files[name].read_text("utf-8") != text
    }
    return Documents(stale, answers.said, answers)


def file_of(service: Service) -> Path:
    """Return where a service's document is kept.

    Args:
        service: Which one.
    """
    return service.folder / "contracts" / "asyncapi.json"
