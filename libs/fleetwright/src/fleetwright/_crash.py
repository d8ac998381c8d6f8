"""Places where a test can kill the process: between two durable steps.

Off unless `FLEET_CRASH_POINTS` is set: `relay.after_publish:0.01` dies there once in a
hundred times, `relay.after_publish@3` the third time, `*:0.004` anywhere.
"""

import os
from random import Random

_EXIT_CODE = 137  # as after kill -9: nothing is flushed, closed or told
_points = {
    text.split("@" if "@" in text else ":")[0]: text
    for text in os.environ.get("FLEET_CRASH_POINTS", "").split(",")
    if text
}
_passed: dict[str, int] = {}
_random = Random()  # noqa: S311 - which crash comes when is no secret


def point(name: str) -> None:
    """Die here if the plan of this process says so.

    Args:
        name: The place: who, and between which steps.
    """
    if not _points:
        return
    plan = _points.get(name) or _points.get("*")
    if plan is None:
        return
    if "@" in plan:
        _passed[name] = _passed.get(name, 0) + 1
        dies = _passed[name] == int(plan.split("@")[1])
    else:
        dies = _random.random() < float(plan.split(":")[1])
    if dies:
        os.write(2, f"crash point {name}\n".encode())
        os._exit(_EXIT_CODE)


if hasattr(os, "register_at_fork"):  # a child must not repeat its parent's dice
    os.register_at_fork(after_in_child=_random.seed)
