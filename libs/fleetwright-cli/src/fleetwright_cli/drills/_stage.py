"""A fleet set up apart from the one that people run: other ports, other databases."""

import base64
import json
import os
import socket
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

from fleetwright_cli.fleet import Fleet, Service
from fleetwright_cli.local._identity import TOOL, Identity
from fleetwright_cli.local._plan import Plan, plan
from fleetwright_cli.local._ports import HOST, in_use

RUNTIME = "fleetwright"
_SERVERS = ("BROKER_URL", "POSTGRES_URL", "DATABASE_URL")
_PORTS = range(20_000, 32_000, 100)  # below those the system gives away by itself
_TOKEN_SECONDS = 5.0
_marks: list[socket.socket] = []


def bootable(fleet: Fleet) -> list[Service]:
    """Return the services that `fleet up` could run: those on the runtime.

    Args:
        fleet: The fleet on disk.
    """
    return [one for one in fleet.services.values() if RUNTIME in one.libraries]


def staged(
    fleet: Fleet, services: list[Service], pythons: Mapping[str, Path], state: Path
) -> Plan:
    """Return the processes of services, with all they keep in a folder of its own.

    They have the defaults: the embedded broker and SQLite, whatever the variables of
    this machine say.

    Args:
        fleet: The fleet on disk.
        services: Those to run.
        pythons: The interpreter of each service.
        state: An empty folder.

    Raises:
        FleetError: A service has no interpreter, or state cannot be written.
    """
    own = {"first_port": _free_ports(), "broker": "embedded", "database": "sqlite"}
    up = fleet.manifest.up.model_copy(update=own)
    manifest = fleet.manifest.model_copy(update={"up": up})
    with _without(*_SERVERS):
        made = plan(replace(fleet, root=state, manifest=manifest), services, pythons)
    made.prepare_backing()
    made.write_map()
    made.clear_faults()
    return made


def token(
    identity: Identity, service: str, scopes: set[str], roles: Sequence[str] = ()
) -> str:
    """Return a person's token for a service, from the issuer that runs.

    Args:
        identity: The issuer.
        service: Whom it is for.
        scopes: What the person may do there.
        roles: What the person is.

    Raises:
        OSError: The issuer does not answer, or refuses.
    """
    form = {
        "grant_type": "client_credentials",
        "audience": service,
        "subject": "developer",
        "scope": " ".join(sorted(scopes)),
        "roles": " ".join(roles),
    }
    pair = base64.b64encode(f"{TOOL}:{identity.clients[TOOL]}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - an address of ours
        f"{identity.url}/token",
        urlencode(form).encode(),
        {"Authorization": f"Basic {pair}"},
    )
    with urllib.request.urlopen(  # noqa: S310 - an address of ours
        request, timeout=_TOKEN_SECONDS
    ) as answer:
        return str(json.load(answer)["access_token"])


def kept_with(port: int) -> range:
    """Return the ports that are kept free for the fleet that has one of them.

    Args:
        port: Of any of its processes.
    """
    first = port - (port - _PORTS.start) % _PORTS.step
    return range(first, first + _PORTS.step - 1)


def _free_ports() -> int:
    """Return a port after which a hundred are free, and stay ours.

    The last of them is held until this process ends: whoever sets up another fleet
    before this one listens everywhere finds that one taken, and takes other ports.
    """
    for first in _PORTS:
        mark = socket.socket()
        try:
            mark.bind((HOST, first + _PORTS.step - 1))
        except OSError:
            mark.close()
            continue
        _marks.append(mark)
        if not in_use({str(port): port for port in kept_with(first)}):
            return first
    return _PORTS.start


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Have a block not see some variables of this process."""
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
