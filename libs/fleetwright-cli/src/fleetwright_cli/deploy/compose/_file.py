"""docker-compose.yml from the tree, valid for docker-compose 1.29 and for v2.

A page for people: written as text, with the words that explain it.
"""

import json
from collections.abc import Iterable

from fleetwright_cli.deploy._facts import GRPC_PORT, HTTP_PORT, Facts, World
from fleetwright_cli.deploy.compose._servers import SHARED, servers
from fleetwright_cli.deploy.images._inputs import default_image

FILE = "docker-compose.yml"
FOLDER = "deploy/compose"
ISSUER = "issuer"
TOOL = "fleet"  # the client of people
LAME_DUCK_SECONDS = 5  # callers keep a connection for less, see the runtime
MARGIN_SECONDS = 10  # parts close, and telemetry is sent, within 8 s after the drain
RECEIVER = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS")
SECRET = "only-on-this-machine"  # noqa: S105 - anybody may know it
_LOGIN = "fleet:${INFRA_PASSWORD:-only-on-this-machine}"
_BROKERS = {"rabbit": f"amqp://{_LOGIN}@rabbit:5672/", "kafka": "kafka://kafka:19092"}
_HEAD = """\
# {title} on one machine, in containers: `docker-compose up --build`.
# Written by `fleet deploy compose` from the tree and fleet.toml: change those.
# Valid for docker-compose 1.29 and for `docker compose` (v2).
#
# A service is told to leave by `docker-compose stop NAME`: it takes calls until callers
# know, finishes what it has, and ends with 0. Two of one, each on a port of its own:
# `{example}_PORT=8100-8101 docker-compose up --scale {name}=2`.
# Servers that no service here uses start by `docker-compose --profile infra up`.

x-service: &service
  restart: unless-stopped
  init: true
  read_only: true
  tmpfs:
    - /tmp:mode=1777,nosuid,nodev,noexec,size=64m
  cap_drop:
    - ALL
  security_opt:
    - no-new-privileges:true
  mem_limit: 256m
  cpus: 1.0
  pids_limit: 256
  stop_grace_period: {grace}s # to leave, to drain, to tell what was seen

x-environment: &environment
"""
_ISSUER = """\
  issuer: # the development issuer: production has one of its own
    <<: *service
    build:
{build}
    image: {fleet}/{service}
    command: ["python3", "-m", "fleetwright.issuer"]
    environment:
      ENVIRONMENT: development
      ISSUER_URL: http://issuer:8000
      ISSUER_KEY_FILE: /data/issuer.pem
      ISSUER_CLIENTS_FILE: /run/secrets/issuer_clients
      LAME_DUCK_SECONDS: "{leaving}"
    secrets:
      - issuer_clients
    volumes:
      - issuer-data:/data
    ports:
      - "127.0.0.1:${{ISSUER_PORT:-{port}}}:8000"
"""
_DATABASES = """\
  databases: # makes those that are not there yet, then ends
    <<: *service
    restart: "no"
    build:
{build}
    image: {fleet}/{service}
    command:
      - python3
      - -m
      - fleetwright._create
      - postgresql://{login}@postgres:5432/postgres
{names}
    healthcheck:
      disable: true
    depends_on:
      postgres:
        condition: service_healthy
"""
_BUILD = """\
      context: .
      dockerfile: {folder}/Dockerfile
      args:
        BASE_IMAGE: ${{BASE_IMAGE:-{image}}}"""
_SECRETS = """\
# One secret for all: this file is for one machine. Name other files to have others.
secrets:
  client_secret:
    file: ${{{prefix}_CLIENT_SECRET_FILE:-./{folder}/client-secret}}
  issuer_clients:
    file: ${{{prefix}_ISSUER_CLIENTS_FILE:-./{folder}/issuer-clients.json}}
"""


def files(world: World) -> dict[str, str]:
    """Return the compose file and what it reads, by their paths below the root.

    Args:
        world: The fleet.
    """
    found = {FILE: compose_file(world)}
    if _has_issuer(world):
        clients = dict.fromkeys((*world.facts, TOOL), SECRET)
        found[f"{FOLDER}/client-secret"] = f"{SECRET}\n"
        text = json.dumps(clients, indent=2)
        found[f"{FOLDER}/issuer-clients.json"] = f"{text}\n"
    return found


def compose_file(world: World) -> str:
    """Return docker-compose.yml.

    Args:
        world: The fleet.
    """
    up = world.manifest.up
    name = world.manifest.fleet.name
    used = _servers_of(world.facts.values(), world)
    title = f"The {name}" if name == "shop" else name.capitalize()
    first = next(iter(world.facts), "service")
    head = _HEAD.format(
        title=title,
        grace=_grace(world),
        name=first,
        example=_variable(first),
    )
    parts = [head + _environment(world)]
    parts += [SHARED, "services:"]
    parts[-1] += "\n" + (_issuer(world) if _has_issuer(world) else "")
    if "postgres" in used:
        parts.append(_databases(world))
    for number, facts in enumerate(world.facts.values()):
        parts.append(_service(world, facts, up.first_port + number))
    parts.append(servers(used))
    if _has_issuer(world):
        prefix = _prefix(world)
        parts.append(_SECRETS.format(prefix=prefix, folder=FOLDER))
    volumes = ["issuer-data"] * _has_issuer(world)
    volumes += ["postgres-data", "rabbit-data", "kafka-data"]
    parts.append("volumes:\n" + "".join(f"  {one}:\n" for one in volumes))
    text = "\n".join(one.rstrip("\n") + "\n" for one in parts)
    return text.replace("services:\n\n", "services:\n")


