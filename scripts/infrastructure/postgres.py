"""PostgreSQL from the machine's packages, as an unprivileged user."""

import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from infrastructure import certificates, processes
from infrastructure.problems import InfraError, MissingError
from infrastructure.server import (
    HOST,
    Server,
    connected,
    plain_environment,
    received,
)

_USER = "postgres"
_PROTOCOL = 196_608  # 3.0, the first number of a startup message
_ASK_TLS = 80_877_103


class Postgres(Server):
    """One PostgreSQL with the superuser `postgres`, who needs no password."""

    kind = "postgres"
    variable = "TEST_POSTGRES_URL"
    fleet_variable = "POSTGRES_URL"
    stop_signal = signal.SIGINT  # SIGTERM would wait for all who are connected

    @property
    def url(self) -> str:
        """Where its database `postgres` is."""
        url = f"postgresql+asyncpg://{_USER}@{HOST}:{self._port}/postgres"
        if not self.given.tls:
            return url
        return f"{url}?sslmode=verify-full&sslrootcert={quote(str(self.authority))}"

    @property
    def _port(self) -> int:
        return self.given.first_port

    def ports(self) -> tuple[int, ...]:
        """Return the port it listens on."""
        return (self._port,)

    def require(self) -> None:
        """Raise `MissingError` where PostgreSQL is not installed."""
        binary("initdb")

    def make(self) -> None:
        """Make an empty cluster; the same collation on every machine."""
        if os.geteuid() == 0:
            self._give_away()
        initdb = [binary("initdb"), "-D", str(self._data), "-U", _USER, "-A", "trust"]
        initdb += ["--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C.UTF-8"]
        user, group = owner()
        done = subprocess.run(
            initdb,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=plain_environment(HOME=str(self._data)),
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )
        if done.returncode != 0:
            raise InfraError(f"initdb failed: {done.stderr.strip()}")
        settings = _SETTINGS if self.given.durable else _SETTINGS + _FORGETFUL
        if self.given.tls:
            settings += _SECURED
            (self._data / "pg_hba.conf").write_text(_SECURED_ONLY)
            certificates.make_certificate(self._data, HOST)
            if user is not None:  # it reads no key that is somebody else's
                shutil.chown(self._data / certificates.KEY, user)
        with (self._data / "postgresql.conf").open("a") as written:
            written.write(settings)

    def launch(self) -> None:
        """Start the server; a socket file is not made, paths may be too long for it."""
        # A killed server's number may live on as a zombie, and would be respected.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        user, group = owner()
        run = [binary("postgres"), "-D", str(self._data), "-p", str(self._port)]
        processes.start(
            [*run, "-h", HOST, "-k", ""],
            log=self.log,
            note=self.note,
            environment=plain_environment(HOME=str(self._data)),
            user=user,
            group=group,
        )

    def answers(self) -> bool:
        """Whether a session can be begun."""
        words = f"user\0{_USER}\0database\0postgres\0\0".encode()
        try:
            with self.connected() as connection:
                size = len(words) + 8
                connection.sendall(struct.pack("!ii", size, _PROTOCOL) + words)
                while (kind := received(connection, 1)) not in b"ZE":
                    (size,) = struct.unpack("!i", received(connection, 4))
                    received(connection, size - 4)
        except OSError:
            return False
        return kind == b"Z"

    @property
    def authority(self) -> Path:
        """Who vouches for its certificate."""
        return self._data / certificates.AUTHORITY

    def connected(self) -> socket.socket:
        """Return a connection to it; TLS is asked for."""
        if not self.given.tls:
            return super().connected()
        connection = connected(self._port)
        connection.sendall(struct.pack("!ii", 8, _ASK_TLS))
        received(connection, 1)
        return certificates.secured(connection, self.authority, HOST)

    @property
    def _data(self) -> Path:
        return self.folder.resolve() / "data"

    def _give_away(self) -> None:
        """Make the folder that user's; elsewhere, where they cannot walk to it."""
        if not _reachable(self.folder):
            elsewhere = tempfile.mkdtemp(prefix="fleet-postgres-")
            self.folder.rmdir()
            self.folder.symlink_to(elsewhere)
        shutil.chown(self.folder, _USER)


_SETTINGS = """
shared_buffers = 64MB
max_connections = 200
jit = off
max_wal_size = 1GB
autovacuum_naptime = 10s
"""
_SECURED = f"""
ssl = on
ssl_cert_file = '{certificates.AUTHORITY}'
ssl_key_file = '{certificates.KEY}'
"""
_SECURED_ONLY = "hostssl all all 127.0.0.1/32 trust\n"
# What is committed is with the system at once: a kill loses nothing, a power cut may.
_FORGETFUL = """
fsync = off
full_page_writes = off
"""


def binary(name: str) -> str:
    """Return the path of one of PostgreSQL's programs.

    Raises:
        MissingError: PostgreSQL is not installed.
    """
    found = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = sorted(found, key=lambda it: int(it.parts[4].partition(".")[0]))
    beside = str(newest[-1]) if newest else shutil.which(name)
    if beside is None:
        raise MissingError("PostgreSQL is not installed: apt-get install postgresql")
    return beside


def owner() -> tuple[int | None, int | None]:
    """Return who runs the server, PostgreSQL refusing to be root: user and group."""
    if os.geteuid() != 0:
        return None, None
    found = pwd.getpwnam(_USER)
    return found.pw_uid, found.pw_gid


def _reachable(folder: Path) -> bool:
    """Whether everybody may walk to a folder."""
    return all(above.stat().st_mode & 0o001 for above in folder.resolve().parents)
