"""Metrics for those who come to read them: the text of `/metrics`, where it is on."""

from collections.abc import Callable
from typing import Final

METRICS: Final = "/metrics"
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

text: Callable[[], bytes] | None = None
"""Returns the text; None where nobody is to read it, and the path is the
application's."""
