"""docker-compose.yml from the tree, valid for docker-compose 1.29 and for v2.

A page for people: written as text, with the words that explain it.
"""

import json
import re

from fleetwright_cli.deploy._facts import GRPC_PORT, HTTP_PORT, Facts, World
from fleetwright_cli.deploy.compose._servers import SHARED, servers
from fleetwright_cli.deploy.images._inputs import default_image

FILE = "docker-compose.yml"
FOLDER = "deploy/compose"
ISSUER = "issuer"
TOOL = "fleet"  # the client of people
SECRET = "only-on-this-machine"  # noqa: S105 - anybody may know it
_HEAD = """\
# {title} on one machine, in containers: `docker-compose up --build`.
# Written by `fleet deploy compose` from the tree and fleet.toml: change those.
# Valid for docker-compose 1.29 and for `docker compose` (v2).
#
# Real servers for tests and for `fleet up`, which start only when asked for:
# `docker-compose --profile infra up`.

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
  stop_grace_period: {grace}s
  volumes:
    - {fleet}-data:/data

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
    secrets:
      - issuer_clients
    ports:
      - "127.0.0.1:${{ISSUER_PORT:-{port}}}:8000"
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
    if _on_postgres(world):
        names = [it.name for it in world.facts.values() if it.has_database]
        lines = [f'CREATE DATABASE "{_database(world, name)}";\n' for name in names]
        found[f"{FOLDER}/databases.sql"] = "".join(lines)
    return found


def compose_file(world: World) -> str:
    """Return docker-compose.yml.

    Args:
        world: The fleet.
    """
    up = world.manifest.up
    name = world.manifest.fleet.name
    used = {up.broker} - {"embedded"} | ({"postgres"} if _on_postgres(world) else set())
    grace = round(up.stop_seconds)
    title = f"The {name}" if name == "shop" else name.capitalize()
    parts = [_HEAD.format(title=title, grace=grace, fleet=name) + _environment(world)]
    parts += [SHARED, "services:"]
    parts[-1] += "\n" + (_issuer(world) if _has_issuer(world) else "")
    for number, facts in enumerate(world.facts.values()):
        parts.append(_service(world, facts, up.first_port + number))
    parts.append(servers(used, databases=_on_postgres(world)))
    if _has_issuer(world):
        prefix = _prefix(world)
        parts.append(_SECRETS.format(prefix=prefix, folder=FOLDER))
    volumes = (f"{name}-data", "postgres-data", "rabbit-data", "kafka-data")
    parts.append("volumes:\n" + "".join(f"  {one}:\n" for one in volumes))
    text = "\n".join(one.rstrip("\n") + "\n" for one in parts)
    return text.replace("services:\n\n", "services:\n")


def _environment(world: World) -> str:
    """Return what all services are told."""
    lines = []
    prefix = _prefix(world)
    if any(facts.has_events for facts in world.facts.values()):
        password = "${INFRA_PASSWORD:-only-on-this-machine}"  # noqa: S105 - a variable
        urls = {
            "embedded": "embedded:////data/broker.db",
            "rabbit": f"amqp://fleet:{password}@rabbit:5672/",
            "kafka": "kafka://kafka:19092",
        }
        chosen = urls[world.manifest.up.broker]
        lines += [
            f"# On RabbitMQ: {prefix}_BROKER_URL="
            "amqp://fleet:only-on-this-machine@rabbit:5672/",
            f"# On Kafka: {prefix}_BROKER_URL=kafka://kafka:19092",
            f"BROKER_URL: ${{{prefix}_BROKER_URL:-{chosen}}}",
        ]
    for name, facts in world.facts.items():
        variable = name.upper().replace("-", "_")
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
    lines = lines or ["LOG_FORMAT: json"]
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
        port=port,
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
        lines.append(f"      DATABASE_URL: {_database_url(world, facts)}")
    own = world.manifest.callers.get(facts.name)
    if own is not None:
        lines.append(f'      AUTH_CALLERS: "{",".join(own)}"')
    if _has_issuer(world):
        lines += ["    secrets:", "      - client_secret"]
    awaited = sorted(facts.calls) if facts.is_entrance else []
    awaited += ["postgres"] * (facts.has_database and _on_postgres(world))
    awaited += [world.manifest.up.broker] * (
        facts.has_events and world.manifest.up.broker != "embedded"
    )
    if awaited:
        lines.append("    depends_on:")
        for one in awaited:
            lines += [f"      {one}:", "        condition: service_healthy"]
    if not facts.is_consumer and not facts.answers_grpc:
        variable = facts.name.upper().replace("-", "_")
        published = f'"127.0.0.1:${{{variable}_PORT:-{port}}}:{HTTP_PORT}"'
        lines += ["    ports:", f"      - {published}"]
    return "\n".join(lines)


def _build(world: World, facts: Facts) -> str:
    """Return how an image is built."""
    folder = facts.service.folder.relative_to(world.fleet.root).as_posix()
    return _BUILD.format(folder=folder, image=default_image(world))


def _database_url(world: World, facts: Facts) -> str:
    """Return where a service keeps its data: a server's database, or a file."""
    if _on_postgres(world):
        password = "${INFRA_PASSWORD:-only-on-this-machine}"  # noqa: S105 - a variable
        name = _database(world, facts.name)
        return f"postgresql+asyncpg://fleet:{password}@postgres:5432/{name}"
    field = facts.settings.get("DATABASE_URL")
    said = field.default if field else ""
    found = re.fullmatch(r"(sqlite(?:\+\w+)?):///.*", said)
    return f"{found[1] if found else 'sqlite+aiosqlite'}:////data/{facts.name}.db"


def _database(world: World, service: str) -> str:
    return f"{world.manifest.fleet.name}_{service}".replace("-", "_")


def _on_postgres(world: World) -> bool:
    return world.manifest.up.database == "postgres"


def _has_issuer(world: World) -> bool:
    """Return whether an issuer of ours runs: somebody looks at tokens."""
    is_own = ISSUER in world.facts
    return not is_own and any(one.verifies for one in world.facts.values())


def _prefix(world: World) -> str:
    """Return how the fleet's own variables of the compose file begin."""
    return world.manifest.fleet.name.upper().replace("-", "_")
