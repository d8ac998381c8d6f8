"""docker-compose.yml: as the tree says, read by 1.29 and v2, hardened throughout."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy._files import mend
from fleetwright_cli.deploy.compose._file import FILE, compose_file, files

ROOT = Path(__file__).resolve().parents[4]
# docker-compose 1.29 refuses these.
NEWER = {
    "name",
    "include",
    "develop",
    "start_interval",
    "dockerfile_inline",
    "required",
}


@pytest.fixture(scope="module")
def composed(world: World) -> dict[str, Any]:
    """Give the compose file as values."""
    found: dict[str, Any] = yaml.safe_load(compose_file(world))
    return found


@pytest.fixture
def on_kafka(world: World) -> World:
    """Give the same fleet with Kafka for its broker."""
    deploy = world.manifest.deploy.model_copy(update={"broker": "kafka"})
    manifest = world.manifest.model_copy(update={"deploy": deploy})
    return World(replace(world.fleet, manifest=manifest), world.repository)


def keys(value: Any) -> set[str]:
    """Return all keys of nested values but those that a user chose."""
    if isinstance(value, list):
        return set().union(*map(keys, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    return set(value).union(*(keys(one) for one in value.values()))


def test_committed_file_is_what_the_tree_says(world: World) -> None:
    """Nobody edited it, and nobody forgot it."""
    assert mend(ROOT, files(world), check=True) == []


def test_older_compose_knows_every_key(composed: dict[str, Any]) -> None:
    """One file for docker-compose 1.29 and for v2."""
    assert not keys(composed) & NEWER
    assert "version" not in composed


def test_services_may_do_nothing_that_they_need_not(
    world: World, composed: dict[str, Any]
) -> None:
    """Each has a root that is read only, no capability, and limits."""
    for name in (*world.facts, "issuer", "databases"):
        one = composed["services"][name]
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert one["security_opt"] == ["no-new-privileges:true"]
        assert {"mem_limit", "cpus", "pids_limit", "stop_grace_period"} <= set(one)
        assert "noexec" in one["tmpfs"][0]
        assert not one.get("privileged")


def test_ports_are_open_to_this_machine_alone(composed: dict[str, Any]) -> None:
    """Nobody else in the network reaches a service or a server."""
    published = [
        port for one in composed["services"].values() for port in one.get("ports", ())
    ]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_secrets_come_by_file(world: World, composed: dict[str, Any]) -> None:
    """No environment of a service holds the value of one."""
    for name, facts in world.facts.items():
        told = composed["services"][name]["environment"]
        assert told["TOKEN_CLIENT_SECRET_FILE"] == "/run/secrets/client_secret"
        assert not any(facts.is_secret(variable) for variable in told)
        assert composed["services"][name]["secrets"] == ["client_secret"]


def test_services_wait_for_the_servers_that_they_use(world: World) -> None:
    """Real ones, that start with them, have a database each, and are looked at."""
    composed = yaml.safe_load(compose_file(world))["services"]
    orders, storefront = composed["orders"], composed["storefront"]

    assert "@postgres:5432/shop_orders" in orders["environment"]["DATABASE_URL"]
    assert "@rabbit:5672/" in orders["environment"]["BROKER_URL"]
    assert orders["depends_on"] == {
        "databases": {"condition": "service_completed_successfully"},
        "rabbit": {"condition": "service_healthy"},
    }
    assert not {"databases", "rabbit"} & set(storefront["depends_on"])
    for name in ("postgres", "rabbit"):
        assert "profiles" not in composed[name]
        assert composed[name]["healthcheck"]["test"]
    assert composed["kafka"]["profiles"] == ["infra"]
    made = composed["databases"]["command"][4:]
    having = [one for one in composed if f"shop_{one}" in made]
    assert len(having) == len(made) == 6


def test_broker_of_the_deploy_table_is_the_one_that_starts(on_kafka: World) -> None:
    """The other one waits to be asked for."""
    composed = yaml.safe_load(compose_file(on_kafka))["services"]

    assert composed["orders"]["environment"]["BROKER_URL"] == "kafka://kafka:19092"
    assert set(composed["orders"]["depends_on"]) == {"databases", "kafka"}
    assert "profiles" not in composed["kafka"]
    assert composed["rabbit"]["profiles"] == ["infra"]


def test_servers_may_do_no_more_than_services(composed: dict[str, Any]) -> None:
    """Numeric users, no capability, and limits; roots that are read only, but one."""
    for name in ("postgres", "rabbit", "kafka"):
        one = composed["services"][name]
        assert one["user"] in ("999:999", "1000:1000")
        assert one["read_only"] is (name != "kafka")
        assert one["cap_drop"] == ["ALL"]
        assert one["security_opt"] == ["no-new-privileges:true"]
        assert {"mem_limit", "cpus", "pids_limit", "stop_grace_period"} <= set(one)


def test_grace_covers_all_that_a_service_does_before_it_ends(
    world: World, composed: dict[str, Any]
) -> None:
    """Leaving, draining, and 8 s in which the runtime closes its parts."""
    for name, facts in world.facts.items():
        one = composed["services"][name]
        leaving = float(one["environment"]["LAME_DUCK_SECONDS"])
        longest = leaving + facts.seconds("DRAIN_SECONDS", one["environment"]) + 8
        assert leaving > 0
        assert float(one["stop_grace_period"].removesuffix("s")) > longest


def test_no_default_has_another_within(world: World) -> None:
    """docker-compose 1.29 ends a default at the first brace."""
    assert not re.search(r"\$\{[^}]*\$\{", compose_file(world))


@pytest.mark.parametrize("broker", ["rabbit", "kafka"])
def test_compose_reads_the_file(
    world: World, on_kafka: World, broker: str, tmp_path: Path
) -> None:
    """The program itself finds nothing wrong in it."""
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is not installed")
    chosen = on_kafka if broker == "kafka" else world
    mend(tmp_path, files(chosen), check=False)

    words = [program, "--file", FILE, "--profile", "infra", "config", "--quiet"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
