"""Places where a test can kill the process: between two durable steps.

Off unless `FLEET_CRASH_POINTS` is set: `relay.after_publish:0.01` dies there once in a
hundred times, `relay.after_publish@3` the third time, `*:0.004` anywhere.
"""

import os
from random import Random

_EXIT_CODE = 137  # as after kill -9: nothing is flushed, closed or told
_points: dict[str, str] = {}
_passed: dict[str, int] = {}
_random = Random()  # noqa: S311 - which crash comes when is no secret


def plan(text: str) -> None:
    """Say where this process dies from now on.

    Args:
        text: As in `FLEET_CRASH_POINTS`; empty for nowhere.
    """
    _passed.clear()
    _points.clear()
    for one in filter(None, text.split(",")):
        _points[one.split("@" if "@" in one else ":")[0]] = one


def point(name: str) -> None:
    """Die here if the plan of this process says so.

    Args:
        name: The place: who, and between which steps.
    """
    if not _points:
        return
    planned = _points.get(name) or _points.get("*")
    if planned is None:
        return
    if "@" in planned:
        _passed[name] = _passed.get(name, 0) + 1
        dies = _passed[name] == int(planned.split("@")[1])
    else:
        dies = _random.random() < float(planned.split(":")[1])
    if dies:
        os.write(2, f"crash point {name}\n".encode())
        os._exit(_EXIT_CODE)


plan(os.environ.get("FLEET_CRASH_POINTS", ""))
if hasattr(os, "register_at_fork"):  # a child must not repeat its parent's dice
    os.register_at_fork(after_in_child=_random.seed)
