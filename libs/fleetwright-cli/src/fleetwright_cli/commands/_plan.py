"""fleet plan: what a rate of requests needs."""

import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from fleetwright_cli._errors import NOT_COMPLIANT, WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer
from fleetwright_cli.capacity import (
    Ceiling,
    Kept,
    Limits,
    Model,
    Needs,
    Site,
    Wish,
    askable,
    bottleneck,
    ceilings,
    checked,
    costs_of,
    doubts,
    keep,
    measure,
    read_kept,
    room_for,
    sources,
    told_checks,
    told_costs,
    told_needs,
    written,
)
from fleetwright_cli.deploy._facts import Facts, World
from fleetwright_cli.drills import bootable
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_cli.standard import open_repository
from fleetwright_cli.venvs import make, venv_of

_MORE = (10, 100, 10_000)
_HIGHEST_RATE = 1e9
_POOL = 21  # Pool() of the runtime: 10, 10 more for a moment, and that of readiness


def plan(
    services: Annotated[
        list[str] | None,
        typer.Argument(help="Which are asked, for `--measure`; all when left out."),
    ] = None,
    *,
    rate: Annotated[
        list[float] | None, typer.Option(help="Requests a second; may be repeated.")
    ] = None,
    measured: Annotated[
        bool, typer.Option("--measure", help="Measure what a request costs first.")
    ] = False,
    rates: Annotated[
        str, typer.Option(help="At which rates: two to go by, one to check.")
    ] = "8,16,40",
    seconds: Annotated[float, typer.Option(min=1, help="How long each of them.")] = 5.0,
    rounds: Annotated[
        int, typer.Option(min=1, max=99, help="How often; the medians count.")
    ] = 3,
    connections: Annotated[
        int, typer.Option(min=1, help="What a database server takes.")
    ] = Limits().connections,
    commits: Annotated[
        int, typer.Option(min=1, help="Transactions a second that it writes.")
    ] = Limits().commits,
    writes: Annotated[
        bool,
        typer.Option("--write", help="Write what pods are promised into fleet.toml."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Reckon replicas, connections, lanes and broker for a rate of requests.

    `--measure` starts the fleet apart, asks services for what [rehearse] of fleet.toml
    or their contracts say, each for an equal part of the requests, and reads what every
    process used, idle and at two rates; a third rate shows how far off the reckoning
    is. What a request costs is kept in .fleet/plan.json. Without `--rate`, 10, 100 and
    10,000 times the highest rate that was gone by are reckoned. `--write` writes what
    one pod of each service is promised for that rate into [deploy.services] of
    fleet.toml, for `fleet deploy kubernetes`.

    Examples: `fleet plan --measure`, `fleet plan orders --measure --rates 4,8,16`,
    `fleet plan --rate 500`, `fleet plan --rate 500 --rate 5000 --json`,
    `fleet plan --rate 500 --connections 200 --commits 8000`,
    `fleet plan --rate 500 --write`. Exit 1 where the third
    rate is more than 25 % off in anything that is more than a trifle.
    """
    printer = Printer(as_json=as_json)
    wanted = _wanted(rate or [], writes)
    fleet = discover()
    fleet.chosen(services)
    if measured:
        growing = _growing(rates)
        wish = Wish(askable(fleet, services or []), growing, seconds, rounds)
        kept = _measured(fleet, wish, printer)
        keep(fleet.root, kept)
    elif services:
        raise FleetError(
            f"{services[0]} is named, but nothing is to be measured",
            hint=f"`fleet plan {services[0]} --measure`, or no name",
            exit_code=WRONG_ARGUMENTS,
        )
    else:
        kept = read_kept(fleet.root)
    limits = Limits(
        connections=connections,
        commits=commits,
        lanes=Limits().lanes if fleet.manifest.deploy.broker == "rabbit" else 0,
    )
    model = Model(kept.costs, limits, _sites(fleet))
    wanted = wanted or [max(kept.costs.rates) * times for times in _MORE]
    needs = [model.at(one) for one in wanted]
    found = ceilings(model)
    why = doubts(kept, sources(fleet))
    lines = [*told_costs(kept.costs), *told_checks(kept.checks)]
    for one in needs:
        lines += told_needs(one, found)
    printer.data(_document(kept, needs, found, why), "\n".join(lines))
    if writes:
        _write(fleet, needs[0], printer)
    for reason in why:
        printer.talk(f"measured {kept.measured_at}; {reason}: `fleet plan --measure`")
    if measured and not all(one.is_close for one in kept.checks):
        raise typer.Exit(NOT_COMPLIANT)


def _write(fleet: Fleet, needs: Needs, printer: Printer) -> None:
    """Write what each service is promised into fleet.toml."""
    deploy, file = fleet.manifest.deploy, fleet.root / "fleet.toml"
    rooms = {
        one.service: room_for(one, deploy.of(one.service)) for one in needs.services
    }
    file.write_text(written(file.read_text("utf-8"), rooms), encoding="utf-8")
    for name, room in sorted(rooms.items()):
        printer.talk(f"{name}: {room.cpu}, {room.memory}, at most {room.most} pods")
    printer.talk("written fleet.toml; next: `fleet deploy kubernetes`")


def _wanted(rates: list[float], writes: bool) -> list[float]:
    """Return the rates to reckon for.

    Raises:
        FleetError: One of them is none, or not one alone is to be written.
    """
    if writes and len(rates) != 1:
        raise FleetError(
            "what pods are promised is for one rate",
            hint="name it: `fleet plan --rate 500 --write`",
            exit_code=WRONG_ARGUMENTS,
        )
    return [_sensible(one) for one in rates]


def _sensible(rate: float) -> float:
    """Return a rate that can be reckoned with.

    Raises:
        FleetError: It is none.
    """
    if math.isfinite(rate) and 0 < rate <= _HIGHEST_RATE:
        return rate
    raise FleetError(
        f"`--rate {rate:g}` is no rate of requests",
        hint=f"give requests a second: above 0, at most {_HIGHEST_RATE:,.0f}",
        exit_code=WRONG_ARGUMENTS,
    )


def _growing(text: str) -> list[float]:
    """Return the rates to measure at.

    Raises:
        FleetError: They are not three numbers that grow.
    """
    try:
        numbers = [_sensible(float(word)) for word in text.split(",")]
    except (ValueError, FleetError):
        numbers = []
    if len(numbers) != 3 or sorted(set(numbers)) != numbers:
        raise FleetError(
            f"`{text}` are not three rates",
            hint="give two to go by and a higher one to check: `--rates 8,16,40`",
            exit_code=WRONG_ARGUMENTS,
        )
    return numbers


def _measured(fleet: Fleet, wish: Wish, printer: Printer) -> Kept:
    """Return what a request costs, and how far off that is at another rate."""
    if not wish.asked:
        raise FleetError(
            "nobody knows what to ask any service for",
            where=str(fleet.root / "fleet.toml"),
            hint="name requests in [rehearse.SERVICE], or give its contract examples",
        )
    venvs = {one.name: venv_of(fleet, one) for one in bootable(fleet)}
    for venv in venvs.values():
        make(venv, printer.talk)
    pythons = {name: venv.python for name, venv in venvs.items()}
    made_of = sources(fleet)
    windows = measure(fleet, wish, pythons, tell=printer.talk)
    for wanted, window in zip(wish.rates, windows[1:], strict=True):
        if window.rate < 0.9 * wanted:
            printer.talk(
                f"{window.rate:.1f} of {wanted:g} requests a second could be sent: "
                "this machine has no more to give, choose lower --rates"
            )
        if window.lost:
            printer.talk(f"{window.lost} requests failed at {wanted:g} a second")
    costs = costs_of([one.name for one in wish.asked], windows[:-1])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Kept(now, made_of, costs, checked(costs, windows[-1]))


def _sites(fleet: Fleet) -> dict[str, Site]:
    """Return what the tree says of the services."""
    world = World(fleet, open_repository(fleet.root))
    return {
        name: Site(
            least=fleet.manifest.deploy.of(name).least,
            in_flight=_in_flight(world.facts[name]),
            pool=_POOL if world.facts[name].has_database else 0,
            publishes=frozenset(world.facts[name].publishes),
        )
        for name in fleet.services
    }


def _in_flight(facts: Facts) -> int:
    said = facts.settings.get("MAX_IN_FLIGHT")
    return int(said.default) if said and said.default.isdigit() else Site().in_flight


def _document(
    kept: Kept, needs: list[Needs], found: list[Ceiling], why: list[str]
) -> dict[str, Any]:
    """Return all of it for programs."""
    return {
        "measured_at": kept.measured_at,
        "doubts": why,
        "costs": asdict(kept.costs),
        "checks": [
            asdict(one)
            | {"error": round(one.error, 3), "counts": one.counts, "ok": one.is_close}
            for one in kept.checks
        ],
        "ceilings": [asdict(one) for one in found],
        "needs": [
            asdict(one) | {"bottleneck": bottleneck(one, found)} for one in needs
        ],
    }
