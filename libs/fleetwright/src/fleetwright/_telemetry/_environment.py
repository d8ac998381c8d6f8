"""What OpenTelemetry's own variables say; the names and meanings are the standard's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

import structlog

Signal = Literal["traces", "metrics", "logs"]

_PREFIX: Final = "OTEL_EXPORTER_OTLP_"
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


@dataclass(frozen=True, slots=True)
class Target:
    """Where one signal goes.

    Attributes:
        url: The whole of it, with the path of the signal.
        headers: Sent with every request; they may hold secrets.
        timeout_seconds: Longest time for one batch, its repetitions included.
        gzip: Whether bodies are compressed.
        certificate: File of the authorities to trust; empty for the system's.
    """

    url: str
    headers: Mapping[str, str]
    timeout_seconds: float
    gzip: bool
    certificate: str


class Environment:
    """The variables of one process that begin with `OTEL_`.

    An empty variable is one that is not set; one that cannot be read is told in the log
    and taken for not set: telemetry keeps no service from starting.
    """

    def __init__(self, variables: Mapping[str, str | None]) -> None:
        """Read from variables.

        Args:
            variables: Names in upper case, of the process and of its `.env`.
        """
        self._variables = variables

    def text(self, name: str, default: str = "") -> str:
        """Return a variable, or what holds where it is not set."""
        return (self._variables.get(name) or "").strip() or default

    def number(self, name: str, default: float) -> float:
        """Return a variable as a number that is not negative."""
        text = self.text(name)
        try:
            found = float(text) if text else default
        except ValueError:
            found = -1.0
        if found < 0:
            _log.warning("telemetry.misread", variable=name, instead=default)
            return default
        return found

    def flag(self, name: str) -> bool:
        """Return whether a variable says `true`."""
        return self.text(name).lower() == "true"

    @property
    def is_disabled(self) -> bool:
        """Whether the standard's switch turns everything off."""
        return self.flag("OTEL_SDK_DISABLED")

    @property
    def is_silent(self) -> bool:
        """Whether nothing is to be told to anybody."""
        signals: tuple[Signal, ...] = ("traces", "metrics", "logs")
        is_read = "prometheus" in self.exporters("metrics")
        return not is_read and all(self.target(signal) is None for signal in signals)

    def exporters(self, signal: Signal) -> tuple[str, ...]:
        """Return where a signal is to go, as `OTEL_TRACES_EXPORTER` and its kin say."""
        text = self.text(f"OTEL_{signal.upper()}_EXPORTER", "otlp")
        return tuple(word.strip().lower() for word in text.split(",") if word.strip())

    def target(self, signal: Signal) -> Target | None:
        """Return where a signal goes over OTLP; None where nobody wants it.

        The standard's default endpoint is not assumed: without an endpoint nothing is
        exported.

        Args:
            signal: Traces, metrics or logs.
        """
        if self.is_disabled or "otlp" not in self.exporters(signal):
            return None
        url = self._of(signal, "ENDPOINT", shared=False)
        if not url:
            shared = self.text(f"{_PREFIX}ENDPOINT")
            if not shared:
                return None
            url = f"{shared.rstrip('/')}/v1/{signal}"
        if not url.startswith(("http://", "https://")):
            _log.warning("telemetry.misread", variable=f"{_PREFIX}ENDPOINT", instead="")
            return None
        if self._of(signal, "PROTOCOL") not in ("", "http/protobuf"):
            name = f"{_PREFIX}PROTOCOL"
            _log.warning("telemetry.misread", variable=name, instead="http/protobuf")
        seconds = self._of(signal, "TIMEOUT")
        milliseconds = float(seconds) if seconds.isdecimal() else 10_000.0
        return Target(
            url,
            pairs(self._of(signal, "HEADERS")),
            milliseconds / 1000,
            self._of(signal, "COMPRESSION") == "gzip",
            self._of(signal, "CERTIFICATE"),
        )

    def _of(self, signal: Signal, what: str, *, shared: bool = True) -> str:
        own = self.text(f"{_PREFIX}{signal.upper()}_{what}")
        return own or (self.text(f"{_PREFIX}{what}") if shared else "")

    def resource(self, service: str, version: str) -> dict[str, str]:
        """Return what all telemetry of this process has in common.

        Args:
            service: The name of the service; `OTEL_SERVICE_NAME` goes before it.
            version: Which version of it runs.
        """
        said = pairs(self.text("OTEL_RESOURCE_ATTRIBUTES"))
        named = self.text("OTEL_SERVICE_NAME")
        found = {"service.name": service, "service.version": version} | said
        return found | {"service.name": named} if named else found


def pairs(text: str) -> dict[str, str]:
    """Return `a=1,b=2` as a mapping; values are percent-decoded, others left out.

    Args:
        text: As `OTEL_EXPORTER_OTLP_HEADERS` has it.
    """
    found = {}
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            found[unquote(name.strip())] = unquote(value.strip())
    return found
