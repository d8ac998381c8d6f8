"""fleet faults: make calls between services fail or wait, for a while."""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer, table
from fleetwright_cli.fleet import discover, find_root
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._fault_plan import (
    FaultPlan,
    changing,
    delay_seconds,
    edge_of,
    ends_at,
    share_of,
    span_seconds,
    status_of,
)
from fleetwright_cli.local._fault_words import does, left, require_sense, words
from fleetwright_cli.local._plan import Places
from fleetwright_cli.local._status import State

INFO_SECONDS = 1.0

faults = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Make calls between the services of the running fleet fail or wait.\n\n"
    "Examples: `fleet faults add 'orders->catalog' --error 503 --share 10%`,"
    " `fleet faults list`, `fleet faults clear`.",
)
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@faults.command()
def add(
    edge: Annotated[str, typer.Argument(help="caller->provider; `*` for anyone.")],
    *,
    delay: Annotated[
        str | None, typer.Option(help="Let the call wait, 200ms or 2s.")
    ] = None,
    error: Annotated[
        int | None, typer.Option(help="Answer with this status, 503 or 500 to 599.")
    ] = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Lose the connection after sending.")
    ] = False,
    refuse: Annotated[
        bool, typer.Option("--refuse", help="Let nobody listen there.")
    ] = False,
    hang: Annotated[
        bool, typer.Option("--hang", help="Never answer; the caller's limit ends it.")
    ] = False,
    share: Annotated[str, typer.Option(help="Share of the calls, 10% or 0.1.")] = "1",
    lasts: Annotated[
        str | None, typer.Option("--for", help="How long, 30s or 5m.")
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            help="`caller`: before each attempt; `provider`: all that comes in."
        ),
    ] = "caller",
    seed: Annotated[
        int | None, typer.Option(help="Draw from this seed; for the first fault.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Switch a fault on; the services notice within half a second.

    Examples: `fleet faults add 'orders->catalog' --delay 200ms --share 10% --for 30s`,
    `fleet faults add '*->payments' --error 503`,
    `fleet faults add '*->catalog' --at provider --hang`.
    """
    printer = Printer(as_json=as_json)
    places = _running()
    fault: dict[str, Any] = {"edge": edge_of(edge, discover().services), "at": at}
    if delay is not None:
        fault["delay_seconds"] = delay_seconds(delay)
    if error is not None:
        fault["error"] = status_of(error)
    drops = _drops(drop=drop, refuse=refuse, hang=hang)
    if drops is not None:
        fault["drop"] = drops
    require_sense(fault)
    fault["share"] = share_of(share)
    fault["ends_at"] = ends_at(None if lasts is None else span_seconds(lasts, "--for"))
    with changing(places.faults) as plan:
        if seed is not None:
            _require_first(plan, seed)
            plan.seed = seed
        added = plan.add(fault)
    printer.data(added | {"seed": plan.seed}, f"{added['id']}  {words(added)}")
    printer.talk(f"seed {plan.seed}, end it with `fleet faults clear {added['id']}`")


@faults.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the faults that are on, and how often each has struck.

    Examples: `fleet faults list`, `fleet faults list --json`.
    """
    printer = Printer(as_json=as_json)
    plan = FaultPlan.read(_running().faults)
    struck = _struck()
    rows = [fault | {"struck": struck[fault["id"]]} for fault in plan.faults]
    document = {"seed": plan.seed if rows else None, "faults": rows}
    printer.data(document, _table(rows) if rows else "no faults are switched on")


@faults.command()
def clear(
    which: Annotated[
        str | None, typer.Argument(help="An edge or an id; none for all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Switch faults off.

    Examples: `fleet faults clear`, `fleet faults clear f1`,
    `fleet faults clear 'orders->catalog'`.
    """
    printer = Printer(as_json=as_json)
    with changing(_running().faults) as plan:
        gone = plan.take(which)
        if which is not None and not gone:
            raise FleetError(
                f"no fault `{which}` is switched on",
                hint="see them with `fleet faults list`",
                exit_code=WRONG_ARGUMENTS,
            )
    lines = [f"{fault['id']}  {words(fault)}" for fault in gone]
    printer.data({"cleared": gone}, "\n".join(lines) or "no faults were switched on")


def _running() -> Places:
    """Return the places of the fleet that runs in this folder."""
    places = Places(find_root())
    if ask(places.run, "ps") is None:
        raise FleetError("nothing runs here", hint="start it with `fleet up`")
    return places


def _drops(*, drop: bool, refuse: bool, hang: bool) -> str | None:
    """Return the way in which calls are dropped, if they are."""
    ways = {"reset": drop, "refused": refuse, "silence": hang}
    chosen = [way for way, wanted in ways.items() if wanted]
    if len(chosen) > 1:
        raise FleetError(
            "a call is dropped in one way only",
            hint="give one of `--drop`, `--refuse` and `--hang`",
            exit_code=WRONG_ARGUMENTS,
        )
    return chosen[0] if chosen else None


def _require_first(plan: FaultPlan, seed: int) -> None:
    """Keep the draws of faults that are switched on as they are."""
    if plan.faults and plan.seed != seed:
        raise FleetError(
            f"faults are drawn from seed {plan.seed} already",
            hint="`fleet faults clear` first, or leave `--seed` out",
            exit_code=WRONG_ARGUMENTS,
        )


def _struck() -> Counter[str]:
    """Return how often each fault has struck, in all services together."""
    report = ask(Places(find_root()).run, "ps") or {"services": []}
    count: Counter[str] = Counter()
    for facts in report["services"]:
        if facts["state"] not in (State.READY, State.DEGRADED):
            continue
        url = f"{facts['url']}/info"
        try:
            # The supervisor itself says where its services are.
            with urllib.request.urlopen(url, None, INFO_SECONDS) as info:  # noqa: S310
                told = json.load(info)
        except (OSError, ValueError):
            continue  # it has just gone; what it counted is gone with it
        count.update(told.get("parts", {}).get("FaultFile", {}).get("struck", {}))
    return count


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return one row a fault."""
    cells = [
        (
            str(fault["id"]),
            str(fault["edge"]),
            f"{100 * fault['share']:g} %",
            does(fault),
            left(fault),
            str(fault["struck"]),
        )
        for fault in rows
    ]
    return table(("ID", "EDGE", "SHARE", "DOES", "LASTS", "STRUCK"), cells)
