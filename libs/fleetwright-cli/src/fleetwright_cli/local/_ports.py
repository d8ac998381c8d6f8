"""Stable ports: the same service has the same port in every run."""

import json
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from fleetwright_cli._errors import FleetError

HOST = "127.0.0.1"
LISTENING = "0A"  # the state in /proc/net/tcp


def assign(names: Iterable[str], *, first_port: int, file: Path) -> dict[str, int]:
    """Give every process a port, the one of last time where it had one; keep them.

    Args:
        names: The processes in the order in which new ones get ports.
        first_port: The lowest port; another one than last time begins anew.
        file: Where the ports are kept between runs.

    Returns:
        Each name with its port.
    """
    kept = _kept(file, first_port)
    ports = would_assign(names, first_port=first_port, file=file)
    if kept | ports != kept or not file.exists():
        document = {"first_port": first_port, "ports": kept | ports}
        write_whole(file, json.dumps(document, indent=2) + "\n")
    return ports


def would_assign(
    names: Iterable[str], *, first_port: int, file: Path
) -> dict[str, int]:
    """Return the ports that `assign` would give, and keep nothing.

    Args:
        names: The processes in the order in which new ones get ports.
        first_port: The lowest port.
        file: Where the ports are kept between runs.
    """
    kept = _kept(file, first_port)
    ports: dict[str, int] = {}
    taken = set(kept.values())
    for name in names:
        if name in kept:
            ports[name] = kept[name]
            continue
        port = next(p for p in range(first_port, 65_536) if p not in taken)
        taken.add(port)
        ports[name] = port
    return ports


def _kept(file: Path, first_port: int) -> dict[str, int]:
    """Return the ports of last time; none when the file is missing or is spoilt."""
    try:
        document = json.loads(file.read_text("utf-8"))
        if document["first_port"] != first_port:
            return {}
        ports = {str(name): int(port) for name, port in document["ports"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return ports if len(set(ports.values())) == len(ports) else {}


def write_whole(file: Path, text: str) -> None:
    """Write a file so that a reader sees all of the old or all of the new text.

    Args:
        file: Where; the folder is made.
        text: Its whole content.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.write_text(text, "utf-8")
    draft.replace(file)


def require_free(ports: Mapping[str, int], *, file: Path) -> None:
    """Make sure that nobody else listens on the ports.

    Args:
        ports: Each process with its port.
        file: Where the ports are kept; named in the error.

    Raises:
        FleetError: Ports are in use; the error names port, service and who has it.
    """
    used = in_use(ports)
    if not used:
        return
    one = len(used) == 1
    raise FleetError(
        f"{'a port is' if one else f'{len(used)} ports are'} in use: {holders(used)}",
        where=f"ports are kept in {file}",
        hint="stop that program, or set another `first_port` under [up] in fleet.toml",
    )


def in_use(ports: Mapping[str, int]) -> dict[str, int]:
    """Return those of some ports that somebody listens on.

    Args:
        ports: Each process with its port.
    """
    return {name: port for name, port in ports.items() if not _is_free(port)}


def holders(used: Mapping[str, int]) -> str:
    """Return `port 8000 of catalog, held by pid 12 (python -m http.server)`.

    Args:
        used: Each process with its port, which somebody else has.
    """
    return "; ".join(
        f"port {port} of {name}{_by(port)}" for name, port in sorted(used.items())
    )


def _is_free(port: int) -> bool:
    """Return whether a service could listen on the port."""
    with socket.socket() as candidate:
        # As servers do: connections of the last run that wind down do not count.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((HOST, port))
        except OSError:
            return False
    return True


def _by(port: int) -> str:
    """Return `, held by pid 12 (python -m http.server)` where the system tells."""
    pid = _listener_pid(port) if sys.platform == "linux" else None
    if pid is None:
        return ""
    command = ""
    with suppress(OSError):
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        command = raw.replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return f", held by pid {pid} ({command[:80]})"


def _listener_pid(port: int) -> int | None:
    """Return who listens on the port; None when it is not ours to see."""
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not wanted:
        return None
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            for descriptor in (entry / "fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) in wanted:
                        return int(entry.name)
    return None


def _listening_inodes(port: int) -> set[str]:
    """Return the inodes of the sockets that listen on the port."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for row in Path(table).read_text("ascii").splitlines()[1:]:
                column = row.split()
                here = int(column[1].rpartition(":")[2], 16)
                if column[3] == LISTENING and here == port:
                    inodes.add(column[9])
    return inodes
