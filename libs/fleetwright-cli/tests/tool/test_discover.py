"""Folders to services and libraries."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.fleet import discover, find_root

if TYPE_CHECKING:
    from tool.conftest import Shop


def test_service_is_read_from_its_folder_without_running_it(shop: "Shop") -> None:
    """Name, package and target come from the tree; the code may be broken."""
    folder = shop.add_service("gift-cards")
    package = folder / "src" / "gift_cards"
    (package / "app.py").write_text("raise SystemExit('run!')", encoding="utf-8")

    service = discover(shop.root).services["gift-cards"]

    assert service.package == "gift_cards"
    assert service.app == "gift_cards.app:create_app"
    assert service.lock == folder / "requirements.txt"


def test_libraries_of_libraries_belong_to_the_service(shop: "Shop") -> None:
    """A service has the closure of the `-e` lines, extras and comments aside."""
    shop.add_library("shop-stock")
    middle = shop.add_library("shop-words")
    (middle / "requirements.in").write_text("--editable=../shop-stock\n", "utf-8")
    shop.add_service("orders", "# ours\n-e ../../libs/shop-words[fast]  # by path\nx\n")

    service = discover(shop.root).services["orders"]

    assert service.libraries == ("shop-stock", "shop-words")


def test_library_that_is_not_there_is_named_with_those_that_are(shop: "Shop") -> None:
    """A wrong path in requirements.in is found before anything is installed."""
    shop.add_library("shop-stock")
    shop.add_service("orders", "-e ../../libs/shop-stok\n")

    with pytest.raises(FleetError, match="shop-stok") as refused:
        discover(shop.root)

    assert "shop-stock" in refused.value.hint


def test_service_with_two_packages_is_refused(shop: "Shop") -> None:
    """Which package is served must be plain from the tree."""
    package = shop.add_service("orders").parent / "orders" / "src" / "other"
    package.mkdir()
    (package / "__init__.py").touch()

    with pytest.raises(FleetError, match="does not have exactly one package"):
        discover(shop.root)


def test_folder_without_source_is_no_service(shop: "Shop") -> None:
    """A folder of notes beside the services does no harm."""
    (shop.root / "services" / "notes").mkdir(parents=True)

    assert discover(shop.root).services == {}


def test_root_is_found_from_below(shop: "Shop") -> None:
    """The tool works in every folder of the fleet."""
    below = shop.root / "services" / "orders"
    below.mkdir(parents=True)

    assert find_root(below) == shop.root


def test_no_fleet_here_or_above_is_a_wrong_argument(tmp_path: Path) -> None:
    """Outside of a fleet the answer says where was looked, with exit code 2."""
    with pytest.raises(FleetError, match=r"no fleet\.toml here or above") as refused:
        find_root(tmp_path)

    assert refused.value.exit_code == WRONG_ARGUMENTS


def test_service_that_is_not_there_is_a_wrong_argument(shop: "Shop") -> None:
    """The error lists the services that there are."""
    shop.add_service("orders")

    with pytest.raises(FleetError, match="no service `odrers`") as refused:
        discover(shop.root).chosen(["odrers"])

    assert "orders" in refused.value.where
