"""A network with 200 +- 200 ms of latency on which every tenth answer is reset."""

from experiments.calling import close, leaf_at, open_loop
from experiments.lab import Lab, percentile
from experiments.proxy import Proxy, Toxics

MUTANTS = ("never_retries",)
RATE = 30.0  # above about 90 a second the budget of 10 % + 1/s gives out first
SECONDS = 15.0


async def run(lab: Lab) -> None:
    """Read at a steady rate; retries must hide the resets and hardly add sends."""
    leaf = await lab.serve("create_leaf")
    toxics = Toxics(latency_seconds=0.2, jitter_seconds=0.2, reset_share=0.1)
    async with Proxy(leaf.url, lab.random, toxics) as proxy:
        client = leaf_at(proxy.address)
        made = await open_loop(RATE, SECONDS, client.thing, lab.random)
        await close(client)
    for one in made:
        lab.history.note(outcome=one.outcome, seconds=one.seconds)
    told = lab.history.read()
    share = sum(one["outcome"] == "ok" for one in told) / len(told)
    lab.check("idempotent reads succeed, >= 99.5 %", f"{share:.2%}", share >= 0.995)
    sends = proxy.asked / len(told)
    lab.check("sends per call <= 1.2", f"{sends:.3f}", sends <= 1.2)
    late = percentile([one["seconds"] for one in told], 0.99)
    lab.note("99th percentile of a call", f"{1000 * late:.0f} ms")
