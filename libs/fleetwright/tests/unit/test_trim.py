"""An environment without what no running service reads."""

import shutil
import subprocess
import sys
from pathlib import Path

import httptools
import httptools.parser.parser
import pytest

from fleetwright import _trim

MODULE = Path(httptools.parser.parser.__file__)
LOADS = """\
import httptools
print(httptools.__file__, httptools.parse_url(b"http://example.org/a?b").path.decode())
try:
    httptools.HttpRequestParser(object()).feed_data(b"no request")
except httptools.HttpParserError:
    print("refused")
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="modules are ELF files on Linux"
)


def test_module_is_smaller_and_works(tmp_path: Path) -> None:
    """It is loaded, computes and raises as before."""
    folder = tmp_path / "httptools"
    shutil.copytree(Path(httptools.__file__).parent, folder)
    module = folder / "parser" / MODULE.name
    before = module.stat().st_size

    cut = _trim.trim(module)

    assert 0 < cut == before - module.stat().st_size
    done = subprocess.run(
        [sys.executable, "-c", LOADS],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(folder / "__init__.py"), "/a", "refused"]
    assert _trim.trim(module) == 0  # nothing is left to cut


@pytest.mark.parametrize(
    "content", [b"", b"#!/bin/sh\n", b"\x7fELF\x02\x01" + b"x" * 90]
)
def test_what_is_no_module_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """A script, an empty file, something that only begins like a module."""
    path = tmp_path / "odd.so"
    path.write_bytes(content)

    assert _trim.trim(path) == 0
    assert path.read_bytes() == content


def test_environment_is_trimmed_by_path(tmp_path: Path) -> None:
    """As a Dockerfile does it, without the package; links and code are left alone."""
    shutil.copy(MODULE, tmp_path / MODULE.name)
    (tmp_path / "linked.so").symlink_to(tmp_path / MODULE.name)
    left = {MODULE.name, "linked.so", "code.py", "latest", "latest/tests.py"}
    unread = ("parser.pyx", "tests/test_a.py", "tests/more/tests/b.py")
    for name in ("code.py", "latest/tests.py", *unread):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    words = [sys.executable, "-I", "-S", str(_trim.__file__), str(tmp_path)]

    done = subprocess.run(words, capture_output=True, text=True, check=True)

    assert done.stdout.endswith("from 1 modules, 3 files deleted\n")
    assert {str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*")} == left
    assert (tmp_path / MODULE.name).stat().st_size < MODULE.stat().st_size
