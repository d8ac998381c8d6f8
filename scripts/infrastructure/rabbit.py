"""RabbitMQ from the machine's packages, apart from its own node, if there is one."""

import json
import os
import secrets
import shutil
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

from infrastructure import certificates, processes
from infrastructure.problems import MissingError
from infrastructure.server import (
    HOST,
    Server,
    plain_environment,
    received,
)

# The scripts themselves: those on PATH change to the user rabbitmq first.
_SCRIPTS = Path("/usr/lib/rabbitmq/bin")
_USER = "fleet"
_NOTED_SECONDS = 3.0
_LOOK_SECONDS = 0.05


class Rabbit(Server):
    """One RabbitMQ node with its HTTP API, and the port mapper that Erlang needs."""

    kind = "rabbit"
    variable = "TEST_RABBIT_URL"
    fleet_variable = "BROKER_URL"

    @property
    def url(self) -> str:
        """Where its virtual host `/` is."""
        place = f"{_USER}:{self.given.secret}@{HOST}:{self._port}/"
        if not self.given.tls:
            return f"amqp://{place}"
        return f"amqps://{place}?cafile={quote(str(self.authority))}"

    @property
    def api_url(self) -> str:
        """Where its HTTP API is; the user is the same."""
        return f"http://{HOST}:{self._port + 1}"

    @property
    def _port(self) -> int:
        return self.given.first_port + 1

    @property
    def _mapper(self) -> int:
        return self._port + 3

    def ports(self) -> tuple[int, ...]:
        """Return the ports of AMQP, the HTTP API, Erlang and its port mapper."""
        return (self._port, self._port + 1, self._port + 2, self._mapper)

    def notes(self) -> list[Path]:
        """Return the notes of the node and of its port mapper."""
        return [self.note, self.folder / "mapper"]

    def exports(self) -> dict[str, str]:
        """Return the variables that tell tests of it."""
        return {self.variable: self.url, "TEST_RABBIT_API_URL": self.api_url}

    def fleet_exports(self) -> dict[str, str]:
        """Return the variables that make `fleet up` use it."""
        return {self.fleet_variable: self.url, "RABBIT_API_URL": self.api_url}

    def require(self) -> None:
        """Raise `MissingError` where RabbitMQ is not installed."""
        if not (_SCRIPTS / "rabbitmq-server").exists() or not shutil.which("epmd"):
            raise MissingError(
                "RabbitMQ is not installed: apt-get install rabbitmq-server"
            )

    def make(self) -> None:
        """Write what the node reads; its user is made at its first start."""
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        settings = _SETTINGS + (_SECURED if self.given.tls else _PLAIN)
        if self.given.tls:
            certificates.make_certificate(self.folder, HOST)
        (self.folder / "rabbitmq.conf").write_text(
            settings.format(
                host=HOST,
                port=self._port,
                api=self._port + 1,
                user=_USER,
                secret=self.given.secret,
                folder=self.folder,
            )
        )

    def launch(self) -> None:
        """Start the port mapper, then the node."""
        mapper = ["epmd", "-port", str(self._mapper), "-address", HOST]
        if not processes.running(self.folder / "mapper"):
            self._run(mapper, self.folder / "mapper")
        self._run([str(_SCRIPTS / "rabbitmq-server")], self.note)

    def answers(self) -> bool:
        """Whether AMQP is spoken and our user is let in."""
        try:
            with self.connected() as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                if received(connection, 1) != b"\x01":
                    return False
            login = b64encode(f"{_USER}:{self.given.secret}".encode()).decode()
            request = urllib.request.Request(
                f"{self.api_url}/api/whoami",
                headers={"Authorization": f"Basic {login}"},
            )
            with urllib.request.urlopen(request, timeout=5) as answer:
                return bool(json.load(answer)["name"] == _USER)
        except (OSError, urllib.error.URLError, ValueError):
            return False

    def kill(self) -> None:
        """End it at once, once it has written down which queues it has.

        It does so twice a second. Killed before, it forgets a queue that was just
        declared, starts it anew without a leader and never elects one: whoever uses
        the queue waits for ever. https://github.com/rabbitmq/rabbitmq-server/issues/15725
        """
        until = time.monotonic() + _NOTED_SECONDS
        while processes.running(self.note) and not self._has_noted_queues():
            if time.monotonic() > until:
                break
            time.sleep(_LOOK_SECONDS)
        super().kill()

    def _has_noted_queues(self) -> bool:
        """Whether the register of quorum queues names each that has a folder."""
        for register in self.folder.glob("data/*/quorum/*/names.dets"):
            known = register.read_bytes()
            queues = [one.parent.name for one in register.parent.glob("*/config")]
            if not all(queue.encode() in known for queue in queues):
                return False
        return True

    def _run(self, command: list[str], note: Path) -> None:
        processes.start(
            command, log=self.log, note=note, environment=self._environment()
        )

    def _environment(self) -> dict[str, str]:
        """Return what keeps the node apart from every other on the machine."""
        folder = self.folder
        return plain_environment(
            HOME=str(folder),  # where Erlang looks for the cookie
            LANG=os.environ.get("LANG", "C.UTF-8"),
            ERL_EPMD_PORT=str(self._mapper),
            ERL_EPMD_ADDRESS=HOST,
            RABBITMQ_NODENAME=f"fleet{self._port}@localhost",
            RABBITMQ_DIST_PORT=str(self._port + 2),
            RABBITMQ_CONF_ENV_FILE="/dev/null",
            RABBITMQ_CONFIG_FILE=str(folder / "rabbitmq.conf"),
            RABBITMQ_ADVANCED_CONFIG_FILE=str(folder / "advanced.config"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "enabled_plugins"),
            RABBITMQ_GENERATED_CONFIG_DIR=str(folder / "generated"),
            RABBITMQ_MNESIA_BASE=str(folder / "data"),
            RABBITMQ_LOG_BASE=str(folder / "logs"),
            RABBITMQ_PID_FILE=str(folder / "pid"),
            # Two cores are enough, and an idle node must not spin on them.
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=(
                "-kernel inet_dist_use_interface {127,0,0,1} "
                "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
            ),
        )


_SETTINGS = """\
management.tcp.ip = {host}
management.tcp.port = {api}
default_user = {user}
default_pass = {secret}
default_user_tags.administrator = true
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 512MB
log.console = false
log.file.level = info
mnesia_table_loading_retry_timeout = 5000
mnesia_table_loading_retry_limit = 4
collect_statistics_interval = 1000
"""
_PLAIN = """\
listeners.tcp.1 = {host}:{port}
"""
_SECURED = """\
listeners.tcp = none
listeners.ssl.1 = {host}:{port}
ssl_options.cacertfile = {folder}/ca.pem
ssl_options.certfile = {folder}/ca.pem
ssl_options.keyfile = {folder}/server.key
"""
