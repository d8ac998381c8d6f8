"""fleet plan: what a rate of requests needs."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from fleetwright_cli._errors import NOT_COMPLIANT, WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer, table
from fleetwright_cli.capacity import (
    Check,
    Costs,
    Limits,
    Needs,
    checked,
    costs_of,
    keep,
    measure,
    needs_at,
    read_kept,
)
from fleetwright_cli.deploy._facts import World
from fleetwright_cli.drills import bootable
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_cli.standard import open_repository
from fleetwright_cli.venvs import make, venv_of

_MORE = (10, 100, 10_000)


def plan(
    service: Annotated[
        str, typer.Argument(help="Which service is asked; for `--measure`.")
    ] = "",
    *,
    rate: Annotated[
        list[float] | None, typer.Option(help="Requests a second; may be repeated.")
    ] = None,
    measured: Annotated[
        bool, typer.Option("--measure", help="Measure what a request costs first.")
    ] = False,
    rates: Annotated[
        str, typer.Option(help="At which rates: two to go by, one to check.")
    ] = "4,12,20",
    seconds: Annotated[
        float, typer.Option(min=1, help="How long each of them.")
    ] = 15.0,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Reckon replicas, connections, lanes and broker for a rate of requests.

    `--measure` starts the fleet apart, asks the service for what [rehearse] of
    fleet.toml or its contract says, at two rates, and reads what every process used;
    a third rate is measured to see how far the reckoning is off. What a request costs
    is kept in .fleet/plan.json. Without `--rate`, 10, 100 and 10,000 times the measured
    load are reckoned.

    Examples: `fleet plan orders --measure`, `fleet plan --rate 500`,
    `fleet plan --rate 500 --rate 5000 --json`. Exit 1 where the third rate is more than
    25 % off.
    """
    printer = Printer(as_json=as_json)
    fleet = discover()
    checks: list[Check] = []
    if measured:
        costs, checks = _measured(fleet, service, _numbers(rates), seconds, printer)
        keep(fleet.root, costs)
    else:
        costs = read_kept(fleet.root)
    base = max(costs.rates)
    wanted = rate or [base * times for times in _MORE]
    found = [_needs(fleet, costs, one) for one in wanted]
    document = {
        "costs": asdict(costs),
        "checks": [asdict(one) | {"error": round(one.error, 3)} for one in checks],
        "needs": [asdict(one) for one in found],
    }
    printer.data(document, "\n".join(_text(costs, checks, found)))
    if checks and not checks[0].is_close:
        raise typer.Exit(NOT_COMPLIANT)


def _numbers(text: str) -> list[float]:
    """Return the rates that were typed.

    Raises:
        FleetError: They are not three numbers that grow.
    """
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or sorted(set(numbers)) != numbers or numbers[0] <= 0:
        raise FleetError(
            f"`{text}` are not three rates",
            hint="give two to go by and a higher one to check: `--rates 4,12,20`",
            exit_code=WRONG_ARGUMENTS,
        )
    return numbers


def _measured(
    fleet: Fleet, service: str, rates: list[float], seconds: float, printer: Printer
) -> tuple[Costs, list[Check]]:
    """Return what a request costs, and how far off that is at another rate."""
    if not service:
        raise FleetError(
            "it is not said which service is asked",
            hint=f"name one: `fleet plan {next(iter(fleet.services), '')} --measure`",
            exit_code=WRONG_ARGUMENTS,
        )
    asked = fleet.chosen([service])[0]
    venvs = {one.name: venv_of(fleet, one) for one in bootable(fleet)}
    for venv in venvs.values():
        make(venv, printer.talk)
    pythons = {name: venv.python for name, venv in venvs.items()}
    windows = measure(
        fleet, asked, pythons, rates=rates, seconds=seconds, tell=printer.talk
    )
    costs = costs_of(asked.name, windows[:-1])
    return costs, checked(costs, windows[-1])


def _needs(fleet: Fleet, costs: Costs, rate: float) -> Needs:
    """Return what a rate needs, by what fleet.toml says of the services."""
    world = World(fleet, open_repository(fleet.root))
    deploy = fleet.manifest.deploy
    stored = frozenset(
        name for name in fleet.services if world.facts[name].has_database
    )
    least = {name: deploy.of(name).least for name in fleet.services}
    return needs_at(costs, rate, Limits(), least=least, with_database=stored)


def _text(costs: Costs, checks: list[Check], found: list[Needs]) -> Iterator[str]:
    """Yield the lines for people."""
    loads = " and ".join(f"{one:g}" for one in costs.rates)
    yield f"a request of {costs.asked}, measured at {loads} a second:"
    head = ("service", "CPU", "calls", "took", "events", "took", "memory", "written")
    yield table(head, [_cost_row(name, costs) for name in sorted(costs.services)])
    for one in checks[:1]:
        yield (
            f"at {one.rate:.1f} a second {one.reckoned:.2f} cores were reckoned, "
            f"{one.measured:.2f} measured: {one.error:+.0%}"
        )
    for needs in found:
        yield f"\n{needs.rate:,.0f} requests a second:"
        head = (
            "service",
            "replicas",
            "by",
            "cores",
            "memory",
            "pool",
            "lanes",
            "bytes",
        )
        yield table(head, [_need_row(asdict(one)) for one in needs.services])
        yield (
            f"broker: {needs.events:,.0f} events a second handed out, "
            f"{needs.brokers} nodes\n"
            f"first to give out: {needs.bottleneck}"
        )


def _cost_row(name: str, costs: Costs) -> tuple[str, ...]:
    cost = costs.services[name]
    return (
        name,
        f"{cost.cpu * 1000:.2f} ms",
        f"{cost.calls:.2f}",
        f"{cost.call_seconds * 1000:.0f} ms",
        f"{cost.events:.2f}",
        f"{cost.event_seconds * 1000:.0f} ms",
        f"{cost.memory / 1e6:.0f} MB",
        f"{cost.bytes / 1000:.1f} kB",
    )


def _need_row(need: dict[str, Any]) -> tuple[str, ...]:
    return (
        need["service"],
        f"{need['replicas']:,}",
        need["because"],
        f"{need['cores']:,.1f}",
        f"{need['memory'] / 1e9:,.1f} GB",
        f"{need['pool']:,}" if need["pool"] else "-",
        f"{need['lanes']:,}" if need["lanes"] else "-",
        f"{need['bytes'] / 1e6:,.1f} MB/s",
    )
