"""How many deliveries share a transaction: more while it goes well, fewer else."""

SHARE_SECONDS = 0.05  # as long as a writer of the same rows may have to wait for us
_FIRST = 8
# On PostgreSQL fewer: each savepoint that writes has a number of its own, and a server
# keeps no more than 64 of them for a transaction at hand.
_MOST = {"sqlite": 128}
_MOST_ELSEWHERE = 48


class Pace:
    """The length of the next batch, from how the last ones went.

    Attributes:
        limit: How many deliveries the next transaction is for, 1 or more.
    """

    def __init__(self, dialect: str) -> None:
        """Begin small.

        Args:
            dialect: The kind of database: `sqlite` or `postgresql`.
        """
        self.limit = _FIRST
        self._most = _MOST.get(dialect, _MOST_ELSEWHERE)

    def went(self, asked: int, begun: int) -> None:
        """Learn from a batch that was committed.

        Args:
            asked: For how many it was.
            begun: How many of them it got to in its time.
        """
        if begun < asked:  # what was claimed for the rest was in vain
            self.limit = max(1, begun)
        elif asked >= self.limit:
            self.limit = min(self._most, self.limit + max(1, self.limit // 4))

    def was_undone(self) -> None:
        """Learn from a batch that had to be done again, one by one."""
        self.limit = max(1, self.limit // 2)
