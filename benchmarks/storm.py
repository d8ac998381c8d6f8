"""A provider of the shop is down: retries add little, and the shop is back soon.

    venv/bin/python benchmarks/storm.py [--fleet-dir DIR] [--seconds 12] [--json]

Runs the shop in a folder of its own on free ports, buys at a steady rate, and takes
down first payments (killed for good, then started), then the catalog (every call it
gets is answered 503). Calls are counted from the canonical lines of the services' logs.
Exits 0 when the extra calls stay under 20 % and the shop is back within 5 s, else 1.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp

from experiments.calling import Called, open_loop
from fleetwright.errors import FleetwrightError
from fleetwright_cli.local._control import ask
from shop_replay.own_folder import lay_out
from shop_replay.running import SHOP, RunningFleet
from shop_replay.tokens import Tokens

RATE = 30.0  # so that the reserve of 1 retry a second is little of it
MOST_EXTRA = 0.20
BACK_SECONDS = 5.0
SERVED = 0.99  # a pause of the machine sheds a call now and then
LAMP = {"name": "WHITE METAL LANTERN", "price_pence": 339}
LOOK_SECONDS = 0.05
LONGEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure and whether it is within its limit."""

    what: str
    figure: str
    ok: bool


class Logs:
    """The canonical lines of all services, from a mark on."""

    def __init__(self, folder: Path) -> None:
        """Read below a fleet's folder."""
        self._folder = folder / ".fleet" / "run" / "logs"
        self._marks: dict[Path, int] = {}

    def mark(self) -> None:
        """Forget what was written so far."""
        self._marks = {file: file.stat().st_size for file in self._files()}

    def calls(self) -> Counter[tuple[str, str]]:
        """Return how many calls each service got from each caller since the mark."""
        count: Counter[tuple[str, str]] = Counter()
        for file in self._files():
            with file.open("rb") as lines:
                lines.seek(self._marks.get(file, 0))
                for line in lines:
                    if b'"call.answered"' not in line:
                        continue
                    told = json.loads(line)
                    caller = told.get("caller") or "outside"
                    count[caller, told["service"]] += 1
        return count

    def _files(self) -> list[Path]:
        return [self._folder / f"{name}.log" for name in SHOP]


class Buyers:
    """People who look at products and place orders, at a steady rate."""

    def __init__(self, fleet: RunningFleet, http: aiohttp.ClientSession) -> None:
        """Find the shop."""
        self._urls = dict(fleet.urls())
        self._http = http
        self._tokens = Tokens(fleet.issuer(), http)
        self._turn = 0

    async def one(self) -> int:
        """Look, look, then order; return the status."""
        self._turn += 1
        if self._turn % 3:
            url = f"{self._urls['storefront']}/"
            async with self._http.get(url, params={"search": "lantern"}) as answer:
                await answer.read()
                return answer.status
        order = {
            "reference": "storm",
            "customer_id": None,
            "country": "France",
            "lines": [{"sku": "71053", "quantity": 1}],
        }
        headers = await self._tokens.headers("orders")
        headers["Idempotency-Key"] = str(uuid.uuid4())
        url = f"{self._urls['orders']}/v1/orders"
        async with self._http.post(url, json=order, headers=headers) as answer:
            await answer.read()
            return answer.status

    async def stock(self) -> None:
        """Have the shop sell what is bought."""
        url = f"{self._urls['catalog']}/v1/products/71053"
        headers = await self._tokens.headers("catalog")
        async with self._http.put(url, json=LAMP, headers=headers) as answer:
            assert answer.status < 300, await answer.text()


