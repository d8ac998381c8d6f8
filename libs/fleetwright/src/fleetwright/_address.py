"""A provider's name to its URL: its variable, the fleet's map, or DNS by a pattern."""

import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from fleetwright._settings import Settings
from fleetwright.errors import SettingsError

_HOST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def address(provider: str, *, kind: str = "") -> str:
    """Return where a provider answers.

    Looked up anew each time: the map changes when the fleet starts again.

    Args:
        provider: The name of a service, for example "catalog".
        kind: Which of its addresses, for example "grpc"; empty for HTTP.

    Returns:
        Its URL without a slash at the end: from the variable `CATALOG_URL` (or
        `STOCK_GRPC_URL`), else from the JSON file that `FLEET_MAP` names, under
        "catalog" (or "stock.grpc"), else by the pattern `FLEET_DNS` (or
        `FLEET_DNS_GRPC`), for example `http://{name}:8000`, where the names of services
        are host names. All of them may stand in `.env`.

    Raises:
        SettingsError: None knows the provider, or what they say is no URL.
    """
    name = f"{provider}.{kind}" if kind else provider
    variable = re.sub("[-.]", "_", name).upper() + "_URL"
    environment = {**_from_file(), **os.environ}
    found = environment.get(variable)
    if found:
        return _checked(found, f"{variable}={found}")
    file = environment.get("FLEET_MAP")
    if file:
        found = _map(file).get(name)
        if found is not None:
            return _checked(found, f"{name!r} in FLEET_MAP={file}")
    pattern_variable = f"FLEET_DNS_{kind.upper()}" if kind else "FLEET_DNS"
    pattern = environment.get(pattern_variable)
    if pattern:
        return _by_pattern(pattern, provider, f"{pattern_variable}={pattern}")
    raise SettingsError(
        f"nobody says where {name!r} answers",
        where=f"{variable} is not set and "
        + (f"FLEET_MAP={file} does not name it" if file else "neither is FLEET_MAP"),
        hint=f"set {variable}=http://127.0.0.1:8000, or start the fleet: ./fleet up",
    )


def _by_pattern(pattern: str, provider: str, where: str) -> str:
    if pattern.count("{name}") != 1 or not _HOST.fullmatch(provider):
        raise SettingsError(
            f"{provider!r} has no host name by this pattern",
            where=where,
            hint="write {name} where the name of a service stands, as in"
            " http://{name}:8000; names are lower-case letters, digits and dashes",
        )
    return _checked(pattern.replace("{name}", provider), where)


def _from_file() -> dict[str, str | None]:
    """Return what the file says that the settings are read from too."""
    file = Settings.model_config.get("env_file")
    return dotenv_values(file) if isinstance(file, (str, Path)) else {}


def _map(file: str) -> dict[str, str]:
    try:
        found = json.loads(Path(file).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the fleet's map cannot be read: {error}",
            where=f"FLEET_MAP={file}",
            hint='write {"catalog": "http://127.0.0.1:8000"} into it, or start the'
            " fleet: ./fleet up",
        ) from error
    if not isinstance(found, dict):
        raise SettingsError(
            "the fleet's map is not an object of names and URLs",
            where=f"FLEET_MAP={file}",
            hint='write {"catalog": "http://127.0.0.1:8000"} into it',
        )
    return {str(name): str(url) for name, url in found.items()}


def _checked(url: str, where: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
        raise SettingsError(
            "not the URL of a service",
            where=where,
            hint="use scheme, host and port, as in http://127.0.0.1:8000",
        )
    return url.rstrip("/")
