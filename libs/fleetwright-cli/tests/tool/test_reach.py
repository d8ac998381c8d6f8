"""What a test file may depend on beside what it plainly imports."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tool.conftest import Kept, Shop

PASSES = "\n\ndef test_it():\n    pass\n"


@pytest.fixture
def library(shop: "Shop", kept: "Kept") -> "Kept":
    """Give a library of three modules, each with a test that imports it; in git."""
    shop.add_library("money")
    for name in ("coins", "notes", "banks"):
        shop.write(f"libs/money/src/money/{name}.py", "KIND = 1\n")
        text = f"from money import {name}\n\n\ndef test_it():\n    assert {name}\n"
        shop.write(f"libs/money/tests/test_{name}.py", text)
    kept.begin()
    return kept


def told(library: "Kept", path: str) -> list[str]:
    """Return the test files that can tell of a change of one file."""
    library.commit()
    library.change(path)
    files = library.files("money")
    return ["all"] if files is None else files


def source(name: str) -> str:
    """Return the path of a module of the library."""
    return f"libs/money/src/money/{name}.py"


def test_import_through_another_module_counts(library: "Kept") -> None:
    """However long the way is, and however the import is written."""
    library.change(source("notes"), "from . import banks\n")
    library.change(source("banks"), "def kind():\n    from .coins import KIND\n")
    library.change("libs/money/tests/test_else.py", PASSES)

    assert told(library, source("coins")) == [
        "test_banks.py",
        "test_coins.py",
        "test_notes.py",
    ]


def test_package_around_a_module_counts(library: "Kept") -> None:
    """Its `__init__` runs whenever anything in it is imported."""
    assert told(library, source("__init__")) == ["all"]


def test_import_for_type_checkers_does_not_count(library: "Kept") -> None:
    """It is not there when tests run."""
    head = "from typing import TYPE_CHECKING\n\n"
    text = "if TYPE_CHECKING:\n    import money.coins\n"
    library.change(source("notes"), head + text)

    assert told(library, source("coins")) == ["test_coins.py"]


def test_conftest_counts_for_the_tests_below_it(library: "Kept") -> None:
    """What it imports is behind each of their fixtures."""
    library.change("libs/money/tests/deep/conftest.py", "import money.coins\n")
    library.change("libs/money/tests/deep/test_deep.py", PASSES)

    assert told(library, source("coins")) == ["test_deep.py", "test_coins.py"]


def test_plugin_that_a_library_brings_counts_for_all(library: "Kept") -> None:
    """It is loaded pytest wherever the library is installed."""
    point = '\n[project.entry-points.pytest11]\nmoney = "money.coins"\n'
    library.change("libs/money/pyproject.toml", point)

    assert told(library, source("coins")) == ["all"]


def test_module_named_in_a_text_counts(library: "Kept") -> None:
    """`"money.coins:create"` is imported by what it is given to."""
    library.change("libs/money/tests/test_text.py", f'APP = "money.coins:app"{PASSES}')

    assert told(library, source("coins")) == ["test_coins.py", "test_text.py"]


@pytest.mark.parametrize(
    ("call", "files"),
    [
        ('import_module("money.coins")', ["test_coins.py", "test_notes.py"]),
        ('import_module(f"money.{name}")', ["test_coins.py", "test_notes.py"]),
        ('import_module(f"{__name__}.{name}")', ["test_coins.py"]),
        ("import_module(name)", ["test_coins.py", "test_notes.py"]),
    ],
)
def test_module_loaded_by_its_name_counts(
    library: "Kept", call: str, files: list[str]
) -> None:
    """As far as the name can be told; else it may be any of the package."""
    text = f"from importlib import import_module\n\n\ndef load(name):\n    {call}\n"
    library.change(source("notes"), text)

    assert told(library, source("coins")) == files


def test_module_that_loads_on_demand_counts_where_it_is_asked(library: "Kept") -> None:
    """A package with `__getattr__` loads what somebody names, and nothing else."""
    text = (
        "import importlib\n\nfrom money.notes import KIND\n\n\n"
        "def __getattr__(name):\n"
        '    return importlib.import_module(f"{__name__}.{name.lower()}")\n'
    )
    library.change(source("__init__"), text)
    library.change("libs/money/tests/test_lazy.py", f"from money import COINS{PASSES}")
    library.change("libs/money/tests/test_bound.py", f"from money import KIND{PASSES}")

    assert told(library, source("coins")) == ["test_coins.py", "test_lazy.py"]


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess\n\n\ndef run():\n    subprocess.run(['money'])\n",
        "import money\n\nWHERE = money.__file__\n",
        "def test_plugin(pytester):\n    pass\n",
        "from pathlib import Path\n\nTEXT = Path('src/money/coins.py')\n",
    ],
)
def test_test_that_starts_processes_or_reads_code_depends_on_its_package(
    library: "Kept", text: str
) -> None:
    """What runs elsewhere imports unseen."""
    library.change("libs/money/tests/test_runs.py", text)

    assert told(library, source("coins")) == ["test_coins.py", "test_runs.py"]


@pytest.mark.parametrize(
    ("line", "sees"),
    [
        ("ROOT = Path(__file__).parents[3]\nPAGE = ROOT / 'docs' / 'a.md'", True),
        ("PAGE = Path(__file__).resolve().parents[3] / 'docs'", True),
        ("ROOT = Path(__file__).parent.parent.parent.parent\nrun(cwd=ROOT)", True),
        ("ROOT = Path(__file__).parents[3]\nX = ROOT / 'scripts' / 'x'", False),
        ("ROOT = Path(__file__).parents[3]\nX = p.relative_to(ROOT)", False),
        ("HERE = Path(__file__).parent / 'data'", False),
        ("import os\nHERE = os.path.dirname(__file__)", True),
        ("PAGE = Path('../../docs/a.md')", True),
        ("PAGE = Path.cwd().parent.parent", True),
    ],
)
def test_test_that_looks_out_of_its_package_is_concerned_by_what_it_sees(
    library: "Kept", line: str, sees: bool
) -> None:
    """By the paths it builds; what is not understood may be anything."""
    text = f"from pathlib import Path\n\n{line}{PASSES}"
    library.change("libs/money/tests/test_looks.py", text)
    library.commit()
    library.change("docs/a.md", "# A page\n")

    chosen = library.chosen()

    assert list(chosen) == (["money"] if sees else [])
    if sees:
        assert chosen["money"].reasons == [
            "looks at the repository <- changed (docs/a.md)"
        ]
        assert library.files("money") == ["test_looks.py"]


def test_folder_taken_from_another_file_counts(library: "Kept") -> None:
    """Whoever imports ROOT may read anything below it."""
    root = "from pathlib import Path\n\nROOT = Path(__file__).parents[3]\n"
    library.change("libs/money/tests/places.py", root)
    text = f"from places import ROOT\n\nPAGE = ROOT / 'docs'{PASSES}"
    library.change("libs/money/tests/test_places.py", text)
    library.commit()
    library.change("docs/a.md", "# A page\n")

    assert library.files("money") == ["test_places.py"]


CONFTEST = """\
import pytest


