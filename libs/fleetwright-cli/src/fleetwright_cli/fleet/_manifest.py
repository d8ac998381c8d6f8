"""fleet.toml to typed values; errors that name the place and the mend."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet._deploy import Deploy
from fleetwright_cli.fleet._rehearse import Rehearse
from fleetwright_cli.fleet._waivers import Waiver

NAME = "fleet.toml"
Port = Annotated[int, Field(ge=1, le=65_000)]


class Section(BaseModel):
    """A table of fleet.toml: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FleetSection(Section):
    """What the fleet is.

    Attributes:
        name: Its name, used in images and labels.
        standard: Version of the standard its services are checked against.
        python: Least Python version of its services.
        services: Where services are, as a glob below the root.
        libraries: Where libraries are, as a glob below the root.
        vendored: Libraries that came from elsewhere as they are: they are tested and
            held to the standard where they are written.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    standard: str = "1.0"
    python: Annotated[str, Field(pattern=r"^3\.\d+$")] = "3.11"
    services: str = "services/*"
    libraries: str = "libs/*"
    vendored: tuple[str, ...] = ()


class ServiceUp(Section):
    """How one service runs on this machine.

    Attributes:
        replicas: How many processes.
        environment: Variables it gets beside the fleet's own.
    """

    replicas: Annotated[int, Field(ge=1, le=32)] = 1
    environment: dict[str, str] = {}


class Up(Section):
    """`fleet up`.

    Attributes:
        first_port: Services get this port and the following ones, by name.
        console_port: Where the console listens, or above; 0 for no console.
        broker: Which broker carries events, where `BROKER_URL` names none.
        database: Where services keep data, where `POSTGRES_URL` names no server.
        stop_seconds: Time to drain before a service is killed.
        services: What differs for a service.
    """

    first_port: Port = 8000
    console_port: Port | Literal[0] = 9400
    broker: Literal["embedded", "rabbit", "kafka"] = "embedded"
    database: Literal["sqlite", "postgres"] = "sqlite"
    stop_seconds: Annotated[float, Field(gt=0, le=600)] = 20
    services: dict[str, ServiceUp] = {}


class Test(Section):
    """`fleet test`.

    Attributes:
        coverage_percent: Least share of lines that a package's tests run.
        against: What `--affected` compares with.
    """

    coverage_percent: Annotated[float, Field(ge=0, le=100)] = 80
    against: str = "origin/main"


class Manifest(Section):
    """The whole of fleet.toml.

    Attributes:
        fleet: What the fleet is.
        up: How it runs on this machine.
        test: How it is tested.
        critical: The neighbours without which a service cannot do what it is for; for
            every other one it has something to fall back on.
        deploy: How it becomes images, and where they run.
        rehearse: What services are asked for while they are rolled.
        callers: Which services may call a service at all, whatever its routes say;
            one that is not named here is left to its routes.
        waivers: Where the standard is not kept, and why.
    """

    fleet: FleetSection
    up: Up = Up()
    test: Test = Test()
    critical: dict[str, tuple[str, ...]] = {}
    deploy: Deploy = Deploy()
    rehearse: dict[str, Rehearse] = {}
    callers: dict[str, tuple[str, ...]] = {}
    waivers: tuple[Waiver, ...] = ()


def read_manifest(root: Path) -> Manifest:
    """Return what fleet.toml says.

    Args:
        root: The folder that holds it.

    Returns:
        The validated values.

    Raises:
        FleetError: It cannot be read, is no TOML, or says something unknown.
    """
    path = root / NAME
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError(
            f"{NAME} cannot be read: {error}",
            where=str(path),
            hint="make it a readable UTF-8 text file",
        ) from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise FleetError(
            f"{NAME} is not valid TOML: {error}",
            where=f"{path}:{line[1]}" if line else str(path),
            hint="mend that line; strings need quotes, tables are [name]",
        ) from error
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        raise _explained(error, path) from error


def _explained(error: ValidationError, path: Path) -> FleetError:
    """Return pydantic's findings in our words."""
    findings = [_finding(dict(found)) for found in error.errors()]
    count = f"{len(findings)} problem{'s' if len(findings) > 1 else ''}"
    where = "\n".join(f"{place}\nhint: {mend}" for place, mend in findings)
    return FleetError(f"{path.name}: {count}", where=where)


def _finding(found: dict[str, Any]) -> tuple[str, str]:
    """Return one finding as place with reason, and mend."""
    *table, key = [str(part) for part in found["loc"]]
    place = f"[{'.'.join(table)}] " if table else ""
    if found["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, _known(table), n=1)
        mend = f"did you mean `{close[0]}`?" if close else f"remove `{key}`"
        return f"{place}{key} is not a setting", mend
    if found["type"] == "missing":
        mend = (
            f"add `{key}` below {place.strip()}" if table else f"add a table `[{key}]`"
        )
        return f"{place}{key} is missing", mend
    return (
        f"{place}{key} = {found['input']!r}: {found['msg']}",
        f"give `{key}` a value that fits",
    )


def _known(table: list[str]) -> list[str]:
    """Return the keys that a table may have."""
    if table[:1] == ["waivers"]:
        return list(Waiver.model_fields)
    model: type[BaseModel] = Manifest
    named: type[BaseModel] = ServiceUp
    for name in table:
        field = model.model_fields.get(name)
        if field is None:  # a name of the user's, as in `[deploy.services.orders]`
            model = named
            continue
        for one in (field.annotation, *get_args(field.annotation)):
            if isinstance(one, type) and issubclass(one, BaseModel):
                is_field = one is field.annotation
                model, named = (one, named) if is_field else (model, one)
    return list(model.model_fields)
