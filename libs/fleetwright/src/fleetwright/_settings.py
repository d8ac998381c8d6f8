"""Settings: environment to typed values; errors that name the variable and the mend."""

import os
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fleetwright._secrets import MASK, is_secret_name, mask, remember_secret
from fleetwright._settings_report import Source, near_misses, report, unknown_keys
from fleetwright.errors import SettingsError


class Settings(BaseSettings):
    """What a service reads from its environment; one frozen class per service.

    Every field is read from the variable of its name in upper case, else from the file
    named by `<VARIABLE>_FILE`, else from `.env` in the working directory.

    Attributes:
        environment: Where it runs; what only a developer may do (faults, open docs,
            keys made on the spot) is off in `production`, which is the default.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        log_level: Least level of the lines that are written.
        log_format: `json` for machines, `console` for people, `auto` decides by whether
            the output is a terminal.
        request_seconds: Longest time for one request, in seconds.
        max_in_flight: How many calls are answered at a time; more are refused with 503
            at once. As a rule what fits into 30 ms of CPU (`fleet bench limit`): raise
            it for handlers that mostly wait for others.
        max_connections: How many connections are open at a time, streams included; when
            left out, 256 or four for each call in flight, whichever is more.
        max_body_bytes: Longest body of a request, in bytes; a route may say otherwise
            (`@app.post(..., max_body_size=...)`).
        allowed_hosts: Host names requests may ask for, with commas between them;
            `*.example.org` is every name below. Any name when left out; probes always.
        trusted_proxies: Addresses or networks of proxies whose `X-Forwarded-*` headers
            are believed, with commas between them; nobody's when left out.
        open_docs: Whether `/docs`, `/redoc` and `/openapi.json` are served in
            production as well.
        alive_blocked_seconds: How long the event loop may be blocked before `/livez`
            says that the process is to be started anew, in seconds.
        drain_seconds: Time for requests in flight to finish once told to stop.
        lame_duck_seconds: How long to go on accepting while already not ready, each
            answer the last of its connection, so that balancers and callers notice
            before connections are refused or closed. When left out, 5 in production:
            more than clients of ours keep a connection idle. Elsewhere 0.
        broker_url: Where events go, for example `embedded:///broker.db`.
        fleet_map: JSON file of provider names to URLs, for calls out.
        fleet_dns: Pattern of the URLs of providers where the names of services are host
            names, for example `http://{name}:8000`; for what no variable and no map
            names.
        fleet_faults: JSON file of the faults to inject, written by `fleet faults`;
            refused in production.
        fleet_log_levels: JSON file of the levels that services are to log at from now
            on, written by `fleet log-level`; `log_level` holds again after a restart.
        faults_allowed: Whether faults may be injected in production all the same.
        capture_calls: Whether each call is written to the log with its bodies, up to
            4 KiB and secrets masked, so that a developer may send it again; refused in
            production.
        auth: `required` asks for a token wherever a route is not public; `off` lets
            everyone in, and says so in the log.
        auth_issuer: Who issues the tokens this service accepts, as their `iss` says it.
        auth_jwks_url: Where the issuer's public keys are.
        auth_callers: Services that may call at all, names with commas between them,
            whatever the routes say; when left out, the routes alone decide.
        token_url: Where this service fetches its own tokens (OAuth 2.0 client
            credentials, its name being the client id).
        token_client_secret: What proves to the issuer that it is this service.
        token_directory: Folder of tokens that somebody else keeps fresh, one file for
            each service that is called; goes before `token_url`.
        telemetry: Who records what the `OTEL_` variables ask for: `own` is cheap, `sdk`
            is OpenTelemetry's own, which must be installed, `off` is nobody.
        trace_slow_seconds: A call that takes that long is recorded whatever the sampler
            said of its trace, as is one that fails; 0 for neither.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_file=".env",
        dotenv_filtering="only_existing",
        validate_default=True,
        use_attribute_docstrings=False,
    )

    environment: Literal["production", "development", "test"] = "production"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"
    request_seconds: PositiveFloat = 10.0
    max_in_flight: PositiveInt = 8
    max_connections: PositiveInt | None = None
    max_body_bytes: PositiveInt = 1024 * 1024
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    open_docs: bool = False
    alive_blocked_seconds: PositiveFloat = 30.0
    drain_seconds: Annotated[float, Field(ge=0)] = 10.0
    lame_duck_seconds: NonNegativeFloat | None = None
    broker_url: str = "embedded:///broker.db"
    fleet_map: Path | None = None
    fleet_dns: str = ""
    fleet_faults: Path | None = None
    fleet_log_levels: Path | None = None
    faults_allowed: bool = False
    capture_calls: bool = False
    auth: Literal["required", "off"] = "required"
    auth_issuer: str = ""
    auth_jwks_url: str = ""
    auth_callers: str | None = None
    token_url: str = ""
    token_client_secret: SecretStr | None = None
    token_directory: Path | None = None
    telemetry: Literal["own", "sdk", "off"] = "own"
    trace_slow_seconds: Annotated[float, Field(ge=0)] = 1.0

    # Variables others read from the same environment or `.env`: not misspelt settings.
    foreign_prefixes: ClassVar[tuple[str, ...]] = ("FLEET_", "OTEL_")
    foreign_suffixes: ClassVar[tuple[str, ...]] = ("_URL",)

    _suspects: tuple[tuple[str, str], ...] = PrivateAttr(default=())

    @field_validator("allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        """Return the words of a list with commas."""
        if not isinstance(value, str):
            return value
        return [word.strip().lower() for word in value.split(",") if word.strip()]

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Return the settings of this process.

        Args:
            **given: Values that go before the environment.

        Returns:
            The frozen settings; its secrets are masked in logs from now on.

        Raises:
            SettingsError: A variable is missing, malformed or unknown; the text names
                each with the field that reads it and the mend.
        """
        source = Source.here(cls.model_config.get("env_file"))
        foreign = (cls.foreign_prefixes, cls.foreign_suffixes)
        problems = unknown_keys(cls, source, *foreign)
        try:
            settings = cls(**(_from_files(cls, source) | given))
        except ValidationError as error:
            problems += report(cls, error, source, given)
        if problems:
            raise problems[0] if len(problems) == 1 else _joined(problems)
        settings._suspects = near_misses(cls, source)
        settings.remember_secrets()
        return settings

    @property
    def suspects(self) -> tuple[tuple[str, str], ...]:
        """Variables of the environment that look like a misspelt one of ours.

        Pairs (the variable, the one it may have been meant to be).
        """
        return self._suspects

    def remember_secrets(self) -> None:
        """Have the values of `SecretStr` fields masked in every log line."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                remember_secret(value.get_secret_value())

    def describe(self) -> dict[str, str]:
        """Return the settings as text that may be shown.

        Returns:
            Variables and their values; secrets and passwords in URLs are masked.
        """
        return {
            name.upper(): _shown(name, getattr(self, name))
            for name in type(self).model_fields
        }


def _shown(name: str, value: object) -> str:
    if isinstance(value, SecretStr) or is_secret_name(name):
        return MASK
    return "" if value is None else mask(str(value))


def _from_files(cls: type[Settings], source: Source) -> dict[str, str]:
    """Return the fields whose value is in the file `<VARIABLE>_FILE` names."""
    found: dict[str, str] = {}
    for name in cls.model_fields:
        variable = name.upper()
        path = source.environment.get(f"{variable}_FILE")
        if path is None or variable in source.environment:
            continue
        try:
            found[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise SettingsError(
                f"{variable}_FILE={path} cannot be read: {why}",
                where=f"read by {cls.__name__}.{name}",
                hint=f"mount the file, or set {variable} itself",
            ) from error
    return found


def _joined(problems: list[SettingsError]) -> SettingsError:
    return SettingsError(
        f"{len(problems)} settings are wrong",
        where="\n".join(str(problem) for problem in problems),
        hint="mend each as it says; these are all of them",
    )
