"""What a cluster promises a service: from what it needs to `[deploy.services]`."""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from fleetwright_cli._errors import FleetError
from fleetwright_cli.capacity._needs import Need
from fleetwright_cli.deploy.kubernetes._traffic import CPU_PERCENT
from fleetwright_cli.fleet import ServiceDeploy

_CPU_STEP = 10  # thousandths of a core
_MEMORY_STEP = 32  # MiB
_MEMORY_TIMES = 2.0  # beyond it a pod is killed, and what was measured was minutes
_MOST = 1000  # what fleet.toml takes
_SAID = re.compile(r"\s*(cpu|memory|most)\s*=")


@dataclass(frozen=True, slots=True)
class Room:
    """What one service is promised.

    Attributes:
        cpu: Of a core, by one pod: `120m`.
        memory: Of one pod, which may not pass it: `192Mi`.
        most: Most pods.
    """

    cpu: str
    memory: str
    most: int


def room_for(need: Need, now: ServiceDeploy) -> Room:
    """Return what a service is promised so that it bears a load with its replicas.

    At that load each pod uses as much of its CPU as the cluster aims at, and twice as
    many pods may come.

    Args:
        need: What it needs for the load.
        now: What it is promised now; most pods are never made fewer.
    """
    thousandths = need.cores / need.replicas / (CPU_PERCENT / 100) * 1000
    mebibytes = need.memory / need.replicas * _MEMORY_TIMES / 2**20
    return Room(
        cpu=f"{_stepped(thousandths, _CPU_STEP)}m",
        memory=f"{_stepped(mebibytes, _MEMORY_STEP)}Mi",
        most=max(now.most, min(2 * need.replicas, _MOST)),
    )


def _stepped(number: float, step: int) -> int:
    return max(1, math.ceil(number / step)) * step


def written(text: str, rooms: Mapping[str, Room]) -> str:
    """Return fleet.toml with what services are promised; all else stays as it is.

    Args:
        text: What it says now.
        rooms: What each service is promised.

    Raises:
        FleetError: The services stand there in a way that this cannot change.
    """
    lines = text.splitlines()
    for name, room in sorted(rooms.items()):
        _put(lines, name, room)
    changed = "\n".join(lines) + "\n"
    try:
        said = tomllib.loads(changed)["deploy"]["services"]
        is_said = all(
            said[name] | _values(room) == said[name] for name, room in rooms.items()
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        is_said = False
    if not is_said:
        raise FleetError(
            "what services are promised is not written as tables of their own",
            where="deploy.services in fleet.toml",
            hint="write each as `[deploy.services.NAME]` with a line for each value",
        )
    return changed


def _put(lines: list[str], name: str, room: Room) -> None:
    said = [
        f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}"
        for key, value in _values(room).items()
    ]
    head = re.compile(rf"\s*\[deploy\.services\.{re.escape(name)}\]\s*(#.*)?")
    begun = next((n for n, line in enumerate(lines) if head.fullmatch(line)), None)
    if begun is None:
        end = _end(lines, max(_heads(lines, "[deploy"), default=len(lines) - 1))
        lines[end:end] = ["", f"[deploy.services.{name}]", *said]
        return
    end = _end(lines, begun)
    rest = [line for line in lines[begun + 1 : end] if not _SAID.match(line)]
    lines[begun + 1 : end] = [*said, *rest]


def _heads(lines: list[str], start: str) -> list[int]:
    return [n for n, line in enumerate(lines) if line.strip().startswith(start)]


def _end(lines: list[str], begun: int) -> int:
    """Return the line after a table's last one that is not empty."""
    following = (n for n in _heads(lines, "[") if n > begun)
    end = next(following, len(lines))
    while end > begun + 1 and not lines[end - 1].strip():
        end -= 1
    return end


def _values(room: Room) -> dict[str, str | int]:
    return {"cpu": room.cpu, "memory": room.memory, "most": room.most}
