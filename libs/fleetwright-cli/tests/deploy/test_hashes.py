"""What an image's install takes: what the lock says, to the byte, and wheels alone."""

import hashlib
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy.images._dockerfile import dockerfiles

_INSTALL = re.compile(r"^RUN /opt/pip/bin/pip .*? install (.*)$", re.MULTILINE)


@pytest.fixture
def options(world: World) -> list[str]:
    """Give how packages get into an image: the words of the Dockerfiles."""
    (words,) = {
        tuple(shlex.split(found)[:-2])
        for text in dockerfiles(world).values()
        for found in _INSTALL.findall(text)
    }
    return list(words)


def wheel(folder: Path) -> str:
    """Make a wheel of nothing; return the digest of its bytes."""
    file = folder / "harmless-1.0-py3-none-any.whl"
    inside = "harmless-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as written:
        written.writestr(
            f"{inside}/METADATA",
            "Metadata-Version: 2.1\nName: harmless\nVersion: 1.0\n",
        )
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        written.writestr(f"{inside}/WHEEL", tag)
        written.writestr(f"{inside}/RECORD", "")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def install(folder: Path, options: list[str], lock: str) -> str:
    """Install a lock from a folder as an image does; return what is wrong."""
    file = folder / "requirements.txt"
    file.write_text(f"{lock}\n")
    # Nothing but the folder: whatever the machine's own configuration says.
    words = ["-m", "pip", "--isolated", "install", "--no-index", "--quiet"]
    words += ["--find-links", str(folder), "--target", str(folder / "there")]
    done = subprocess.run(
        [sys.executable, *words, *options, "-r", str(file)],
        capture_output=True,
        text=True,
    )
    return done.stderr if done.returncode else ""


def test_package_that_was_tampered_with_is_refused(
    tmp_path: Path, options: list[str]
) -> None:
    """The very bytes that were locked are taken; one more, and nothing is."""
    lock = f"harmless==1.0 --hash=sha256:{wheel(tmp_path)}"
    taken = install(tmp_path, options, lock)
    with (tmp_path / "harmless-1.0-py3-none-any.whl").open("ab") as file:
        file.write(b"\0")

    refused = install(tmp_path, options, lock)

    assert taken == ""
    assert "DO NOT MATCH THE HASHES" in refused


def test_package_without_a_hash_is_refused(tmp_path: Path, options: list[str]) -> None:
    """A line that somebody added by hand says nothing of what it brings."""
    wheel(tmp_path)

    assert "Hashes are required" in install(tmp_path, options, "harmless==1.0")


def test_no_lock_and_no_dockerfile_names_another_index(world: World) -> None:
    """Two indexes are two owners of a name: whoever has the higher version wins."""
    locks = [one.lock.read_text("utf-8") for one in world.fleet.services.values()]
    for text in [*dockerfiles(world).values(), *locks]:
        assert not re.search(r"--(extra-)?index-url|--find-links|^-[if] ", text)
