"""Asks the service in this container whether it is ready; exits 0 or 1.

Run by path (`python3 -S healthcheck.py`), so that a check every few seconds costs no
import of the package: only the standard library, and little of it.
"""

import os
import socket
import sys


def is_ready(port: int, timeout_seconds: float = 2.0) -> bool:
    """Return whether the service on `port` of this machine answers that it is ready.

    Args:
        port: The service's TCP port.
        timeout_seconds: Longest wait for each step of the answer, in seconds.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_seconds) as peer:
            peer.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            status_line = peer.makefile("rb").readline(64)
    except OSError:
        return False
    return status_line.split(b" ")[1:2] == [b"200"]


if __name__ == "__main__":
    sys.exit(0 if is_ready(int(os.environ.get("PORT", "8000"))) else 1)
