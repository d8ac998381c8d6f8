"""fleet rehearse: a rolling restart under load, before a cluster does it."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from fleetwright_cli._errors import NOT_COMPLIANT
from fleetwright_cli._printer import Printer, paint, table
from fleetwright_cli.deploy.kubernetes._words import LAME_DUCK_SECONDS
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_cli.rehearse import (
    AT_ONCE,
    Manners,
    Pace,
    Report,
    Turn,
    Wish,
    involved,
    released,
)
from fleetwright_cli.rehearse import rehearse as rehearsed
from fleetwright_cli.venvs import make, venv_of


def rehearse(
    service: Annotated[str, typer.Argument(help="Which service is rolled.")],
    *,
    revision: Annotated[
        str, typer.Option("--from", help="What runs before: a tag, say; else the last.")
    ] = "",
    requests: Annotated[
        int, typer.Option(min=1, help="Fewest requests; turns go on until then.")
    ] = 2000,
    rate: Annotated[float, typer.Option(min=0.1, help="Requests a second.")] = 50.0,
    at_once: Annotated[
        int, typer.Option(min=1, help="Most requests under way at a time.")
    ] = AT_ONCE,
    turns: Annotated[
        int, typer.Option(min=1, help="Fewest turns; every second one goes back.")
    ] = 2,
    instances: Annotated[int, typer.Option(min=1, max=8, help="How many run.")] = 2,
    lame_duck: Annotated[
        float, typer.Option(min=0, help="Its LAME_DUCK_SECONDS, where nothing says it.")
    ] = float(LAME_DUCK_SECONDS),
    pause: Annotated[
        float, typer.Option(min=0, help="Seconds until SIGTERM: a preStop, if any.")
    ] = 0.0,
    notice: Annotated[
        float, typer.Option(min=0, help="Seconds it gets new connections meanwhile.")
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Roll a service under load as a cluster does, and count what is lost.

    Runs what the service calls beside it, apart from a running fleet. Old and new
    version answer side by side: the old one is a revision of git, the new one the
    tree; one instance more is started, then one is stopped, until all are replaced,
    there and back again. What is sent is told by [rehearse] in fleet.toml, else by the
    examples of its OpenAPI document.

    Examples: `fleet rehearse orders`, `fleet rehearse orders --from v1.2.0`,
    `fleet rehearse orders --requests 20000 --rate 100 --json`. Exit 1 where a request
    was lost, a key had two effects, versions do not fit, or an instance ended badly.
    """
    printer = Printer(as_json=as_json)
    fleet = discover()
    chosen = fleet.chosen([service])[0]
    wish = Wish(
        service=chosen,
        revision=revision or released(fleet),
        requests=requests,
        turns=turns,
        instances=instances,
        pace=Pace(rate, at_once),
        manners=Manners(notice, pause, fleet.manifest.up.stop_seconds, lame_duck),
    )
    report = rehearsed(fleet, wish, _pythons(fleet, service, printer), printer.talk)
    printer.data(_facts(report), "\n".join(_text(report)))
    raise typer.Exit(0 if report.is_good else NOT_COMPLIANT)


def _pythons(fleet: Fleet, service: str, printer: Printer) -> dict[str, Any]:
    """Return the interpreters of what runs, environments made if need be."""
    venvs = {one.name: venv_of(fleet, one) for one in involved(fleet, service)}
    for venv in venvs.values():
        make(venv, printer.talk)
    return {name: venv.python for name, venv in venvs.items()}


def _facts(report: Report) -> dict[str, Any]:
    """Return a report as JSON-ready values."""
    return {
        "service": report.service,
        "asked": report.asked,
        "from": report.old,
        "good": report.is_good,
        "sent": report.sent,
        "lost": report.lost,
        "cut": report.cuts,
        "doubled": report.doubled,
        "turns": [{"to": one.version, **one.tally.facts()} for one in report.turns],
        "clashes": [asdict(one) for one in report.clashes],
        "ends": report.ends,
        "refused": report.refused,
        "events": report.events,
        "events_heard": report.heard.facts(),
        "restarts": report.restarts,
        "not_asked": dict(report.left_out),
    }


def _row(number: int, turn: Turn) -> tuple[str, ...]:
    """Return a turn as a row of the table."""
    tally = turn.tally
    good = sum(n for status, n in tally.statuses.items() if 200 <= status < 300)
    lost = tally.lost.total()
    return (
        str(number),
        turn.version,
        str(tally.sent),
        str(good),
        paint(str(lost), "red") if lost else "0",
        str(tally.repeated),
        str(tally.doubled),
        f"{tally.milliseconds(0.99):.0f} ms",
    )


def _text(report: Report) -> Iterator[str]:
    """Yield the lines of a report for people."""
    head = ("turn", "becomes", "sent", "good", "lost", "twice", "doubled", "p99")
    rows = [_row(number, turn) for number, turn in enumerate(report.turns, 1)]
    yield table(head, rows)
    for turn in report.turns:
        for why, count in turn.tally.lost.most_common(5):
            yield f"lost {count} x {why} (while it became {turn.version})"
    for clash in report.clashes:
        yield f"{clash.where}: {clash.side}: {clash.what}"
    if report.cuts:
        yield f"{report.cuts} requests were read and never answered"
    yield from report.ends
    for name in report.refused:
        yield f"never but refused: {name}"
    yield from (f"events: {one}" for one in report.events)
    heard = report.heard
    if heard.events:
        yield (
            f"{heard.events} events had effects, {heard.again} came again and had "
            f"none, {heard.doubled} had two"
        )
    for operation, why in report.left_out.items():
        yield f"not asked: {operation}: {why}"
    resent = sum(turn.tally.resent for turn in report.turns)
    through = (
        "" if report.asked == report.service else f", asked through {report.asked}"
    )
    verdict = paint("nothing was lost", "green")
    if not report.is_good:
        verdict = paint("it would not go unnoticed", "red")
    yield (
        f"{report.service} from {report.old} to the tree{through}: {report.sent} "
        f"requests, {report.lost} lost, {report.doubled} doubled, {resent} sent again "
        f"on a new connection; {verdict}"
    )
