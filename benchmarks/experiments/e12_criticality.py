"""A service gets 4 times the calls it can answer; every fifth of them is critical.

Critical calls alone are eight tenths of what the service can do. They are made up to
three times, a second apart, as our clients do with what was not processed and comes
with `Retry-After: 1`; the others once.
"""

import asyncio
from collections import Counter

from experiments.calling import Http, open_loop
from experiments.e11_overload import CPU_SECONDS, SECONDS, most
from experiments.lab import Lab

MUTANTS = ("all_matter_alike",)
TIMES = 4
PLACES = 8
CRITICAL_SHARE = 0.2
ATTEMPTS = 3
AGAIN_SECONDS = 1.0


async def run(lab: Lab) -> None:
    """Offer a mix and count who was served."""
    echo = await lab.serve("create_echo", MAX_IN_FLIGHT=str(PLACES))
    url = f"{echo.url}/v1/busy?seconds={CPU_SECONDS}"
    sent: Counter[str] = Counter()
    good: Counter[str] = Counter()
    async with Http(seconds=2.0) as http:
        one = await most(url, PLACES, 3.0)

        async def call() -> int:
            critical = lab.random.random() < CRITICAL_SHARE
            name = "critical" if critical else "sheddable"
            sent[name] += 1
            status = 0
            for _ in range(ATTEMPTS if critical else 1):
                header = {"Fleet-Criticality": name}
                status = await http.status(url, headers=header)
                if status == 200:
                    good[name] += 1
                    break
                await asyncio.sleep(lab.random.uniform(1.0, 1.1) * AGAIN_SECONDS)
            return status

        await open_loop(TIMES * one, SECONDS, call, lab.random)
    lab.history.note(sent=dict(sent), good=dict(good), one=one)
    share = good["critical"] / sent["critical"]
    other = good["sheddable"] / sent["sheddable"]
    lab.check(
        "critical calls succeed, >= 99 %",
        f"{share:.1%} of {sent['critical']}",
        share >= 0.99,
    )
    lab.check(
        "sheddable calls are shed first",
        f"{other:.1%} of {sent['sheddable']} succeed",
        other < 0.5 * share,
    )
    lab.note("good answers a second", f"{good.total() / SECONDS:.0f}, {one:.0f} at 1x")
