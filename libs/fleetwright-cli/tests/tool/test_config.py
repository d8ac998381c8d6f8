"""fleet config: what services read from their environment, and what they are given."""

from typing import TYPE_CHECKING

import pytest

from fleetwright_cli.configuration import Finding, compare, variables_of
from fleetwright_cli.standard import open_repository

if TYPE_CHECKING:
    from tool.conftest import Shop

COMMON = '''
"""Settings of every service."""

from pydantic_settings import BaseSettings


class Common(BaseSettings):
    """What every service reads.

    Attributes:
        port: Where it listens.
        issuer: Who issues tokens.
        token: What proves who it is.
        token_url: Where tokens come from.
    """

    port: int = 8000
    issuer: str = ""
    token: str | None = None
    token_url: str = ""
'''
ORDERS = '''
"""Settings of orders."""

from money import Common
from pydantic import Field, SecretStr


class OrdersSettings(Common):
    """Settings of orders.

    Attributes:
        port: Its own port.
        bank_url: Where the bank is.
        bank_key: The key of the bank.
        page_size: How many orders a page has.
        names: Names | of things.
    """

    port: int = 8001
    bank_url: str
    bank_key: SecretStr
    page_size: int = Field(default=20, gt=0)
    names: tuple[str, ...] = Field(default_factory=tuple)
'''
COMPOSE = """
services:
  orders:
    build: services/orders
    environment:
      BANK_URL: http://bank
      BANK_KEY: ${{BANK_KEY}}
{}
  prices:
    image: other
"""
KUBERNETES = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: orders-config
data:
  BANK_URL: http://bank
  {}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: orders
spec:
  template:
    spec:
      containers:
        - name: orders
          envFrom:
            - configMapRef:
                name: orders-config
          env:
            - name: BANK_KEY
              valueFrom:
                secretKeyRef: {{name: orders, key: bank}}
            - name: PAGE_SISE
              value: "3"
"""


@pytest.fixture
def orders(shop: "Shop") -> "Shop":
    """Give a service with settings of its own, and of a library."""
    shop.add_library("money", COMMON)
    shop.write("libs/money/src/money/__init__.py", COMMON)
    shop.add_service("orders", "-e ../../libs/money\n")
    shop.write("services/orders/requirements.txt", "")
    shop.write("services/orders/src/orders/settings.py", ORDERS)
    return shop


def found(shop: "Shop") -> list[Finding]:
    """Return what does not fit."""
    return compare(open_repository(shop.root))


def compose(shop: "Shop", *lines: str) -> list[tuple[str, int]]:
    """Return what does not fit once compose sets more, with the lines."""
    text = "\n".join(f"      {line}" for line in lines)
    shop.write("docker-compose.yml", COMPOSE.format(text))
    return [(one.kind, one.line) for one in found(shop)]


def test_variables_are_those_of_the_class_and_of_what_it_inherits(
    orders: "Shop",
) -> None:
    """The nearest class decides; what has no value must be set, empty is a value."""
    repository = open_repository(orders.root)

    variables = variables_of(repository, repository.services[0])

    assert [(one.name, one.default, one.is_own) for one in variables] == [
        ("PORT", "8001", True),
        ("BANK_URL", None, True),
        ("BANK_KEY", None, True),
        ("PAGE_SIZE", "20", True),
        ("NAMES", "computed", True),
        ("ISSUER", "", False),
        ("TOKEN", "", False),
        ("TOKEN_URL", "", False),
    ]
    assert [one.name for one in variables if one.is_secret] == ["BANK_KEY", "TOKEN"]
    place = "OrdersSettings (services/orders/src/orders/settings.py:20)"
    assert (variables[1].where, variables[1].description) == (
        place,
        "Where the bank is.",
    )


def test_environment_that_fits_has_no_findings(orders: "Shop") -> None:
    """Inherited names, files, addresses of the fleet and names of others are known."""
    fine = ("PORT: 1", "TOKEN_FILE: /run/token", "ORDERS_URL: http://orders")

    assert compose(orders, *fine, "OTEL_SERVICE_NAME: orders", "TZ: UTC") == []


def test_name_that_nobody_reads_is_found_with_what_was_meant(orders: "Shop") -> None:
    """An unknown variable is ignored without a word when the service starts."""
    assert compose(orders, "PAGE_SISE: 3") == [("unknown", 8)]

    one = found(orders)[0]
    assert one.what == "compose sets PAGE_SISE for orders, which reads no such variable"
    assert one.hint == "did you mean PAGE_SIZE?"


def test_name_that_code_reads_by_itself_is_known(orders: "Shop") -> None:
    """A library that reads the environment beside any settings is heard, too."""
    text = 'import os\n\nMODE = os.environ.get("MONEY_MODE")\n'
    orders.write("libs/money/src/money/modes.py", text)

    assert compose(orders, "MONEY_MODE: fast") == []


def test_variable_that_must_be_set_and_is_not_is_found(orders: "Shop") -> None:
    """Not where a file of the environment may set it, nor where a file holds it."""
    bare = "services:\n  orders:\n    build: services/orders\n"
    orders.write("docker-compose.yml", bare)

    missing = found(orders)

    assert [one.kind for one in missing] == ["missing", "missing"]
    assert missing[0].what == "compose does not set BANK_URL for orders"

    orders.write("docker-compose.yml", f"{bare}    env_file: .env\n")

    assert found(orders) == []

    files = "    environment:\n      - BANK_URL_FILE=/a\n      - BANK_KEY_FILE=/b\n"
    orders.write("docker-compose.yml", bare + files)

    assert found(orders) == []


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("TOKEN: hunter2", ["secret"]),
        ("TOKEN: ${TOKEN:-only-here}", []),
        ("TOKEN_URL: http://issuer/token", []),
        ("ISSUER: postgresql://me:hunter2@db/orders", ["secret"]),
        ("ISSUER: postgresql://me:${PASSWORD}@db/orders", []),
    ],
)
def test_secret_in_the_open_is_found(
    orders: "Shop", line: str, kinds: list[str]
) -> None:
    """By the field's type or name, and inside of addresses; references are fine."""
    assert [kind for kind, _ in compose(orders, line)] == kinds


