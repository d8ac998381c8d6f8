"""What is public is said once, documented, and on a page."""

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = ROOT / "scripts" / "reference.py"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """Return the script that reads the public names off the code."""
    spec = importlib.util.spec_from_file_location("reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_api_txt_and_the_reference_pages_are_fresh() -> None:
    """api.txt and docs/reference say exactly what the code says, both ways."""
    result = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr


def test_every_public_name_has_a_docstring(reference: ModuleType) -> None:
    """A public name without a docstring promises nothing."""
    bare = [
        name
        for name, thing in reference.public_names().items()
        if (inspect.isclass(thing) or inspect.isroutine(thing))
        and not inspect.getdoc(thing)
    ]

    assert bare == []


def test_every_public_function_explains_its_arguments(reference: ModuleType) -> None:
    """A public function with parameters has an `Args:` section."""
    silent = [
        name
        for name, thing in reference.public_names().items()
        if inspect.isfunction(thing)
        and inspect.signature(thing).parameters
        and "Args:" not in (inspect.getdoc(thing) or "")
    ]

    assert silent == []
