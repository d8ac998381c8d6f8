"""Servers of our own, durable, that may be killed: PostgreSQL, RabbitMQ, Kafka."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from pathlib import Path
from urllib.parse import urlsplit

from tortured.network import Wire

_INFRA = Path(__file__).parents[2] / "scripts" / "infra"
SESSION_SECONDS = 3  # of members of Kafka's groups: less than a pause
_FAR = 7  # the place of Kafka's second listener among the ports of an instance


class Server:
    """One server, and the network before it.

    Attributes:
        kind: `postgres`, `rabbit` or `kafka`.
        url: Where it is.
        wire: The network before it.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        """Describe it.

        Args:
            kind: Which.
            folder: Where its data and logs are to be.
        """
        self.kind, self.url = kind, ""
        self.wire = Wire(0)
        self._folder = folder / "servers"

    async def up(self) -> None:
        """Make and start it, and the network before it."""
        # Killed, we leave nothing behind.
        words = ("up", self.kind, "--durable", "--while", str(os.getpid()))
        told = json.loads(await self._infra(*words, "--port", "0", "--json"))[self.kind]
        self.url = told["url"]
        if self.kind == "kafka":
            self.url += f"?session_seconds={SESSION_SECONDS}"
        self.wire.target = int(urlsplit(self.url).port or 0)
        await self.wire.open()
        if self.kind == "kafka":
            await self._listen_behind_the_wire(Path(told["folder"]))

    @property
    def far_url(self) -> str:
        """Where it is, over the network that can be cut."""
        port = urlsplit(self.url).port
        return self.url.replace(f":{port}", f":{self.wire.port}", 1)

    async def kill(self) -> None:
        """Kill it as a power cut would; its data stays."""
        await self._infra("kill", self.kind)

    async def start(self) -> None:
        """Start it on the data that is there, unless it runs, until it answers."""
        await self._infra("start", self.kind)

    async def down(self) -> None:
        """End it and remove its data."""
        self.wire.close()
        await self._infra("down")

    async def _listen_behind_the_wire(self, folder: Path) -> None:
        """Have Kafka tell clients who come over the network to stay there."""
        await self._infra("stop", self.kind)
        port = self.wire.target
        self.wire.target = port - 5 + _FAR
        settings = folder / "server.properties"
        text = settings.read_text()
        for name, far in (
            ("listeners", self.wire.target),
            ("advertised.listeners", self.wire.port),
        ):
            near = f"\n{name}=PLAINTEXT://127.0.0.1:{port}"
            assert near in text, f"{settings} has no {name} as expected"
            text = text.replace(near, f"{near},FAR://127.0.0.1:{far}")
        text += "listener.security.protocol.map="
        text += "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT\n"
        text += f"group.min.session.timeout.ms={1000 * SESSION_SECONDS}\n"
        settings.write_text(text)
        await self._infra("start", self.kind)

    async def _infra(self, verb: str, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(str(_INFRA), verb, *words, "--name", self.kind),
            stdout=PIPE,
            stderr=(self._log()).open("ab"),
            env={**os.environ, "FLEET_INFRA_DIR": str(self._folder)},
            start_new_session=True,  # Ctrl-C is ours to heed
        )
        out, _ = await process.communicate()
        if process.returncode:
            said = self._log().read_text()[-1000:]
            raise RuntimeError(f"scripts/infra {verb} {self.kind}:\n{said}")
        return out.decode()

    def _log(self) -> Path:
        self._folder.mkdir(exist_ok=True, parents=True)
        return self._folder / f"{self.kind}.log"
