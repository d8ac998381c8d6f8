"""`fleet contracts fuzz`, as it is typed."""

import secrets
from typing import Annotated

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT
from fleetwright_cli._printer import Printer


def fuzz(
    services: Annotated[
        list[str] | None, typer.Argument(help="Services; none for all.")
    ] = None,
    *,
    examples: Annotated[
        int,
        typer.Option(
            min=1, max=10_000, help="Requests for an operation in each phase."
        ),
    ] = 50,
    seconds: Annotated[
        int, typer.Option(min=1, max=3000, help="Longest time for one service.")
    ] = 120,
    role: Annotated[
        list[str] | None,
        typer.Option(help="What the asking person is; may be repeated."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="What the requests follow from.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Ask running services all that their contracts allow, and what they do not.

    The services are started with what they need, on ports and databases of their own,
    and asked by Schemathesis with all its checks: no 5xx, no answer that is not
    promised, nothing accepted that the contract forbids, nothing open without a token.
    What a contract says will be there again (`unavailable`) is asked for again.

    Examples: `fleet contracts fuzz`, `fleet contracts fuzz catalog --examples 200`,
    `fleet contracts fuzz orders --role clerk --seed 7 --json`. Exit 1 on a fault, each
    with a line of curl that shows it while `fleet up` runs.
    """
    # Asyncio and all that starts services: `fleet contracts` does without.
    from fleetwright_cli import venvs
    from fleetwright_cli.fleet import discover
    from fleetwright_cli.fuzz._environment import schemathesis
    from fleetwright_cli.fuzz._run import How, fuzzed, startable
    from fleetwright_cli.fuzz._words import data_of, text_of

    printer = Printer(as_json=as_json)
    fleet = discover()
    names = [one.name for one in fleet.chosen(services)]
    started = startable(fleet, names)
    seed = secrets.randbelow(2**31) if seed is None else seed
    python = schemathesis(fleet, printer.talk)
    environments = {one.name: venvs.venv_of(fleet, one) for one in started}
    for one in environments.values():
        venvs.make(one, printer.talk)
    pythons = {name: one.python for name, one in environments.items()}
    how = How(python, seed, examples, seconds, tuple(role or ()), printer.talk)
    outcomes = fuzzed(fleet, names, pythons, how)
    printer.data(data_of(outcomes, seed), text_of(outcomes, seed))
    raise typer.Exit(NOT_COMPLIANT if any(one.faults for one in outcomes) else DONE)
