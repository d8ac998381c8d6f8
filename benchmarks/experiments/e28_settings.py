"""A service whose environment is wrong: it says so at once and keeps its secrets."""

import asyncio
import resource
import socket
import time
from asyncio.subprocess import PIPE, STDOUT
from dataclasses import dataclass, field

from experiments.lab import Lab
from experiments.served import command, variables

MUTANTS = ("shows_what_was_typed", "starts_all_the_same")
LONGEST_SECONDS = 3.0
CANARY = "canary-7f3a9d21"


@dataclass(frozen=True)
class Case:
    """One way to be wrong.

    Attributes:
        what: What is wrong.
        given: The variables.
        named: What a line of the output must name.
    """

    what: str
    named: str
    given: dict[str, str] = field(default_factory=dict)


async def run(lab: Lab) -> None:
    """Start it wrongly in every way and read what it says."""
    right = {"BANK_TOKEN": CANARY}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        cases = [
            Case("the environment is no word we know", "ENVIRONMENT",
                 {**right, "ENVIRONMENT": "prod"}),
            Case("a secret is missing", "BANK_TOKEN"),
            Case("a number is a word", "CHARGE_SECONDS",
                 {**right, "CHARGE_SECONDS": "fast"}),
            Case("a secret stands where a number belongs", "CHARGE_SECONDS",
                 {**right, "CHARGE_SECONDS": f"https://me:{CANARY}@bank"}),
            Case("the file of a secret is not there", "BANK_TOKEN_FILE",
                 {"BANK_TOKEN_FILE": "/nowhere/token"}),
            Case("the port is in use", "PORT", {**right, "PORT": port}),
            Case("faults in production", "FLEET_FAULTS",
                 {**right, "ENVIRONMENT": "production", "FLEET_FAULTS": "/f.json"}),
        ]  # fmt: skip
        for case in cases:
            await _start(lab, case)


async def _start(lab: Lab, case: Case) -> None:
    began, before = time.monotonic(), _children_seconds()
    process = await asyncio.create_subprocess_exec(
        *command("create_strict", lab.mutant),
        cwd=lab.folder,
        env=variables(lab.folder, case.given),
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        async with asyncio.timeout(4 * LONGEST_SECONDS):
            said = (await process.communicate())[0].decode()
    except TimeoutError:
        process.kill()
        said = (await process.communicate())[0].decode()
    took, worked = time.monotonic() - began, _children_seconds() - before
    lab.history.note(case=case.what, code=process.returncode, said=said, seconds=took)
    lines = [line for line in said.splitlines() if case.named in line]
    secret = CANARY in said
    # On a machine full of other work the time it had counts, not the time that passed.
    quick = took <= LONGEST_SECONDS or worked <= LONGEST_SECONDS / 2
    ok = process.returncode in (1, 2) and quick and bool(lines)
    ok = ok and not secret and "Traceback" not in said
    figure = f"exit {process.returncode} after {took:.1f} s ({worked:.1f} s of CPU)"
    figure += f", named in {lines[0].strip()!r}" if lines else ", not named"
    figure += ", SECRET SHOWN" if secret else ""
    lab.check(f"{case.what}: exit <= 3 s, {case.named} named", figure, ok)


def _children_seconds() -> float:
    """Return the CPU time of all processes this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
