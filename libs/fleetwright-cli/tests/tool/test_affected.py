"""fleet test --affected: changed files to the packages whose tests can tell."""

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.affected import Changes, changes_since, select
from fleetwright_cli.standard import open_repository

if TYPE_CHECKING:
    from tool.conftest import Kept, Shop

LOCK = "# inputs: sha256:0\nfastapi==1.0 \\\n    --hash=sha256:{}\n"
TEST = "from {0} import {1}\n\n\ndef test_it():\n    assert {1}\n"


def document(action: str, topic: str) -> str:
    """Return an AsyncAPI document of one topic."""
    return json.dumps(
        {
            "channels": {"c": {"address": topic}},
            "operations": {
                "o": {"action": action, "channel": {"$ref": "#/channels/c"}}
            },
        }
    )


@pytest.fixture
def fleet(shop: "Shop", kept: "Kept") -> "Kept":
    """Give orders that calls prices and uses money, mail that hears orders; in git."""
    shop.add_library("money", "SUM = 1\n")
    shop.add_library("tills", "from money import SUM\n")
    shop.write(
        "libs/tills/pyproject.toml",
        "[project]\nname = 'tills'\nversion = '1'\ndependencies = ['money']\n",
    )
    shop.add_service("orders", "-e ../../libs/tills\n-e ../../libs/money\n")
    shop.add_service("prices")
    shop.add_service("mail")
    shop.write(
        "services/orders/src/orders/app.py",
        'import tills\n\npool = rest(Prices, provider="prices")\nAPP = 1\n',
    )
    shop.write("services/orders/src/orders/rules.py", "RULES = 1\n")
    shop.write("services/prices/src/prices/app.py", "APP = 1\n")
    shop.write("services/mail/src/mail/app.py", "APP = 1\n")
    for name, module in (("orders", "app"), ("prices", "app"), ("mail", "app")):
        text = TEST.format(f"{name}.{module}", "APP")
        shop.write(f"services/{name}/tests/test_app.py", text)
        shop.write(f"services/{name}/requirements.txt", LOCK.format("aa"))
    text = TEST.format("orders.rules", "RULES")
    shop.write("services/orders/tests/test_rules.py", text)
    for name in ("money", "tills"):
        text = TEST.format(name, "SUM")
        shop.write(f"libs/{name}/tests/test_sum.py", text)
    topics = document("send", "orders.placed")
    shop.write("services/orders/contracts/asyncapi.json", topics)
    topics = document("receive", "orders.placed")
    shop.write("services/mail/contracts/asyncapi.json", topics)
    shop.write("requirements-test.txt", LOCK.format("bb"))
    shop.write("requirements-dev.txt", LOCK.format("cc"))
    kept.begin()
    return kept


def test_nothing_changed_concerns_nobody(fleet: "Kept") -> None:
    """A clean tree at the commit that is compared with has nothing to test."""
    assert fleet.chosen() == {}


def test_source_of_a_service_concerns_the_tests_that_import_it(fleet: "Kept") -> None:
    """The other test files of the same service cannot tell."""
    fleet.change("services/orders/src/orders/rules.py")

    chosen = fleet.chosen()

    assert list(chosen) == ["orders"]
    assert chosen["orders"].tests == ("services/orders/tests/test_rules.py",)
    assert str(chosen["orders"]) == (
        "orders: changed (services/orders/src/orders/rules.py) (1 of 2 test files)"
    )


def test_library_concerns_all_who_use_it_and_who_use_those(fleet: "Kept") -> None:
    """The reason is the way from the package to the library."""
    fleet.change("libs/money/src/money/__init__.py")

    chosen = fleet.chosen()

    assert list(chosen) == ["money", "tills", "orders"]
    assert chosen["tills"].reasons == [
        "libs/money <- changed (libs/money/src/money/__init__.py)"
    ]
    assert chosen["orders"].tests == ("services/orders/tests/test_app.py",)


@pytest.mark.parametrize("how", ["unstaged", "staged", "untracked", "committed"])
def test_change_counts_however_far_it_got(fleet: "Kept", how: str) -> None:
    """What git does not know yet breaks tests like anything else."""
    name = "more" if how == "untracked" else "rules"
    if how == "committed":
        fleet.git("checkout", "--quiet", "-b", "topic")
    fleet.change(f"services/orders/src/orders/{name}.py")
    if how in {"staged", "committed"}:
        fleet.git("add", "--all")
    if how == "committed":
        fleet.git("commit", "--quiet", "--message", "a change")

    assert list(fleet.chosen()) == ["orders"]


