"""Three services in a row: edge calls middle, middle calls leaf."""

from dataclasses import dataclass

from experiments.lab import Lab
from experiments.served import Served


@dataclass(frozen=True, slots=True)
class Chain:
    """The services of a chain, from the outside in."""

    edge: Served
    middle: Served
    leaf: Served


async def chain(lab: Lab, **leaf: str) -> Chain:
    """Start the three.

    Args:
        lab: Whose they are.
        **leaf: Settings of the leaf.
    """
    end = await lab.serve("create_leaf", **leaf)
    middle = await lab.serve(
        "create_tier", TIER="middle", NEXT="leaf", LEAF_URL=end.url
    )
    edge = await lab.serve(
        "create_tier", TIER="edge", NEXT="middle", MIDDLE_URL=middle.url
    )
    return Chain(edge, middle, end)