@pytest.fixture
def coin():
    from money import coins
    return coins.KIND


@pytest.fixture(name="paper")
def _paper():
    return start()


def start():
    import subprocess
    subprocess.run(["money"])


{}
"""


@pytest.mark.parametrize(
    ("test", "more", "sees"),
    [
        ("def test_it(): pass", "", False),
        ("def test_it(coin): pass", "", True),
        ("def test_it(paper): pass", "", True),
        ("from conftest import start", "", True),
        ("def test_it(both): pass", "@pytest.fixture\ndef both(coin): pass", True),
        ("def test_it(request): request.getfixturevalue(name)", "", True),
        ("def test_it(): pass", "@pytest.fixture(autouse=True)\ndef x(coin): 1", True),
        ("def test_it(): pass", "def pytest_configure(): start()", True),
        ("def test_it(): pass", "@app.get('/')\ndef page(): start()", True),
        ("def test_it(): pass", "class Page(Route):\n    a = start", True),
        ("def test_it(): pass", "class Page:\n    a = start", False),
        ("def test_it(): pass", "PAGE = start()", True),
        ("def test_it(): pass", "from conftest import start as run", True),
    ],
)
def test_fixture_counts_for_who_asks_for_it(
    library: "Kept", test: str, more: str, sees: bool
) -> None:
    """What a conftest could do does nothing to a test that does not use it."""
    library.change("libs/money/tests/deep/conftest.py", CONFTEST.format(more))
    library.change("libs/money/tests/deep/test_deep.py", test)
    # Somebody names them all: what nobody names is asked for by somebody unseen.
    every = "def test_it(coin, paper, start, both, page, Page): pass\n"
    library.change("libs/money/tests/deep/test_every.py", every)

    assert ("test_deep.py" in told(library, source("coins"))) is sees


def test_fixture_that_nobody_names_is_asked_for_by_somebody_unseen(
    library: "Kept",
) -> None:
    """A plugin takes the place of its own fixture by this name."""
    library.change("libs/money/tests/deep/conftest.py", CONFTEST.format(""))
    library.change("libs/money/tests/deep/test_deep.py", PASSES)

    assert "test_deep.py" in told(library, source("coins"))


def test_fixture_that_the_settings_ask_for_counts_for_all(library: "Kept") -> None:
    """Whether or not another test asks for it, too."""
    library.change("libs/money/tests/deep/conftest.py", CONFTEST.format(""))
    library.change("libs/money/tests/deep/test_deep.py", PASSES)
    every = "def test_it(coin, paper): start()\n"
    library.change("libs/money/tests/deep/test_every.py", every)
    assert "test_deep.py" not in told(library, source("coins"))

    library.change("pyproject.toml", "usefixtures = ['coin']\n")
    library.commit()

    assert "test_deep.py" in told(library, source("coins"))


def test_what_tests_share_is_found_by_pythonpath(shop: "Shop", kept: "Kept") -> None:
    """A module beside the tests of one package may serve those of another."""
    shop.add_library("money")
    shop.add_library("tills")
    shop.write("libs/money/tests/fakes.py", "FAKE = 1\n")
    shop.write("libs/tills/tests/test_fake.py", f"from fakes import FAKE{PASSES}")
    settings = "[tool.pytest.ini_options]\npythonpath = ['libs/money/tests']\n"
    shop.write("pyproject.toml", settings)
    kept.begin()
    kept.change("libs/money/tests/fakes.py")

    chosen = kept.chosen()

    assert chosen["tills"].reasons == [
        "loads libs/money <- changed (libs/money/tests/fakes.py)"
    ]


def test_files_that_pytest_was_told_to_collect_are_tests(library: "Kept") -> None:
    """`python_files` says what is a test and what only helps."""
    settings = "[tool.pytest.ini_options]\npython_files = 'check_*.py'\n"
    (library.shop.root / "pyproject.toml").write_text(settings, "utf-8")
    library.change("libs/money/tests/check_coins.py", f"import money.coins{PASSES}")

    assert told(library, source("coins")) == ["all"]


def test_file_that_is_no_python_hides_nothing(library: "Kept") -> None:
    """It imports nothing that could be seen; its change concerns its own test."""
    library.change("libs/money/tests/test_broken.py", "def broken(:\n")

    assert told(library, source("coins")) == ["test_coins.py"]
    assert told(library, "libs/money/tests/test_broken.py") == ["test_broken.py"]
