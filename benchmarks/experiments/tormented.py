"""The processes of a torture, for experiments that need less than all of it.

Producers, relays and consumers of the real library instead of the whole shop: the
promise that is held to is the same, and a run is a few seconds long.
"""

from dataclasses import replace

from experiments.lab import Lab
from tortured.plan import Wishes
from tortured.run import Figures, Torture

_LONGEST_SECONDS = 65.0
_REST_SECONDS = 15.0


async def tormented(lab: Lab, name: str, wishes: Wishes) -> Figures:
    """Run a torture with the seed and the mistake of an experiment.

    Args:
        lab: Of the experiment.
        name: Of this run; two runs of an experiment differ in it.
        wishes: What else is wished.

    Returns:
        What came of it.
    """
    folder = lab.folder / name
    folder.mkdir()
    asked = replace(
        wishes,
        seed=lab.seed,
        broken=lab.mutant or "",
        longest_seconds=_LONGEST_SECONDS,
        rest_seconds=_REST_SECONDS,
    )
    figures = await Torture(asked, folder, lambda _: None).run()
    lab.history.note(name=name, **figures.document())
    return figures


def hold_promise(lab: Lab, figures: Figures) -> None:
    """Hold a run to the promise: each effect once, in order, nothing left.

    Args:
        lab: Of the experiment.
        figures: What came of the run.
    """
    counts = figures.found.counts()
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    lab.check(f"of {figures.events} events, in two groups", told, figures.found.ok)
    broken = "; ".join(figures.broken[:3]) or "none"
    lab.check("processes that ended by themselves", broken, not figures.broken)
