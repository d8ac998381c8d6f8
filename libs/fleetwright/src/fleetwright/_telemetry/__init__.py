"""Where spans, metrics and log lines go: loaded only where a service exports them."""

import sys

from fleetwright._settings import Settings
from fleetwright._settings_report import Source
from fleetwright._telemetry._environment import Environment

__all__ = ["set_up", "tear_down"]


def set_up(service: str, settings: Settings, *, version: str = "0") -> None:
    """Tell what happens in this process to whom `OTEL_EXPORTER_OTLP_ENDPOINT` names.

    Without an endpoint, or with `TELEMETRY=off`, nothing more is loaded.

    Args:
        service: The name of the service.
        settings: What it read from its environment.
        version: Which version of it runs.
    """
    source = Source.here(settings.model_config.get("env_file"))
    environment = Environment({**source.keys, **source.environment})
    is_off = settings.telemetry == "off" or environment.is_disabled
    if is_off or (settings.telemetry == "own" and environment.is_silent):
        return
    from fleetwright._telemetry import _setup

    _setup.set_up(service, settings, environment, service_version=version)


def tear_down() -> None:
    """Send what waits, and record nothing any more."""
    setup = sys.modules.get("fleetwright._telemetry._setup")
    if setup is not None:
        setup.tear_down()
