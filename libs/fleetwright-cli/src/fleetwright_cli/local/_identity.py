"""The issuer of a fleet on this machine: a process of its own, and its secrets."""

import difflib
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import Fleet, Service
from fleetwright_cli.local import _ports
from fleetwright_cli.local._launch import Launch

NAME = "issuer"
TOOL = "fleet"  # the client of people; a service of this name is no client of its own
_VERIFIES = re.compile(r"^pyjwt==", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who issues tokens in this run of the fleet, and what its clients prove.

    Attributes:
        url: Where the issuer answers.
        clients: Names and secrets.
        file: Where the secrets are kept, for its owner alone.
        launch: The issuer's process.
    """

    url: str
    clients: Mapping[str, str]
    file: Path
    launch: Launch

    def given_to(self, service: str) -> dict[str, str]:
        """Return the variables that tell a service about the issuer.

        Args:
            service: The name of the service; its secret is told to nobody else.
        """
        return {
            "AUTH_ISSUER": self.url,
            "AUTH_JWKS_URL": f"{self.url}/.well-known/jwks.json",
            "TOKEN_URL": f"{self.url}/token",
            "TOKEN_CLIENT_SECRET": self.clients[service],
        }

    def write(self) -> None:
        """Write the secrets that the issuer and `fleet token` read."""
        self.file.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(self.file, flags, 0o600), "w") as out:
            json.dump(dict(self.clients), out, indent=2)


def require_known(fleet: Fleet) -> None:
    """Make sure that `[callers]` names services of the fleet.

    Args:
        fleet: The fleet on disk.

    Raises:
        FleetError: It names another: a slip would leave a service open.
    """
    for name in fleet.manifest.callers:
        if name not in fleet.services:
            close = difflib.get_close_matches(name, fleet.services, n=1)
            known = f"one of {', '.join(fleet.services)}"
            raise FleetError(
                f"no service {name!r} is in this fleet",
                where=f"[callers] {name} in {fleet.root / 'fleet.toml'}",
                hint=f"did you mean `{close[0]}`?" if close else f"name {known}",
            )


def verifying(services: Iterable[Service]) -> Service | None:
    """Return the first service that can verify tokens, by what its lock holds.

    Args:
        services: Those that run.

    Returns:
        The service whose environment the issuer runs in; None where nobody verifies.
    """
    for service in services:
        try:
            if _VERIFIES.search(service.lock.read_text("utf-8")):
                return service
        except OSError:
            continue
    return None


def identity(
    names: Iterable[str],
    *,
    python: Path,
    port: int,
    run: Path,
    environment: Mapping[str, str],
) -> Identity:
    """Return the issuer of a run, with new secrets for its clients.

    Args:
        names: Every service of the fleet.
        python: The interpreter it runs in.
        port: Where it is to listen.
        run: The folder of what belongs to the run.
        environment: What every process of the fleet is given.
    """
    url = f"http://{_ports.HOST}:{port}"
    file = run / "clients.json"
    launch = Launch(
        name=NAME,
        service=NAME,
        argv=(str(python), "-m", "fleetwright.issuer"),
        folder=run,
        environment={
            **environment,
            "LOG_FORMAT": "json",
            "ENVIRONMENT": "development",
            "PYTHONUNBUFFERED": "1",
            "HOST": _ports.HOST,
            "PORT": str(port),
            "ISSUER_URL": url,
            "ISSUER_CLIENTS_FILE": str(file),
            "ISSUER_KEY_FILE": str(run / "issuer.pem"),
        },
        port=port,
        log_file=run / "logs" / f"{NAME}.log",
    )
    clients = {name: secrets.token_urlsafe(24) for name in (*names, TOOL)}
    return Identity(url, clients, file, launch)