def _environment(world: World) -> str:
    """Return what all services are told."""
    lines = []
    if any(facts.has_events for facts in world.facts.values()):
        lines.append(f"BROKER_URL: {_BROKERS[world.manifest.deploy.broker]}")
    for name, facts in world.facts.items():
        variable = _variable(name)
        if not facts.is_consumer:
            lines.append(f"{variable}_URL: http://{name}:{HTTP_PORT}")
        if facts.answers_grpc:
            lines.append(f"{variable}_GRPC_URL: http://{name}:{GRPC_PORT}")
    if _has_issuer(world):
        lines += [
            "AUTH_ISSUER: http://issuer:8000",
            "AUTH_JWKS_URL: http://issuer:8000/.well-known/jwks.json",
            "TOKEN_URL: http://issuer:8000/token",
            "TOKEN_CLIENT_SECRET_FILE: /run/secrets/client_secret",
        ]
    lines.append(f'LAME_DUCK_SECONDS: "{LAME_DUCK_SECONDS}"')
    # Whoever receives telemetry, where one is named; empty tells nobody.
    lines += [f"{name}: ${{{name}:-}}" for name in RECEIVER]
    return "".join(f"  {line}\n" for line in lines)


def _issuer(world: World) -> str:
    """Return the issuer: the image of a service that looks at tokens has it in it."""
    facts = next(one for one in world.facts.values() if one.verifies)
    grpc = sum(one.answers_grpc for one in world.facts.values())
    port = world.manifest.up.first_port + len(world.facts) + grpc
    return _ISSUER.format(
        build=_build(world, facts),
        fleet=world.manifest.fleet.name,
        service=facts.name,
        leaving=LAME_DUCK_SECONDS,
        port=port,
    )


def _databases(world: World) -> str:
    """Return what makes the databases: the image of a service that has one."""
    having = [facts for facts in world.facts.values() if facts.has_database]
    names = [f"      - {_database(world, facts.name)}" for facts in having]
    return _DATABASES.format(
        build=_build(world, having[0]),
        fleet=world.manifest.fleet.name,
        service=having[0].name,
        login=_LOGIN,
        names="\n".join(names),
    )


def _service(world: World, facts: Facts, port: int) -> str:
    """Return one service."""
    fleet = world.manifest.fleet.name
    lines = [
        f"  {facts.name}:",
        "    <<: *service",
        "    build:",
        _build(world, facts),
        f"    image: {fleet}/{facts.name}",
        "    environment:",
        "      <<: *environment",
    ]
    if facts.has_database:
        lines.append(f"      DATABASE_URL: {_database_url(world, facts.name)}")
    own = world.manifest.callers.get(facts.name)
    if own is not None:
        lines.append(f'      AUTH_CALLERS: "{",".join(own)}"')
    if _has_issuer(world):
        lines += ["    secrets:", "      - client_secret"]
    awaited = dict.fromkeys(facts.calls if facts.is_entrance else (), "healthy")
    if facts.has_database:
        awaited["databases"] = "completed_successfully"
    awaited |= dict.fromkeys(_servers_of([facts], world) - {"postgres"}, "healthy")
    if awaited:
        lines.append("    depends_on:")
        for one, state in sorted(awaited.items()):
            lines += [f"      {one}:", f"        condition: service_{state}"]
    if not facts.is_consumer and not facts.answers_grpc:
        published = f'"127.0.0.1:${{{_variable(facts.name)}_PORT:-{port}}}:{HTTP_PORT}"'
        lines += ["    ports:", f"      - {published}"]
    return "\n".join(lines)


def _build(world: World, facts: Facts) -> str:
    """Return how an image is built."""
    folder = facts.service.folder.relative_to(world.fleet.root).as_posix()
    return _BUILD.format(folder=folder, image=default_image(world))


def _database_url(world: World, service: str) -> str:
    """Return where a service keeps its data: a database of its own on the server."""
    return f"postgresql+asyncpg://{_LOGIN}@postgres:5432/{_database(world, service)}"


def _database(world: World, service: str) -> str:
    return f"{world.manifest.fleet.name}_{service}".replace("-", "_")


def _servers_of(services: Iterable[Facts], world: World) -> set[str]:
    """Return the servers that some services need."""
    found = set()
    for facts in services:
        found |= {"postgres"} if facts.has_database else set()
        found |= {world.manifest.deploy.broker} if facts.has_events else set()
    return found


def _grace(world: World) -> int:
    """Return how many seconds the slowest service may take to stop."""
    drains = [it.seconds("DRAIN_SECONDS", {}) for it in world.facts.values()]
    return round(LAME_DUCK_SECONDS + max(drains, default=0.0) + MARGIN_SECONDS)


def _variable(name: str) -> str:
    """Return how the variables of a service begin."""
    return name.upper().replace("-", "_")


def _has_issuer(world: World) -> bool:
    """Return whether an issuer of ours runs: somebody looks at tokens."""
    is_own = ISSUER in world.facts
    return not is_own and any(one.verifies for one in world.facts.values())


def _prefix(world: World) -> str:
    """Return how the fleet's own variables of the compose file begin."""
    return _variable(world.manifest.fleet.name)
