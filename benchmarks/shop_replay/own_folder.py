"""The shop in a folder of its own: the same code, other ports and data."""

import socket
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FIRST_PORT, LAST_PORT = 21_000, 30_000
PORTS = 16  # more than the shop has


def lay_out(folder: Path) -> None:
    """Make a folder in which `fleet up` runs the shop of this tree.

    Nothing happens where that was done before.

    Args:
        folder: Where; made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "fleet.toml").exists():
        return
    manifest = (ROOT / "fleet.toml").read_text(encoding="utf-8")
    own = manifest.replace("first_port = 8000", f"first_port = {free_ports()}")
    # A bank that says yes: whom it refuses is chosen by chance otherwise.
    own += (
        "\n[up.services.payments]\n"
        'environment = { BANK_DECLINED_SHARE = "0", BANK_DOWN_SHARE = "0" }\n'
    )
    (folder / "fleet.toml").write_text(own, encoding="utf-8")
    for name in ("libs", "services"):
        (folder / name).symlink_to(ROOT / name)


def free_ports(count: int = PORTS) -> int:
    """Return the first of so many neighbouring free ports.

    Args:
        count: How many.
    """
    for first in range(FIRST_PORT + 600, LAST_PORT, count):
        with closing(socket.socket()) as probe:
            if all(
                probe.connect_ex(("127.0.0.1", first + number))
                for number in range(count)
            ):
                return first
    raise OSError("no free ports")
