"""One instance: servers under a name, beside other instances."""

import json
import os
import random
import re
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from infrastructure import certificates, processes
from infrastructure.kafka import Kafka
from infrastructure.postgres import Postgres
from infrastructure.problems import InfraError
from infrastructure.rabbit import Rabbit
from infrastructure.server import PORTS, Given, Server, is_free, require_free

KINDS: dict[str, type[Server]] = {kind.kind: kind for kind in (Postgres, Rabbit, Kafka)}
FIRST_PORT = 25_400
_LAST_PORT = 29_990  # below what the system gives to clients
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


class Instance:
    """Servers under one name.

    Attributes:
        name: The name.
        folder: All that belongs to them.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Describe it; nothing is made yet.

        Args:
            folder: Where instances are kept.
            name: Lower case, digits and hyphens.

        Raises:
            InfraError: It is no name.
        """
        if not _NAME.fullmatch(name):
            raise InfraError(
                f"{name!r} is no name: lower case, digits, hyphens; 41 at most"
            )
        self.name = name
        self.folder = folder / name

    def title(self) -> str:
        """Return its name, and those of the instances beside it, for a message."""
        root = self.folder.parent
        there = sorted(each.name for each in root.iterdir()) if root.is_dir() else []
        others = ", ".join(name for name in there if name != self.name)
        return f"{self.name} (there is: {others})" if others else self.name

    def made(self, kinds: Sequence[str] = ()) -> list[Server]:
        """Return the servers that were made, of these kinds; of all for none.

        Args:
            kinds: The kinds that are meant.
        """
        return list(self._made(kinds or tuple(KINDS)))

    def _made(self, kinds: Sequence[str]) -> Iterator[Server]:
        for kind in kinds:
            folder = self.folder / kind
            try:
                kept = json.loads((folder / "given.json").read_text())
            except (OSError, ValueError):
                continue
            yield KINDS[kind](folder, Given(**kept))

    def up(
        self, kind: str, *, port: int | None, durable: bool = False, tls: bool = False
    ) -> Server:
        """Make a server unless it was made, start it, and wait until it answers.

        Args:
            kind: What is made.
            port: The first port of the instance; 0 for any, None for the next free.
            durable: Whether it survives a power cut.
            tls: Whether it speaks TLS, and nothing else.

        Raises:
            MissingError: Something must be installed first.
            InfraError: It could not be made or started; what it left is removed.
        """
        for server in self.made([kind]):
            server.require()
            server.begin()
            return server
        first = self._first_port(port)
        given = Given(first, durable, secrets.token_hex(12), tls)
        server = KINDS[kind](self.folder / kind, given)
        server.require()
        if tls:
            certificates.require_openssl()
        require_free(kind, server.ports())
        try:
            server.folder.mkdir(parents=True)
            server.make()
            server.keep()
            server.begin()
        except BaseException:  # Ctrl-C included: nothing half-made stays
            server.remove()
            self.tidy()
            raise
        return server

    def down(self, kinds: Sequence[str]) -> list[str]:
        """End servers and remove their data.

        Args:
            kinds: Those that are meant; all for none.

        Returns:
            The kinds that were there.
        """
        found = self.made(kinds)
        for server in found:
            server.remove()
        self.tidy()
        return [server.kind for server in found]

    def leash(self, pid: int) -> None:
        """Have the instance end when a process ends, however that happens.

        Args:
            pid: Whose end it is.
        """
        note = self.folder / "leash"
        processes.remember(pid, note)
        words = (str(note), str(self.folder.parent), self.name)
        processes.start(
            [sys.executable, "-m", "infrastructure.leash", *words],
            log=Path(os.devnull),
            note=self.folder / "watcher",
            environment=dict(os.environ),
        )

    def tidy(self) -> None:
        """Remove the folder of an instance without servers."""
        if self.folder.is_dir() and not self.made():
            for name in ("leash", "watcher"):  # who watches it leaves by itself
                (self.folder / name).unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _first_port(self, asked: int | None) -> int:
        """Return the first port of the instance: one for all of its servers."""
        for server in self.made():
            return server.given.first_port
        if asked:
            return asked
        bases = list(range(FIRST_PORT, _LAST_PORT, PORTS))
        if asked == 0:  # many may ask at once: each begins to look elsewhere
            random.shuffle(bases)
        for base in bases:
            if all(is_free(base + place) for place in range(PORTS)):
                return base
        raise InfraError(
            f"no {PORTS} free ports in a row from {FIRST_PORT} to {_LAST_PORT}"
        )
