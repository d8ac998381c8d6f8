"""A service gets a fifth of a CPU: it stays alive, sheds, and says so.

SIGSTOP and SIGCONT in turn, which needs no rights: 20 of 100 ms as a cgroup's quota
does it, then 0.4 of 2 s, as on a machine that is far too full.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from experiments.calling import Called, Http, open_loop, timed
from experiments.lab import Lab, percentile
from experiments.served import Served

MUTANTS = ("admits_everybody", "never_lags")
CLIENTS = 6  # one after the other each: what it can do while it is starved
OVERLOAD = 2.0  # times that
SECONDS = 6.0
LIMIT_SECONDS = 3.0


async def run(lab: Lab) -> None:
    """Starve it in both rhythms under load and look at probes and answers."""
    echo = await lab.serve("create_echo", MAX_IN_FLIGHT="8")
    async with Http(seconds=LIMIT_SECONDS) as http:
        made, ready, alive = await _starved(echo, http, 0.02, 0.1)
        _hold(lab, "20 of 100 ms", made)
        lab.check("20 of 100 ms: it stays alive", alive, set(alive) == {200})
        lab.check("20 of 100 ms: it stays ready", ready, set(ready) == {200})
        made, ready, alive = await _starved(echo, http, 0.4, 2.0)
        lab.check("0.4 of 2 s: it stays alive", alive, set(alive) <= {200})
        lab.check("0.4 of 2 s: it is not ready", ready, 503 in ready)
        await asyncio.sleep(3.5)
        back = await http.status(f"{echo.url}/readyz")
        lab.check("3.5 s later it is ready again", back, back == 200)
    lab.history.note(ready=ready, alive=alive, back=back)


async def _starved(
    echo: Served, http: Http, on_seconds: float, of_seconds: float
) -> tuple[list[Called], list[int], list[int]]:
    """Call and probe it while it gets so many seconds of each span."""

    async def call() -> int:
        return await http.status(f"{echo.url}/v1/busy?seconds=0.004")

    rhythm = asyncio.create_task(_rhythm(echo.pid, on_seconds, of_seconds))
    rate = OVERLOAD * await _capacity(call, 2 * of_seconds + 1.0)
    work = asyncio.create_task(open_loop(rate, SECONDS, call))
    ready: list[int] = []
    alive: list[int] = []
    patient = Http(seconds=3 * of_seconds + 5.0)
    async with patient:
        for _ in range(4):
            await asyncio.sleep(SECONDS / 5)
            alive.append(await _probe(patient, f"{echo.url}/livez"))
            ready.append(await _probe(patient, f"{echo.url}/readyz"))
    made = await work
    rhythm.cancel()
    await asyncio.wait([rhythm])
    return made, ready, alive


async def _capacity(call: Callable[[], Awaitable[int]], seconds: float) -> float:
    """Return how many calls a second a few patient clients get answered."""
    ends = time.monotonic() + seconds
    count = 0

    async def client() -> None:
        nonlocal count
        while time.monotonic() < ends:
            made = await timed(call)
            count += made.outcome == "ok"

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return max(5.0, count / seconds)


async def _probe(http: Http, url: str) -> int:
    """Return the status of a probe; 0 when there is no answer."""
    try:
        return await http.status(url)
    except TimeoutError:
        return 0


async def _rhythm(pid: int, on_seconds: float, of_seconds: float) -> None:
    """Stop and continue a process in turn; in the end it runs."""
    try:
        while True:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(of_seconds - on_seconds)
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(on_seconds)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _hold(lab: Lab, name: str, made: list[Called]) -> None:
    outcomes = [one.outcome for one in made]
    good, shed = outcomes.count("ok"), outcomes.count("503")
    late = len(outcomes) - good - shed
    lab.check(f"{name}: it sheds instead of timing out (late <= 2 %)",
              f"{good} good, {shed} shed, {late} late",
              late <= 0.02 * len(outcomes) and shed > 0 and good > 0)  # fmt: skip
    seconds = percentile([it.seconds for it in made if it.outcome == "ok"], 0.99)
    lab.note(f"{name}: 99th percentile of the good", f"{1000 * seconds:.0f} ms")
