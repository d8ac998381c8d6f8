"""Faults for a test: on as soon as they are added, gone at its end."""

from collections import Counter

from fleetwright import _faults
from fleetwright._faults import Drop, Fault, FaultList, Plan, Side, ends_after


class Faults:
    """The faults of a test; the fixture `faults` gives one and clears it.

    Attributes:
        seed: What the draws are made from; set it before the first `add`.
    """

    def __init__(self, seed: int = 0) -> None:
        """Begin without faults.

        Args:
            seed: What the draws are made from.
        """
        self.seed = seed
        self._faults: list[Fault] = []
        self._plan: Plan | None = None
        self._before: Counter[str] = Counter()

    def add(
        self,
        edge: str,
        *,
        delay_seconds: float = 0.0,
        error: int | None = None,
        drop: Drop | None = None,
        share: float = 1.0,
        for_seconds: float | None = None,
        at: Side = "caller",
    ) -> str:
        """Switch a fault on.

        Args:
            edge: `orders->catalog`; `*` stands for anyone.
            delay_seconds: How much later the call goes on.
            error: Status it is answered with, 429 or 500 to 599.
            drop: `reset`, `refused` or `silence`.
            share: Share of the calls it strikes, more than 0, at most 1.
            for_seconds: How long; until the end of the test when left out.
            at: `caller`, before each attempt is sent, or `provider`, to all that comes.

        Returns:
            The fault's id.

        Raises:
            ValueError: The fault cannot be.
        """
        fault = Fault(
            id=f"f{len(self._faults) + 1}",
            edge=edge,
            at=at,
            delay_seconds=delay_seconds,
            error=error,
            drop=drop,
            share=share,
            ends_at=ends_after(for_seconds),
        )
        self._faults.append(fault)
        wanted = FaultList(seed=self.seed, faults=tuple(self._faults))
        self._plan = Plan(wanted, before=self._plan)
        _faults.use_plan(self._plan)
        return fault.id

    def clear(self) -> None:
        """Switch all faults off; `struck` is kept."""
        self._before += self.struck
        self._faults.clear()
        self._plan = None
        _faults.use_plan(None)

    @property
    def struck(self) -> Counter[str]:
        """How often faults struck so far, by edge."""
        count = Counter(self._before)
        if self._plan is not None:
            by_id = self._plan.struck()
            for fault in self._faults:
                count[fault.edge] += by_id[fault.id]
        return +count
