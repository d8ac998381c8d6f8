"""requirements.in to requirements.txt."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import discover
from fleetwright_cli.locks import (
    DIGEST,
    Lock,
    compile_lock,
    locks_of,
    pins,
    require_free,
)

if TYPE_CHECKING:
    from tool.conftest import Shop

NOWHERE = "http://127.0.0.1:9/simple"


def only_lock(shop: "Shop", name: str = "orders") -> Lock:
    """Return the lock of one service as it is now."""
    return locks_of(discover(shop.root), [name])[0]


def pretend_locked(shop: "Shop", body: str = "iniconfig==2.1.0\n") -> Lock:
    """Write a lock that says it was made from what is there."""
    lock = only_lock(shop)
    lock.target.write_text(f"{DIGEST}{lock.inputs}\n{body}", encoding="utf-8")
    return lock


def test_changed_requirement_makes_the_lock_stale(shop: "Shop") -> None:
    """The digest line tells in milliseconds, without a network."""
    folder = shop.add_service("orders", "iniconfig\n")
    assert not only_lock(shop).is_fresh
    assert pretend_locked(shop).is_fresh

    (folder / "requirements.in").write_text("iniconfig\nsix\n", encoding="utf-8")

    assert not only_lock(shop).is_fresh


def test_changed_dependency_of_a_library_makes_the_lock_stale(shop: "Shop") -> None:
    """What a library needs flows into the locks of its services."""
    shop.add_library("shop-stock")
    shop.add_service("orders", "-e ../../libs/shop-stock\n")
    assert pretend_locked(shop).is_fresh

    shop.write("libs/shop-stock/pyproject.toml", "[project]\nname='shop-stock'\n")

    assert not only_lock(shop).is_fresh


def test_lock_that_contradicts_the_fleets_pins_is_stale(shop: "Shop") -> None:
    """Versions stay together; a pin that is none of the service's does not matter."""
    shop.add_service("orders", "iniconfig\n")
    shop.write("requirements-dev.txt", "iniconfig==2.1.0 \\\n  --hash=x\nsix==1\n")
    assert pretend_locked(shop).is_fresh
    shop.write("requirements-dev.txt", "iniconfig==2.1.0\nsix==2\n")
    assert only_lock(shop).is_fresh

    shop.write("requirements-dev.txt", "iniconfig==2.2.0\nsix==2\n")

    assert not only_lock(shop).is_fresh


def test_own_locks_of_the_fleet_come_first(shop: "Shop") -> None:
    """Development pins are made before the locks that keep to them."""
    shop.add_service("orders")
    shop.write("requirements-test.in", "pytest\n")
    shop.write("requirements-dev.in", "pytest\n")

    names = [lock.name for lock in locks_of(discover(shop.root))]

    assert names == ["requirements-dev", "requirements-test", "orders"]


def test_lock_of_tests_pins_what_libraries_need_and_not_themselves(
    shop: "Shop",
) -> None:
    """A changed manifest of a library makes the lock stale."""
    folder = shop.add_library("stand-ins")
    shop.write("requirements-test.in", "-e libs/stand-ins\npytest\n")

    [lock] = locks_of(discover(shop.root))

    assert lock.libraries == ("stand-ins",)
    assert lock.manifests == (folder / "pyproject.toml",)


def test_package_that_the_fleet_holds_does_not_move_for_one_service(
    shop: "Shop",
) -> None:
    """Instead of doing nothing silently, the answer is the command that moves it."""
    shop.add_service("orders", "six\n")
    shop.write("requirements-dev.txt", "six==1.17.0\n")

    with pytest.raises(FleetError, match=r"six is held at 1\.17\.0") as refused:
        require_free(only_lock(shop), ["six"])

    assert "fleet lock --upgrade-package six" in refused.value.hint


def test_check_names_stale_locks_and_changes_nothing(shop: "Shop") -> None:
    """`fleet lock --check` ends with 1 and the command that mends it."""
    shop.add_service("catalog", "iniconfig\n")
    shop.add_service("orders", "iniconfig\n")
    pretend_locked(shop)

    answer = shop.fleet("lock", "--check", "--json")

    states = {lock["name"]: lock["state"] for lock in answer.document["locks"]}
    assert states == {"catalog": "stale", "orders": "fresh"}
    assert answer.code == 1
    assert "hint: run `fleet lock`" in answer.err
    assert not (shop.root / "services/catalog/requirements.txt").exists()