def test_what_main_did_meanwhile_is_not_ours(fleet: "Kept") -> None:
    """The merge base is compared with, not the tip."""
    fleet.git("checkout", "--quiet", "-b", "topic")
    fleet.change("services/orders/src/orders/rules.py")
    fleet.commit()
    fleet.git("checkout", "--quiet", "main")
    fleet.change("services/mail/src/mail/app.py")
    fleet.commit()
    fleet.git("checkout", "--quiet", "topic")

    assert list(fleet.chosen()) == ["orders"]


def test_module_that_is_gone_concerns_who_still_imports_it(fleet: "Kept") -> None:
    """A removed or renamed file is in nobody's imports but by name."""
    folder = "services/orders/src/orders"
    fleet.git("mv", f"{folder}/rules.py", f"{folder}/laws.py")

    assert fleet.files("orders") is None  # laws.py is imported by no test

    fleet.git("rm", "--quiet", "--force", f"{folder}/laws.py")

    assert fleet.files("orders") == ["test_rules.py"]


def test_data_concerns_all_tests_of_its_package(fleet: "Kept") -> None:
    """Nobody can tell who opens a file."""
    fleet.change("services/orders/src/orders/prices.csv")

    assert fleet.files("orders") is None


def test_data_of_a_library_concerns_who_imports_it(fleet: "Kept") -> None:
    """It is read through the library, wherever that is used."""
    fleet.change("libs/money/src/money/rates.csv")

    chosen = fleet.chosen()

    assert list(chosen) == ["money", "tills", "orders"]
    assert fleet.files("orders") == ["test_app.py"]


def test_module_that_no_test_imports_concerns_all_tests(fleet: "Kept") -> None:
    """A migration is loaded in ways that nobody sees."""
    fleet.change("services/orders/src/orders/migrations/first.py")

    assert fleet.files("orders") is None


def test_words_for_readers_concern_who_names_them(fleet: "Kept") -> None:
    """A README breaks no test that does not open it."""
    fleet.change("services/orders/README.md", "# orders\n")

    assert fleet.chosen() == {}

    fleet.change("services/orders/tests/test_rules.py", 'PAGE = "README.md"\n')
    fleet.commit()
    fleet.change("services/orders/README.md", "More.\n")

    assert fleet.files("orders") == ["test_rules.py"]


def test_lock_counts_by_its_pins(fleet: "Kept") -> None:
    """Comments move with every edit; versions and files are what tests meet."""
    lock = fleet.shop.root / "services/orders/requirements.txt"
    lock.write_text(LOCK.format("aa").replace("sha256:0", "sha256:1"), "utf-8")

    assert fleet.chosen() == {}

    lock.write_text(LOCK.format("aa").replace("1.0", "1.1"), "utf-8")

    assert list(fleet.chosen()) == ["orders"]
    why = "pins of services/orders/requirements.txt changed"
    assert fleet.chosen()["orders"].reasons == [f"{why} (fastapi 1.0 to 1.1)"]

    lock.write_text(LOCK.format("ee"), "utf-8")

    assert fleet.chosen()["orders"].reasons == [f"{why} (other hashes)"]


def test_lock_of_tests_concerns_services_and_that_of_tools_libraries(
    fleet: "Kept",
) -> None:
    """Each is what those tests are installed from."""
    fleet.change("requirements-test.txt", "pytest==9\n")

    assert list(fleet.chosen()) == ["mail", "orders", "prices"]

    fleet.commit()
    fleet.change("requirements-dev.txt", "pytest==9\n")

    assert list(fleet.chosen()) == ["money", "tills"]


def test_settings_of_pytest_concern_everybody_and_those_of_others_nobody(
    fleet: "Kept",
) -> None:
    """pyproject.toml configures many tools."""
    fleet.change("pyproject.toml", "\n[tool.black]\nline-length = 88\n")

    assert fleet.chosen() == {}

    fleet.change("pyproject.toml", "\n[tool.coverage.run]\nbranch = true\n")

    assert list(fleet.chosen()) == ["money", "tills", "mail", "orders", "prices"]