class Storm:
    """Both outages, one after the other, in one running shop."""

    def __init__(self, fleet: RunningFleet, folder: Path, buyers: Buyers) -> None:
        """Stand before a running shop."""
        self._fleet = fleet
        self._run = folder / ".fleet" / "run"
        self._database = folder / ".fleet" / "data" / "orders.db"
        self._logs = Logs(folder)
        self._buyers = buyers
        self.findings: list[Finding] = []

    def _find(self, what: str, figure: str, ok: bool) -> None:
        self.findings.append(Finding(what, figure, ok))

    async def calm(self, seconds: float) -> float:
        """Return how many calls one request of a buyer causes when all is well."""
        self._logs.mark()
        made = await open_loop(RATE, seconds, self._buyers.one)
        await asyncio.sleep(1.0)
        self._served("calm: buyers are served", made)
        return _inner(self._logs.calls()) / len(made)

    async def payments(self, seconds: float, normal: float) -> None:
        """Take payments away, and give it back."""
        await asyncio.to_thread(ask, self._run, "stop", services=["payments"])
        self._logs.mark()
        made = await open_loop(RATE, seconds, self._buyers.one)
        await asyncio.sleep(1.0)
        self._extra("payments down", self._logs.calls(), len(made), normal)
        self._served("payments down: buyers are served all the same", made)
        waiting = self._undecided()
        await asyncio.to_thread(ask, self._run, "start", services=["payments"])
        began = time.monotonic()
        for _ in range(int(LONGEST_SECONDS / LOOK_SECONDS)):
            if not self._undecided():
                break
            await asyncio.sleep(LOOK_SECONDS)
        took = time.monotonic() - began
        what = f"payments back: {waiting} waiting orders decided <= {BACK_SECONDS:g} s"
        self._find(what, f"{took:.1f} s", took <= BACK_SECONDS and waiting > 0)

    async def catalog(self, seconds: float, normal: float) -> None:
        """Have the catalog answer 503 to all, then be well again."""
        fail = ("faults", "add", "*->catalog", "--error", "503", "--at", "provider")
        await self._fleet.tell(*fail, "--json")
        await asyncio.sleep(0.6)  # the longest a service may take to notice
        self._logs.mark()
        made = await open_loop(RATE, seconds, self._buyers.one)
        self._extra("catalog down", self._logs.calls(), len(made), normal)
        await self._fleet.tell("faults", "clear", "--json")
        after = await open_loop(RATE, BACK_SECONDS + 5.0, self._buyers.one)
        took = next((n for n in range(9) if _share(after, n, n + 2.0) >= SERVED), None)
        what = f"catalog back: buyers are served again for 2 s <= {BACK_SECONDS:g} s"
        ok = took is not None and took <= BACK_SECONDS
        self._find(what, f"after {took} s" if took is not None else "never", ok)

    def _served(self, what: str, made: Sequence[Called]) -> None:
        """Hold the share of buyers who were served to its limit."""
        bad = Counter(one.outcome for one in made if one.outcome != "ok")
        share = 1 - bad.total() / len(made)
        figure = f"{share:.1%} of {len(made)}"
        figure += "".join(f", {count} x {what}" for what, count in bad.items())
        self._find(f"{what}, >= {SERVED:.0%}", figure, share >= SERVED)

    def _extra(
        self, name: str, calls: Counter[tuple[str, str]], made: int, normal: float
    ) -> None:
        """Hold the calls between services to those of a calm time."""
        extra = _inner(calls) / (normal * made) - 1
        parts = ", ".join(
            f"{caller}->{provider} {count}"
            for (caller, provider), count in sorted(calls.items())
            if caller != "outside"
        )
        what = f"{name}: calls beyond those of a calm time < {MOST_EXTRA:.0%}"
        self._find(what, f"{extra:+.1%} ({parts})", extra < MOST_EXTRA)

    def _undecided(self) -> int:
        """Return how many orders are neither paid nor refused."""
        uri = f"file:{self._database}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            sql = "select count(*) from orders where state = 'accepted'"
            found: int = database.execute(sql).fetchone()[0]
        return found


def _inner(calls: Counter[tuple[str, str]]) -> int:
    return sum(count for (caller, _), count in calls.items() if caller != "outside")


def _share(made: Sequence[Called], first: float, last: float) -> float:
    """Return the share of good answers to calls begun in a span of time."""
    within = [one for one in made if first <= one.began < last]
    return sum(one.outcome == "ok" for one in within) / max(1, len(within))


async def run(folder: Path, seconds: float) -> list[Finding]:
    """Run the storm in a shop of its own.

    Args:
        folder: An empty folder, or one that was used before.
        seconds: How long each outage lasts.

    Returns:
        Every figure.
    """
    lay_out(folder)
    fleet = RunningFleet(folder)
    await fleet.up(fresh=True)
    try:
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            buyers = Buyers(fleet, http)
            await buyers.stock()
            await open_loop(RATE, 2.0, buyers.one)  # first calls open pools and files
            storm = Storm(fleet, folder, buyers)
            normal = await storm.calm(seconds / 2)
            await storm.payments(seconds, normal)
            await storm.catalog(seconds, normal)
            return storm.findings
    finally:
        await fleet.down()


def main(words: Sequence[str] | None = None) -> int:
    """Run what the command line asks for.

    Args:
        words: The command line; the process's own when None.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="storm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fleet-dir", type=Path, help="where the shop runs; made")
    parser.add_argument("--seconds", type=float, default=12.0, help="of each outage")
    parser.add_argument("--json", action="store_true", help="print JSON")
    wanted = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="fleet-storm-") as made:
        folder = (wanted.fleet_dir or Path(made)).absolute()
        try:
            findings = asyncio.run(run(folder, wanted.seconds))
        except FleetwrightError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    if wanted.json:
        print(json.dumps([asdict(it) for it in findings], indent=2))
    else:
        for it in findings:
            print(f"{'PASS' if it.ok else 'FAIL'}  {it.what}: {it.figure}")
    return 0 if all(it.ok for it in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
