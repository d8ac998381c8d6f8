"""An answer that drips, ends in its middle, or is reset in its middle."""

import asyncio

from experiments.apps import BIG
from experiments.calling import Called, close, leaf_at, sockets, sockets_down_to, timed
from experiments.lab import Lab, LoopLag
from experiments.proxy import Proxy, Toxics
from fleetwright.resilience import Pipeline, Retry, Timeout

MUTANTS = ("keeps_cut_bodies", "ends_late")
TOTAL_SECONDS = 1.0
CALLS = 20
SLACK_SECONDS = 0.05


async def run(lab: Lab) -> None:
    """Ask for a number whose beginning is a number too, over a network that cuts."""
    leaf = await lab.serve("create_leaf")
    whole = await _length(leaf.url)
    cuts = {
        "drips 1 byte each 0.5 s": Toxics(drip_bytes=1, drip_seconds=0.5),
        "ends 5 bytes early": Toxics(limit_bytes=whole - 5),
        "is reset 5 bytes early": Toxics(reset_bytes=whole - 5),
    }
    async with Proxy(leaf.url, lab.random) as proxy:
        for name, toxics in cuts.items():
            proxy.toxics = toxics
            await _calls(lab, name, proxy)
            await proxy.cut()
        proxy.toxics = Toxics()
        client = leaf_at(proxy.address)
        healed = await timed(client.number)
        lab.check("healed: the number is whole", healed.value, healed.value == BIG)
        await close(client)


async def _length(url: str) -> int:
    """Return how many bytes the answer has on the wire, head included."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /v1/number HTTP/1.1\r\nHost: leaf\r\nConnection: close\r\n\r\n")
    text = await reader.read()
    writer.close()
    # The client's own requests keep the connection: that header is not there then.
    return len(text) - len(b"connection: close\r\n")


async def _calls(lab: Lab, name: str, proxy: Proxy) -> None:
    pipeline = Pipeline("leaf", Timeout(TOTAL_SECONDS), Retry(), Timeout(0.6))
    client = leaf_at(proxy.address, pipeline)
    baseline = sockets()
    async with LoopLag() as lag:
        made: list[Called] = list(
            await asyncio.gather(*(timed(client.number) for _ in range(CALLS)))
        )
    for one in made:
        lab.history.note(cut=name, outcome=one.outcome, value=one.value)
    told = lab.history.read()
    wrong = [it["value"] for it in told if it["value"] not in (None, BIG)]
    lab.check(f"{name}: no partial number is taken", wrong[:3] or 0, not wrong)
    ok = sum(it["outcome"] == "ok" for it in told if it["cut"] == name)
    lab.check(f"{name}: no call succeeds", ok, ok == 0)
    longest = max(one.seconds for one in made)
    limit = TOTAL_SECONDS + SLACK_SECONDS + lag.worst_seconds
    lab.check(
        f"{name}: calls end by total + 50 ms + lag of this machine",
        f"{longest:.3f} s (at most {limit:.3f} s)",
        longest <= limit,
    )
    await close(client)
    await proxy.cut()
    left = await sockets_down_to(baseline, 1.0)
    lab.check(
        f"{name}: sockets are back at the baseline",
        f"{left} ({baseline})",
        left <= baseline,
    )
