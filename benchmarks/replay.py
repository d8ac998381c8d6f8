"""Replays real invoices through the running shop and audits what became of them.

    venv/bin/python benchmarks/replay.py FILE... [--chaos SEED] [--faults]
        [--up --fresh [--on postgres+rabbit]] [--compose PROJECT [--stops]]

Exits 0 when every check passed, 1 when one failed, 2 when nothing could be replayed.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from fleetwright.errors import FleetwrightError
from shop_replay.audit import Check
from shop_replay.composed import ComposedFleet
from shop_replay.figures import Figures
from shop_replay.own_servers import OwnServers
from shop_replay.reading import Invoice, read_invoices
from shop_replay.run import Wishes, replay
from shop_replay.running import RunningFleet
from shop_replay.sample import write_sample
from shop_replay.stops import Stops

KINDS = ("postgres", "rabbit", "kafka")
ON = "with --up: on servers of its own, as postgres+rabbit or postgres+kafka"


def main(words: Sequence[str] | None = None) -> int:
    """Run the replay the command line asks for.

    Args:
        words: The command line; the process's own when None.

    Returns:
        The exit code.
    """
    wanted = _parser().parse_args(words)
    try:
        invoices = _invoices(wanted)
        figures = asyncio.run(_run(wanted, invoices))
    except FleetwrightError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if wanted.json:
        sys.stdout.write(json.dumps(figures.document(), indent=2) + "\n")
    else:
        sys.stdout.write(f"{figures.text()}\n{figures.line()}\n")
    return 0 if figures.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="replay", description="Replay real invoices through the shop and audit it."
    )
    add = parser.add_argument
    add("files", nargs="*", type=Path, metavar="FILE", help="CSV files of invoices")
    add("--sample", type=_count, metavar="N", help="replay N made-up invoices")
    add("--rate", type=_positive, help="most invoices a second")
    add("--concurrency", type=_count, default=16, help="invoices at once (16)")
    add("--chaos", type=int, metavar="SEED", help="kill services meanwhile")
    add("--kills", type=_count, default=20, help="how many kills with --chaos (20)")
    add("--faults", action="store_true", help="fail 10 %% of calls, delay all 200 ms")
    add("--fleet-dir", type=Path, default=Path(), help="where fleet.toml is (.)")
    add("--up", action="store_true", help="start the fleet first, stop it at the end")
    add("--fresh", action="store_true", help="with --up: move earlier data away")
    add("--on", type=_kinds, default=(), metavar="SERVERS", help=ON)
    add("--compose", metavar="PROJECT", help="a shop that docker-compose brought up")
    add("--stops", action="store_true", help="with --compose: `docker stop` each once")
    add("--most", type=_count, metavar="N", help="only the first N invoices")
    add("--server-kills", type=_count, default=4, help="with --on and --chaos (4)")
    add("--call-seconds", type=_positive, default=120.0, help="longest call (120)")
    add("--json", action="store_true", help="print all figures as JSON")
    return parser


def _invoices(wanted: argparse.Namespace) -> list[Invoice]:
    """Return what is replayed."""
    if wanted.fresh and not wanted.up:
        raise FleetwrightError(
            "--fresh is for a fleet this command starts", hint="add --up"
        )
    if wanted.on and not wanted.up:
        raise FleetwrightError("--on is for a fleet this command starts", hint="--up")
    if wanted.stops and not wanted.compose:
        raise FleetwrightError("--stops is for containers", hint="add --compose NAME")
    if wanted.compose and (wanted.up or wanted.chaos is not None or wanted.faults):
        raise FleetwrightError(
            "containers are not started, killed or failed by this command",
            hint="leave out --up, --chaos and --faults; `docker kill` kills",
        )
    if bool(wanted.files) == bool(wanted.sample):
        raise FleetwrightError(
            "there is nothing to replay, or two things at once",
            hint="give CSV files of invoices, or `--sample 200`",
        )
    if wanted.files:
        return read_invoices(wanted.files)[: wanted.most]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.csv"
        write_sample(path, wanted.sample, seed=1)
        return read_invoices([path])[: wanted.most]


async def _run(wanted: argparse.Namespace, invoices: list[Invoice]) -> Figures:
    """Replay, in a fleet of its own if one is wanted."""
    servers = OwnServers(wanted.on)
    variables = await servers.up()
    os.environ |= variables  # the fleet is told by them, and so are we
    try:
        return await _replayed(wanted, invoices, servers)
    finally:
        await servers.down()


async def _replayed(
    wanted: argparse.Namespace, invoices: list[Invoice], servers: OwnServers
) -> Figures:
    """Replay on servers that are up, if any are wanted."""
    fleet = RunningFleet(wanted.fleet_dir.absolute())
    stops = None
    if wanted.compose:
        fleet = composed = ComposedFleet(wanted.compose)
        stops = Stops(composed) if wanted.stops else None
    wishes = Wishes(
        concurrency=wanted.concurrency,
        rate=wanted.rate,
        chaos=wanted.chaos,
        kills=wanted.kills,
        server_kills=wanted.server_kills,
        call_seconds=wanted.call_seconds,
        faults=(wanted.chaos or 1) if wanted.faults else None,
    )
    ended: list[str] = []
    if wanted.up:
        await fleet.up(fresh=wanted.fresh)
    extra: list[Check] = []
    try:
        with _progress(len(invoices)) as bar:
            figures = await _watched(fleet, invoices, wishes, servers, bar, stops)
        if stops is not None:
            extra += await stops.close()
    finally:
        if wanted.up:
            ended = await fleet.down()
    if wanted.up:
        extra.append(Check("every process ends with 0", "`fleet down`", tuple(ended)))
    return replace(figures, checks=(*figures.checks, *extra))


async def _watched(
    fleet: RunningFleet,
    invoices: list[Invoice],
    wishes: Wishes,
    servers: OwnServers,
    bar: Progress,
    stops: Stops | None,
) -> Figures:
    """Replay with a bar that moves, while containers are stopped if any are to be."""
    task = bar.task_ids[0]

    def after() -> None:
        bar.advance(task)
        if stops is not None and bar.finished:
            stops.placed()

    if stops is not None:
        await stops.open()
    return await replay(fleet, invoices, wishes, servers=servers, after=after)


@contextmanager
def _progress(total: int) -> Iterator[Progress]:
    """Show on stderr how far the run is, where someone looks."""
    console = Console(stderr=True)
    columns = (
        "[progress.description]{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        bar.add_task("invoices", total=total)
        yield bar


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split("+"))
    if not set(kinds) <= set(KINDS) or {"rabbit", "kafka"} <= set(kinds):
        raise argparse.ArgumentTypeError(
            "postgres, rabbit or kafka with + between them; one broker at most"
        )
    return kinds


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
