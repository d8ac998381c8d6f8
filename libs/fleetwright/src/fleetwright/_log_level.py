"""The least level of the lines that are written, changed while a service runs."""

import logging
from typing import Any, Final

import structlog

# structlog's loggers are fast because those below their level do nothing, and loggers
# keep the class they were made of. So the class stays, and its methods are exchanged.
Logger: Final[Any] = type(
    "Logger", (structlog.make_filtering_bound_logger(logging.NOTSET),), {}
)


def filter_at(level: int) -> None:
    """Have every logger write lines from a level up, those made before as well.

    Args:
        level: As `logging` numbers it.
    """
    chosen = structlog.make_filtering_bound_logger(level)
    for name, method in vars(chosen).items():
        if callable(method):
            setattr(Logger, name, method)