def test_manifests_of_kubernetes_are_held_to_the_same(orders: "Shop") -> None:
    """ConfigMaps and variables of containers, wherever they stand in a file."""
    orders.write("deploy/base/orders.yaml", KUBERNETES.format("TOKEN: hunter2"))

    assert [(one.kind, one.path, one.line) for one in found(orders)] == [
        ("unknown", "deploy/base/orders.yaml", 26),
        ("secret", "deploy/base/orders.yaml", 8),
    ]


def test_generated_config_maps_of_kustomize_count(orders: "Shop") -> None:
    """A base and its overlays fill the same map."""
    orders.write("deploy/base/orders.yaml", KUBERNETES.format("PORT: '1'"))
    kustomization = (
        "configMapGenerator:\n"
        "  - name: orders-config\n"
        "    literals:\n"
        "      - PORT=1\n"
        "      - PAGE_SIZ=1\n"
    )
    orders.write("deploy/staging/kustomization.yaml", kustomization)

    unknown = {(one.path, one.line) for one in found(orders)}

    assert ("deploy/staging/kustomization.yaml", 5) in unknown


def test_secret_of_kubernetes_leaves_open_what_is_set(orders: "Shop") -> None:
    """What is in it is not in the repository, so nothing can be missing."""
    text = KUBERNETES.format("PORT: '1'").replace("configMapRef", "secretRef")
    orders.write("deploy/orders.yaml", text)

    assert [one.kind for one in found(orders)] == ["unknown"]


def test_command_shows_a_table_a_file_and_json(orders: "Shop") -> None:
    """Secrets are never shown, defaults are."""
    orders.write("docker-compose.yml", COMPOSE.format("      PAGE_SISE: 3"))

    table = orders.fleet("config", "orders")
    example = orders.fleet("config", "--format", "env").out.splitlines()
    document = orders.fleet("config", "--json").document

    assert table.code == 0
    assert "orders   PAGE_SIZE  20" in table.out
    assert "hint: did you mean PAGE_SIZE?" in table.err
    assert example[2:4] == ["# Where the bank is.", "BANK_URL="]
    assert "PAGE_SIZE=20" in example
    assert "# NAMES=" in example
    assert document["services"]["orders"][1]["required"] is True
    assert document["findings"][0]["kind"] == "unknown"


def test_check_fails_on_what_does_not_fit_and_on_a_stale_page(orders: "Shop") -> None:
    """The page is held to the code once it is kept."""
    orders.write("docker-compose.yml", COMPOSE.format(""))

    assert orders.fleet("config", "--check").code == 0

    written = orders.fleet("config", "--write")
    page = orders.root / "docs/reference/service-settings.md"
    text = page.read_text("utf-8")

    assert written.err == "wrote docs/reference/service-settings.md\n"
    assert "| `NAMES` | `tuple[str, ...]` | `computed` | Names \\| of things. |" in text
    assert orders.fleet("config", "--check").code == 0

    page.write_text(text + "More.\n", encoding="utf-8")
    stale = orders.fleet("config", "--check")

    assert stale.code == 1
    assert "the page is not what the code says" in stale.out


def test_options_that_say_two_things_are_refused(orders: "Shop") -> None:
    """With a command that can be typed."""
    both = orders.fleet("config", "--check", "--write")
    one = orders.fleet("config", "orders", "--write")

    assert both.code == one.code == 2
    assert "`fleet config --write`" in one.err
