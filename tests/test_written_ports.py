"""A service has one port, wherever it is written down."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMPOSED = re.compile(r"127\.0\.0\.1:\$\{(\w+)_PORT:-(\d+)\}:8000")


@pytest.fixture
def ports() -> dict[str, int]:
    """The ports that `fleet up` gives to services at first."""
    first = tomllib.loads((ROOT / "fleet.toml").read_text("utf-8"))["up"]["first_port"]
    names = sorted(path.parent.name for path in ROOT.glob("services/*/src"))
    return {name: first + number for number, name in enumerate(names)}


def test_containers_answer_where_processes_do(ports: dict[str, int]) -> None:
    """Whoever changes from `fleet up` to containers finds the shop in its place."""
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    composed = {name.lower(): int(port) for name, port in COMPOSED.findall(text)}

    services = {name: port for name, port in composed.items() if name in ports}

    assert {"catalog", "orders", "storefront"} <= services.keys()
    assert services == {name: ports[name] for name in services}


def test_readme_names_the_port_of_the_storefront(ports: dict[str, int]) -> None:
    """The address a newcomer opens is the one where the shop is."""
    readme = (ROOT / "README.md").read_text("utf-8")
    own = (ROOT / "services" / "storefront" / "README.md").read_text("utf-8")

    assert f"<http://127.0.0.1:{ports['storefront']}>" in readme
    assert f"PORT={ports['storefront']} " in own
