"""What librdkafka says, as lines of our log."""

import logging
from typing import Any

import structlog

from fleetwright._clock import clock

_QUIET_SECONDS = 10.0
_QUIET_KINDS = {"CONFWARN", "FAIL", "ERROR"}  # settings we chose; `broker.lost` tells
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class KafkaLog(logging.Logger):
    """Takes what librdkafka would write to stderr.

    The same kind of line is told once in ten seconds: a broker that is down is retried
    many times a second. Safe to call from any thread.
    """

    def __init__(self) -> None:
        """Nothing was said yet."""
        super().__init__("fleetwright.kafka")
        self._quiet_until: dict[str, float] = {}

    def log(self, level: int, msg: object, *args: Any, **_: Any) -> None:
        """Tell what was said.

        Args:
            level: As in `logging`.
            msg: A format, always the same.
            *args: The kind of line, the client's name, what it says.
        """
        kind, text = str(args[0]), str(args[-1])
        now = clock().monotonic()
        if self._quiet_until.get(kind, 0.0) > now:
            return
        self._quiet_until[kind] = now + _QUIET_SECONDS
        # Not louder than a warning: what follows from it is told by us.
        is_loud = level >= logging.WARNING and kind not in _QUIET_KINDS
        tell = _log.warning if is_loud else _log.debug
        tell("kafka.told", kind=kind, text=text)
