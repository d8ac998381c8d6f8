"""One process as it is to be started."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start, where, and what belongs to it.

    Attributes:
        name: `catalog`, or `catalog-2` for a second replica.
        service: The service it runs.
        argv: Absolute path of the interpreter, and its arguments.
        folder: The service's folder; it runs there.
        environment: Its whole environment.
        port: Where it is to listen on 127.0.0.1.
        grpc_port: Where it is to listen for gRPC; None when it does not.
        log_file: Where its output is kept.
        database_url: The database given to it; None when it has its own setting.
        watched: Folders and files whose changes restart it: its own sources and
            `.env`, and the sources of its libraries.
        needs: Services it calls; they are stopped after it.
    """

    name: str
    service: str
    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    port: int
    log_file: Path
    database_url: str | None = None
    watched: tuple[Path, ...] = ()
    needs: frozenset[str] = field(default_factory=frozenset)
    grpc_port: int | None = None

    @property
    def url(self) -> str:
        """Return its address without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def grpc_url(self) -> str | None:
        """Return its address for gRPC; None when it has none."""
        return f"http://127.0.0.1:{self.grpc_port}" if self.grpc_port else None