def test_service_without_requirements_is_told_where_to_write_them(
    shop: "Shop",
) -> None:
    """A missing requirements.in is a mistake with a mend."""
    (shop.add_service("orders") / "requirements.in").unlink()

    with pytest.raises(FleetError, match=r"orders has no requirements\.in"):
        compile_lock(only_lock(shop))


def test_failed_lock_keeps_the_old_one(shop: "Shop") -> None:
    """Without an index the answer is one clear error and the pins stay."""
    shop.add_service("orders", "iniconfig\n")
    before = shop.write("services/orders/requirements.txt", "# old\n").read_text()

    answer = shop.fleet("lock", UV_INDEX_URL=NOWHERE, UV_HTTP_RETRIES="0")

    assert answer.code == 1
    assert "locking orders failed: no package index can be reached" in answer.err
    assert "hint: check the network" in answer.err
    assert only_lock(shop).target.read_text() == before
    assert [path.name for path in only_lock(shop).source.parent.glob(".req*")] == []


def test_setting_of_this_machine_does_not_get_into_a_lock(shop: "Shop") -> None:
    """An index URL in requirements.in is refused, and nothing is written."""
    shop.add_service("orders", "--find-links .\n")

    for engine in ("uv", "pip-tools"):
        lock = only_lock(shop)
        try:
            compile_lock(lock, engine=engine)
        except FleetError as refused:
            assert "setting of this machine" in str(refused)
            assert not lock.target.exists()
        else:
            assert "--find-links" not in lock.target.read_text()
            lock.target.unlink()


def test_requirements_that_cannot_be_met_are_explained(
    shop: "Shop", index: None
) -> None:
    """What the resolver says is shown below ours, without a traceback."""
    shop.add_service("orders", "iniconfig>99\n")

    answer = shop.fleet("lock", "orders")

    assert answer.code == 1
    assert "locking orders failed" in answer.err
    assert "iniconfig>99" in answer.err
    assert "Traceback" not in answer.err


def test_lock_holds_hashes_and_nothing_of_this_machine(
    shop: "Shop", index: None, tmp_path: Path
) -> None:
    """Third-party pins with hashes; libraries, paths and indexes stay out."""
    shop.add_library("shop-stock")
    shop.write(
        "libs/shop-stock/pyproject.toml",
        """\
        [build-system]
        requires = ["setuptools"]
        build-backend = "setuptools.build_meta"

        [project]
        name = "shop-stock"
        version = "1"
        dependencies = ["iniconfig"]
        """,
    )
    shop.add_service("orders", "-e ../../libs/shop-stock\n")

    answer = shop.fleet("lock", "orders", "--json")

    assert (answer.code, answer.document["locks"][0]["state"]) == (0, "changed")
    text = only_lock(shop).target.read_text()
    assert set(pins(text)) == {"iniconfig"}
    assert "--hash=sha256:" in text
    assert str(shop.root) not in text
    assert "index" not in text.replace("iniconfig", "")
    assert only_lock(shop).is_fresh


def test_both_engines_write_the_same_bytes(shop: "Shop", index: None) -> None:
    """pip-tools and uv agree, so that neither is a trap."""
    shop.add_service("orders", "iniconfig\n")
    assert shop.fleet("lock").code == 0
    first = only_lock(shop).target.read_bytes()

    answer = shop.fleet("lock", "--engine", "pip-tools", "--json")

    assert answer.document["locks"][0]["state"] == "unchanged", answer.err
    assert only_lock(shop).target.read_bytes() == first


def test_upgrade_moves_what_stays_otherwise(shop: "Shop", index: None) -> None:
    """Pins hold until they are asked to move."""
    shop.add_service("orders", "iniconfig\n")
    shop.fleet("lock")
    lock = only_lock(shop)
    newest = pins(lock.target.read_text())["iniconfig"]
    shop.write("services/orders/requirements.in", "iniconfig<2\n")
    shop.fleet("lock")
    shop.write("services/orders/requirements.in", "iniconfig\n")

    shop.fleet("lock")
    stayed = pins(lock.target.read_text())["iniconfig"]
    shop.fleet("lock", "--upgrade-package", "iniconfig")
    moved = pins(lock.target.read_text())["iniconfig"]

    assert stayed < "2" < newest == moved
