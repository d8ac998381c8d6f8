"""What came of asking one service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer, or a lack of one, that the contract does not allow.

    Attributes:
        check: The check that it fails: `not_a_server_error`.
        operation: What was asked: `POST /v1/orders`.
        title: What is wrong, in a few words.
        message: What is wrong, in more.
        status: The status of the answer; 0 where there was none.
        curl: What can be typed to see it, while `fleet up` runs.
        times: How often it was seen.
    """

    check: str
    operation: str
    title: str
    message: str
    status: int
    curl: str
    times: int

    @classmethod
    def of(cls, found: Mapping[str, Any], curl: str) -> "Fault":
        """Return what the driver found, with a line that can be typed."""
        return cls(
            check=found["check"],
            operation=found["operation"],
            title=found["title"],
            message=found["message"],
            status=found["status"],
            curl=curl,
            times=found["times"],
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking one service.

    Attributes:
        service: Its name.
        left_out: Why it was not asked; empty where it was.
        requests: How many requests it was sent.
        checks: The checks that every answer had to pass.
        stopped: Whether the time was over before all was asked.
        faults: What is wrong.
    """

    service: str
    left_out: str = ""
    requests: int = 0
    checks: tuple[str, ...] = ()
    stopped: bool = False
    faults: tuple[Fault, ...] = ()
