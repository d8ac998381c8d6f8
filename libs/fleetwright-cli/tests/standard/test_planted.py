"""Each breach is found where it is planted into a copy of this repository."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli.fleet import Manifest
from fleetwright_cli.standard import Repository, Tree, check, read_tree, rules
from fleetwright_cli.standard._checkers import checkers
from fleetwright_cli.standard._examples import files_of
from fleetwright_cli.standard._facts import Facts
from fleetwright_cli.standard._history import History

if TYPE_CHECKING:
    from standard.conftest import Told

ROOT = Path(__file__).resolve().parents[4]
VICTIM = "orders"
TESTS = f"services/{VICTIM}/tests"
# What is taken away as well: the example says too little for a fleet that has more.
TAKEN = {
    "PHI-03": ("libs/shop-stock/src/shop_stock/stock.proto",),
    "STR-11": ("docs/",),
    "DOC-06": ("docs/design/",),
    "QUA-11": ("requirements-",),
    "TST-02": (f"{TESTS}/unit/",),
    "TST-04": (f"{TESTS}/integration/",),
    "TST-06": (f"{TESTS}/unit/test_contract.py",),
    "TST-09": ("requirements-",),
    "TST-10": (f"{TESTS}/conftest.py", f"{TESTS}/unit/", f"{TESTS}/integration/"),
}
FACTS = Facts()  # each file is parsed once for all plants


@pytest.fixture(scope="module")
def shop() -> dict[str, bytes]:
    """Give the files of this repository."""
    tree = read_tree(ROOT)
    return {path: tree.read(path) for path in tree.entries if tree.has(path)}


def found(
    files: dict[str, bytes], identity: str, history: History
) -> set[tuple[str, str]]:
    """Return where a rule is broken, waived or not."""
    values = tomllib.loads(files["fleet.toml"].decode())
    manifest = Manifest.model_validate(values)
    repository = Repository(Tree.of(files), manifest, FACTS, history=history)
    report = check(repository, chosen=frozenset([identity]))
    return {(one.breach.path, one.breach.what) for one in report.findings}


def planted(files: dict[str, bytes], identity: str) -> dict[str, bytes]:
    """Return the files with the bad example of a rule laid over a service."""
    taken = TAKEN.get(identity, ("/",))
    after = {path: one for path, one in files.items() if not path.startswith(taken)}
    for path, content in files_of(moved(rules()[identity].bad)).items():
        after.pop(path, None)
        if content is not None:
            after[path] = content.encode()
    return after


def moved(example: str) -> str:
    """Return an example that speaks of services here; `abacus` is named on no page."""
    text = example.replace("services/billing", f"services/{VICTIM}")
    text = text.replace("/src/billing/", f"/src/{VICTIM}/")
    return text.replace("from billing", f"from {VICTIM}").replace("ledger", "abacus")


@pytest.mark.parametrize("identity", checkers())
def test_planted_breach_is_found(
    shop: dict[str, bytes], identity: str, history: "Told"
) -> None:
    """What the example breaks in a small fleet, it breaks here, and is seen."""
    plants = planted(shop, identity)
    change = history(texts(shop), texts(plants))

    after = found(plants, identity, change)

    assert after - found(shop, identity, History())


def test_untouched_shop_breaks_no_rule(shop: dict[str, bytes]) -> None:
    """Beyond what its waivers excuse, each of which excuses something."""
    values = tomllib.loads(shop["fleet.toml"].decode())
    manifest = Manifest.model_validate(values)

    report = check(Repository(Tree.of(shop), manifest, FACTS, history=History()))

    assert [(one.rule.id, one.breach) for one in report.failing] == []
    assert len(report.covered) == len(manifest.waivers)


def texts(files: dict[str, bytes]) -> dict[str, str]:
    """Return files as texts."""
    return {path: one.decode(errors="replace") for path, one in files.items()}