def test_caller_is_concerned_by_code_until_there_is_a_contract(fleet: "Kept") -> None:
    """Then the contract says what may be counted on, and code may change."""
    fleet.change("services/prices/src/prices/app.py")

    chosen = fleet.chosen()

    assert list(chosen) == ["orders", "prices"]
    assert chosen["orders"].reasons == [
        "calls prices <- changed (services/prices/src/prices/app.py)"
    ]

    fleet.change("services/prices/contracts/openapi.json", "{}")
    fleet.commit()
    fleet.change("services/prices/src/prices/app.py")

    assert list(fleet.chosen()) == ["prices"]

    fleet.change("services/prices/contracts/openapi.json", " ")

    assert list(fleet.chosen()) == ["orders", "prices"]


def test_listener_is_concerned_by_the_document_of_events(fleet: "Kept") -> None:
    """Its tests meet the document, not the code that it is written from."""
    fleet.change("services/orders/src/orders/app.py")

    assert "mail" not in fleet.chosen()

    fleet.change("services/orders/contracts/asyncapi.json", "\n")

    assert fleet.chosen()["mail"].reasons == [
        "hears orders <- changed (services/orders/contracts/asyncapi.json)"
    ]


def test_tests_of_the_whole_are_concerned_by_all_that_runs(fleet: "Kept") -> None:
    """They start the fleet; what is for readers, and tests of others, they do not."""
    fleet.change("tests/test_fleet.py", "def test_it():\n    pass\n")
    fleet.commit()
    fleet.change("docs/page.md", "# A page\n")
    fleet.change("services/mail/tests/test_app.py")

    assert list(fleet.chosen()) == ["mail"]

    fleet.change("services/mail/src/mail/app.py")

    assert list(fleet.chosen()) == ["mail", "fleet"]
    assert fleet.chosen()["fleet"].tests is None


def test_without_git_everything_is_tested(shop: "Shop") -> None:
    """And it is said why."""
    shop.add_library("money")

    changes = changes_since(shop.root, None, "origin/main")

    assert changes.everything == "there is no git history here"
    chosen = select(open_repository(shop.root), changes)
    assert [str(one) for one in chosen] == ["money: there is no git history here"]


def test_in_a_shallow_clone_everything_is_tested(fleet: "Kept") -> None:
    """Where history is cut, the merge base may be beyond the cut."""
    fleet.change("libs/money/src/money/__init__.py")
    fleet.commit()
    clone = fleet.shop.root / "clone"
    source = fleet.shop.root.as_uri()
    words = ["clone", "--quiet", "--depth", "1", source, str(clone)]
    subprocess.run(["git", *words], check=True)

    changes = changes_since(clone, None, "origin/main")

    assert changes.everything.startswith("this is a shallow clone")


def test_commit_that_is_not_there_is_a_mistake_only_where_it_was_typed(
    fleet: "Kept",
) -> None:
    """What fleet.toml names may be missing in a young clone: then everything runs."""
    with pytest.raises(FleetError, match="`zebra` is no commit") as refused:
        changes_since(fleet.shop.root, "zebra", "origin/main")
    assert refused.value.exit_code == WRONG_ARGUMENTS

    changes = changes_since(fleet.shop.root, None, "origin/zebra")

    assert changes == Changes(
        fleet.shop.root, (), "zebra", everything="`zebra` is not known here"
    )


def test_histories_that_never_met_have_everything_tested(fleet: "Kept") -> None:
    """There is no merge base to compare with."""
    fleet.git("checkout", "--quiet", "--orphan", "other")
    fleet.change("libs/money/src/money/__init__.py")
    fleet.commit()

    changes = changes_since(fleet.shop.root, "main", "origin/main")

    assert changes.everything == "there is no history in common with `main`"


def test_fleet_below_the_root_of_git_sees_its_own_files(
    shop: "Shop", kept: "Kept"
) -> None:
    """A fleet may be a folder of a larger repository."""
    shop.write("below/fleet.toml", '[fleet]\nname = "shop"\n')
    shop.write("below/libs/money/pyproject.toml", "[project]\nname = 'money'\n")
    shop.write("below/libs/money/src/money/__init__.py", "SUM = 1\n")
    text = TEST.format("money", "SUM")
    shop.write("below/libs/money/tests/test_sum.py", text)
    kept.begin()
    kept.change("below/libs/money/src/money/__init__.py")
    kept.change("elsewhere.py")

    changes = changes_since(shop.root / "below", None, "origin/main")

    assert changes.paths == ("libs/money/src/money/__init__.py",)
