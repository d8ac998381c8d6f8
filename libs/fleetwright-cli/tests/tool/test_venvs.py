"""One environment a lock digest."""

import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import discover
from fleetwright_cli.locks import compile_lock, locks_of
from fleetwright_cli.venvs import READY, Venv, make, venv_of

if TYPE_CHECKING:
    from tool.conftest import Shop

NOWHERE = "http://127.0.0.1:9/simple"
LIBRARY = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "shop-stock"
version = "1"
"""


def venv(shop: "Shop", name: str = "orders", testing: bool = False) -> Venv:
    """Return the environment of a service as the fleet is now."""
    fleet = discover(shop.root)
    return venv_of(fleet, fleet.services[name], testing=testing)


def test_services_with_equal_locks_share_an_environment(shop: "Shop") -> None:
    """The folder is named by what it is made from, not by who uses it."""
    for name in ("catalog", "orders", "payments"):
        shop.add_service(name)
        same = "six==1\n" if name != "payments" else "six==2\n"
        shop.write(f"services/{name}/requirements.txt", same)

    assert venv(shop, "catalog").folder == venv(shop, "orders").folder
    assert venv(shop, "catalog").folder != venv(shop, "payments").folder


def test_tests_have_an_environment_of_their_own(shop: "Shop") -> None:
    """What tests need does not get into the environment that runs the service."""
    shop.add_service("orders")
    shop.write("services/orders/requirements.txt", "six==1\n")
    shop.write("requirements-test.txt", "pytest==9\n")

    running, testing = venv(shop), venv(shop, testing=True)

    assert running.folder != testing.folder
    assert [lock.name for lock in testing.locks][1:] == ["requirements-test.txt"]


def test_library_that_stands_in_for_a_neighbour_is_there_for_tests_alone(
    shop: "Shop",
) -> None:
    """With the libraries that it uses itself; what runs in production has neither."""
    beside = shop.add_library("stand-ins")
    (beside / "requirements.in").write_text("-e ../shapes\n")
    shapes = shop.add_library("shapes")
    shop.add_service("orders")
    shop.write("services/orders/requirements.txt", "six==1\n")
    shop.write("requirements-test.in", "-e libs/stand-ins\npytest\n")
    shop.write("requirements-test.txt", "pytest==9\n")

    assert venv(shop).libraries == ()
    assert venv(shop, testing=True).libraries == (shapes, beside)


def test_changed_library_manifest_is_another_environment(shop: "Shop") -> None:
    """A new entry point of a library needs a new installation; its code does not."""
    folder = shop.add_library("shop-stock")
    shop.add_service("orders", "-e ../../libs/shop-stock\n")
    shop.write("services/orders/requirements.txt", "")
    before = venv(shop).folder
    (folder / "src" / "shop_stock" / "more.py").touch()
    assert venv(shop).folder == before

    shop.write("libs/shop-stock/pyproject.toml", LIBRARY)

    assert venv(shop).folder != before


def test_service_without_lock_is_told_how_to_get_one(shop: "Shop") -> None:
    """Nothing is installed that is not locked."""
    shop.add_service("orders")

    with pytest.raises(FleetError, match="has no lock") as refused:
        venv(shop)

    assert refused.value.hint == "run `fleet lock orders`"


def test_environment_is_made_once_for_all_who_ask_at_once(shop: "Shop") -> None:
    """One makes it, the others wait and find it made."""
    shop.add_service("orders")
    shop.write("services/orders/requirements.txt", "")
    told: list[str] = []
    wanted = venv(shop)
    askers = [threading.Thread(target=make, args=(wanted, told.append)) for _ in "abc"]

    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()

    assert wanted.is_made()
    assert len(told) == 1


def test_half_made_environment_is_made_anew(shop: "Shop") -> None:
    """What was interrupted has no stamp and is not trusted."""
    shop.add_service("orders")
    shop.write("services/orders/requirements.txt", "")
    wanted = venv(shop)
    (wanted.folder / "rest").mkdir(parents=True)

    make(wanted)

    assert not (wanted.folder / "rest").exists()
    assert (wanted.folder / READY).exists()


def test_without_an_index_the_error_is_clear_and_nothing_looks_made(
    shop: "Shop", monkeypatch: pytest.MonkeyPatch
) -> None:
    """No network: what, where and the mend; the next try starts again."""
    monkeypatch.setenv("UV_INDEX_URL", NOWHERE)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    shop.add_service("orders")
    shop.write(
        "services/orders/requirements.txt", f"six==1.17.0 --hash=sha256:{'0' * 64}\n"
    )

    with pytest.raises(FleetError, match="no package index can be reached") as refused:
        make(venv(shop))

    assert "UV_INDEX_URL" in refused.value.hint
    assert not venv(shop).is_made()


def test_folder_that_cannot_be_made_is_named(shop: "Shop") -> None:
    """A file where the folder should be is told as such."""
    shop.add_service("orders")
    shop.write("services/orders/requirements.txt", "")
    shop.write(".fleet/venvs", "a file")

    with pytest.raises(FleetError, match="environments cannot be made") as refused:
        make(venv(shop))

    assert str(shop.root / ".fleet" / "venvs") in refused.value.where


def test_locked_packages_and_libraries_are_installed(shop: "Shop", index: None) -> None:
    """The lock's packages by hash, then the fleet's libraries by path."""
    shop.add_library("shop-stock", "LEVEL = 7\n")
    shop.write("libs/shop-stock/pyproject.toml", LIBRARY)
    shop.add_service("orders", "iniconfig\n-e ../../libs/shop-stock\n")
    compile_lock(locks_of(discover(shop.root), ["orders"])[0])
    wanted = venv(shop)

    make(wanted)

    program = "import iniconfig, shop_stock; print(shop_stock.LEVEL)"
    words = [str(wanted.python), "-c", program]
    said = subprocess.run(words, capture_output=True, text=True, check=True)
    assert said.stdout == "7\n"


def test_packages_are_compiled_when_they_are_installed(
    shop: "Shop", index: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Python may write no bytecode no process has to compile what it imports."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    shop.add_service("orders", "iniconfig\n")
    compile_lock(locks_of(discover(shop.root), ["orders"])[0])
    wanted = venv(shop)

    make(wanted)

    assert list(wanted.folder.rglob("iniconfig/__pycache__/__init__.*.pyc")) != []
