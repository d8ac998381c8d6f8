"""What an administrator does to the node of a RabbitMQ, with rabbitmqctl."""

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from servers import OwnServer


def control(server: OwnServer, *verb: str) -> None:
    """Have rabbitmqctl do something to a test's own node.

    Args:
        server: Which one.
        *verb: What, with its arguments.
    """
    name = f"RABBITMQ_NODENAME=fleet{urlsplit(server.url).port}@localhost"
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found = (process / "environ").read_bytes().decode().split("\0")
        except OSError:
            continue
        if name in found:
            environment = dict(one.split("=", 1) for one in found if "=" in one)
            command = "/usr/lib/rabbitmq/bin/rabbitmqctl"
            subprocess.run((command, *verb), env=environment, check=True, timeout=60)
            return
    raise AssertionError(f"no process with {name}")
