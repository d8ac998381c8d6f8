"""A certificate for this machine: it vouches for itself and goes with its server."""

import shutil
import socket
import ssl
import subprocess
from pathlib import Path

from infrastructure.problems import InfraError, MissingError

AUTHORITY, KEY, BOTH = "ca.pem", "server.key", "server.pem"
_DAYS = "30"


def require_openssl() -> None:
    """Raise `MissingError` where no certificate can be made."""
    if shutil.which("openssl") is None:
        raise MissingError("TLS needs a certificate: apt-get install openssl")


def make_certificate(folder: Path, host: str) -> None:
    """Write a key, its certificate, and both in one file.

    Args:
        folder: Where they are put.
        host: The address it is for.

    Raises:
        InfraError: It could not be made.
    """
    words = ["openssl", "req", "-x509", "-nodes", "-days", _DAYS]
    words += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    words += ["-subj", "/CN=localhost", "-keyout", KEY, "-out", AUTHORITY]
    words += ["-addext", f"subjectAltName=IP:{host},DNS:localhost"]
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise InfraError(f"no certificate was made: {done.stderr.strip()}")
    (folder / BOTH).touch(mode=0o600)
    both = (folder / KEY).read_text() + (folder / AUTHORITY).read_text()
    (folder / BOTH).write_text(both)


def secured(connection: socket.socket, authority: Path, host: str) -> socket.socket:
    """Return a connection over which TLS is spoken.

    Args:
        connection: An open one.
        authority: Who vouches for the server.
        host: Its address.
    """
    context = ssl.create_default_context(cafile=str(authority))
    return context.wrap_socket(connection, server_hostname=host)
