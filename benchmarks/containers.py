"""Looks at running containers: may they do more than they need?

    venv/bin/python benchmarks/containers.py PROJECT

What Docker's engine was told and, on Linux, what the kernel says of each process: not
what a file asks for. Exits 0 when no container may, 1 when one may, 2 when there are
none.
"""

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fleetwright.errors import FleetwrightError
from shop_replay.composed import Container, containers_of

_NUMBERS = re.compile(r"[1-9]\d*(:[1-9]\d*)?")


def breaches(one: Container, processes: Path = Path("/proc")) -> Iterator[str]:
    """Yield what a container may do and need not, in words.

    Args:
        one: A container that runs.
        processes: Where the kernel tells of processes; another folder in tests.
    """
    told, config = one.facts["HostConfig"], one.facts["Config"]
    if not _NUMBERS.fullmatch(config["User"]):
        yield f"its user is {config['User'] or 'root'!r}, not a number above 0"
    if not told["ReadonlyRootfs"]:
        yield "it may write to its root"
    if [it.upper() for it in told["CapDrop"] or ()] != ["ALL"] or told["CapAdd"]:
        yield "it has capabilities"
    if told["Privileged"]:
        yield "it is privileged"
    if not any(it.startswith("no-new-priv") for it in told["SecurityOpt"] or ()):
        yield "it may gain privileges"
    for limit in ("Memory", "NanoCpus", "PidsLimit"):
        if not (told[limit] or 0) > 0:
            yield f"{limit} has no limit"
    for mount in one.facts["Mounts"]:
        if mount["Type"] == "bind" and mount["RW"]:
            yield f"it may write to {mount['Source']} of this machine"
    for port, places in (one.facts["NetworkSettings"]["Ports"] or {}).items():
        if any(it["HostIp"] != "127.0.0.1" for it in places or ()):
            yield f"its port {port} is open to other machines"
    yield from _as_the_kernel_says(processes / str(one.facts["State"]["Pid"]))


def _as_the_kernel_says(process: Path) -> Iterator[str]:
    """Yield what the first process of a container may, where that can be read."""
    try:
        text = (process / "status").read_text("utf-8")
    except OSError:  # another system, or another's process
        return
    said = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    if "0" in said["Uid"].split():
        yield "its process is root's"
    for kind in ("CapEff", "CapPrm", "CapBnd"):
        if int(said[kind], 16):
            yield f"its process has capabilities ({kind} {said[kind]})"
    if said["NoNewPrivs"].strip() != "1":
        yield "its process may gain privileges"


def main(words: Sequence[str] | None = None) -> int:
    """Look at the containers of the project the command line names.

    Args:
        words: The command line; the process's own when None.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("project", help="of docker-compose")
    project = parser.parse_args(words).project
    try:
        every = asyncio.run(containers_of(project))
    except FleetwrightError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    found = [one for one in every if one.facts["State"]["Running"]]
    if not found:
        sys.stderr.write(f"no container of {project} runs\n")
        sys.stderr.write("hint: `docker-compose up --build --detach`\n")
        return 2
    code = 0
    for one in sorted(found, key=lambda it: it.service):
        problems = list(breaches(one))
        code = code or int(bool(problems))
        user = one.facts["Config"]["User"]
        sys.stdout.write(f"{'FAIL' if problems else 'PASS'}  {one.service} as {user}\n")
        sys.stdout.writelines(f"      {problem}\n" for problem in problems)
    return code


if __name__ == "__main__":
    sys.exit(main())
