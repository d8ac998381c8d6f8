"""./fleet: the first use and every later one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tool.conftest import child_seconds

LAUNCHER = Path(__file__).resolve().parents[4] / "fleet"
PATIENCE_SECONDS = 280  # a venv takes seconds of a core, however many want one
OLD = '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n'
NEW = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
# Stands for the interpreter of venv/: tells how it was called, installs nothing.
INNER = f"""\
#!/bin/sh
case "$*" in
*"fcntl"*) exec {sys.executable} "$@" ;;
*"version_info"*) exit 0 ;;
*"-m pip --version"*) exit 0 ;;
*"-m pip install"*)
    echo "$*" >>"$CALLS"
    [ ! -p "$CALLS.hold" ] || read -r _ <"$CALLS.hold"
    cat "$CALLS.pip" 2>/dev/null && exit 1
    exit 0
    ;;
esac
echo "started: $*"
"""
# Stands for uv of venv/: tells how it was called, and fails when it is told to.
UV = """\
#!/bin/sh
echo "uv $UV_INDEX_URL $*" >>"$CALLS"
[ ! -e "$CALLS.uv" ]
"""


class Checkout:
    """A repository with the launcher, and what its interpreter was asked."""

    def __init__(self, root: Path) -> None:
        """Make it.

        Args:
            root: Where.
        """
        self.root = root
        self.calls = root / "calls"
        self.python = root / "venv" / "bin" / "python"
        shutil.copy(LAUNCHER, root / "fleet")
        (root / "requirements-dev.txt").write_text("six==1\n")
        (root / "libs" / "shop").mkdir(parents=True)
        (root / "libs" / "shop" / "pyproject.toml").write_text("[project]\n")

    def program(self, path: Path, text: str) -> Path:
        """Write a program and return where it is."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def made(self) -> None:
        """Pretend that venv/ was made, nothing installed yet."""
        self.program(self.python, INNER)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start ./fleet."""
        return subprocess.Popen(
            [str(self.root / "fleet"), *words],
            env={**os.environ, "CALLS": str(self.calls)},
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ./fleet."""
        return subprocess.run(
            [str(self.root / "fleet"), *words],
            env={**os.environ, "CALLS": str(self.calls), **environment},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Give a checkout in which ./fleet was never run."""
    return Checkout(tmp_path)


def test_launcher_is_plain_posix_shell() -> None:
    """Dash reads it, so every /bin/sh does."""
    shell = shutil.which("dash") or "/bin/sh"

    assert subprocess.run([shell, "-n", str(LAUNCHER)], check=False).returncode == 0


def test_python_that_is_too_old_is_named_with_the_mend(checkout: Checkout) -> None:
    """What is here, what is needed, and how to name another one."""
    old = checkout.program(checkout.root / "old python3", OLD)

    done = checkout.run("up", FLEET_PYTHON=str(old))

    assert done.returncode == 1
    assert "error: Python 3.11 or newer is needed, here is Python 3.9.2" in done.stderr
    assert "hint: install one, or name it: FLEET_PYTHON=" in done.stderr
    assert not (checkout.root / "venv").exists()


def test_newer_python_is_found_beside_an_old_python3(checkout: Checkout) -> None:
    """python3 is asked first, then python3.11 and newer by name."""
    binaries = checkout.root / "bin"
    checkout.program(binaries / "python3", OLD)
    checkout.program(binaries / "python3.12", NEW)

    done = checkout.run(
        PATH=f"{binaries}:{os.environ['PATH']}",
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_RETRIES="0",
        PIP_FIND_LINKS="",
    )

    assert "first use: making venv/ with Python 3." in done.stderr
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "error: the locked packages could not be installed: "
        "no package index can be reached",
        "hint: check the network or PIP_INDEX_URL, then run ./fleet again",
    ]


def test_interrupted_first_use_goes_on_where_it_stopped(checkout: Checkout) -> None:
    """venv/ without a stamp is completed, with hashes, and then starts the tool."""
    checkout.made()

    done = checkout.run("up", "--detach")

    assert done.stdout == "started: -m fleetwright_cli up --detach\n"
    packages, libraries = checkout.calls.read_text().splitlines()
    assert "--require-hashes" in packages
    assert "--no-deps" in packages
    assert f"-e {checkout.root}/libs/shop/" in libraries


def test_lock_is_installed_by_the_uv_that_it_names(checkout: Checkout) -> None:
    """Of pip only uv itself is asked, by its hashes; of pip's index both."""
    checkout.made()
    checkout.program(checkout.root / "venv" / "bin" / "uv", UV)
    lock = (
        "six==1\nuv==2 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n    # via x\n"
    )
    (checkout.root / "requirements-dev.txt").write_text(f"{lock}zope==3\n")

    done = checkout.run("ps", PIP_INDEX_URL="http://index", UV_INDEX_URL="")

    assert done.stdout == "started: -m fleetwright_cli ps\n"
    own, packages, libraries = checkout.calls.read_text().splitlines()
    assert "-m pip install" in own
    assert (checkout.root / "venv" / ".uv.txt").read_text() in lock
    assert packages.startswith("uv http://index --quiet pip install")
    assert f"--require-hashes -r {checkout.root}/requirements-dev.txt" in packages
    assert f"-e {checkout.root}/libs/shop/" in libraries


def test_what_uv_cannot_do_is_done_by_pip(checkout: Checkout) -> None:
    """An index that only pip is told of, for example."""
    checkout.made()
    checkout.program(checkout.root / "venv" / "bin" / "uv", UV)
    (checkout.root / "calls.uv").touch()

    done = checkout.run("ps")

    assert done.stdout == "started: -m fleetwright_cli ps\n"
    calls = checkout.calls.read_text().splitlines()
    assert [one.startswith("uv ") for one in calls] == [True, False, True, False]
    assert "--require-hashes" in calls[1]
    assert f"-e {checkout.root}/libs/shop/" in calls[3]


def test_later_use_installs_nothing_and_is_quick(checkout: Checkout) -> None:
    """The launcher adds less than 100 ms of one core."""
    checkout.made()
    checkout.run()
    checkout.calls.unlink()
    took = []

    for _ in range(10):
        before = child_seconds()
        checkout.run("ps")
        took.append(child_seconds() - before)

    assert not checkout.calls.exists()
    assert min(took) < 0.1


@pytest.mark.parametrize(
    "changed", ["requirements-dev.txt", "libs/shop/pyproject.toml"]
)
def test_changed_lock_or_library_installs_anew(
    checkout: Checkout, changed: str
) -> None:
    """After `git pull` the environment follows by itself."""
    checkout.made()
    checkout.run()
    checkout.calls.unlink()
    (checkout.root / changed).write_text("# changed\n")

    done = checkout.run("ps")

    assert "bringing venv/ up to date" in done.stderr
    assert checkout.calls.exists()
    assert done.stdout == "started: -m fleetwright_cli ps\n"


def test_two_at_once_install_once(checkout: Checkout) -> None:
    """The second says what it waits for, and finds all of it done."""
    checkout.made()
    hold = checkout.root / "calls.hold"
    os.mkfifo(hold)

    first = checkout.begin("ps")
    with hold.open("w") as held:  # open once the first one installs
        second = checkout.begin("logs")
        assert second.stderr is not None
        waits = second.stderr.readline()
        hold.unlink()
        held.write("go on\n")
    said = [one.communicate(timeout=PATIENCE_SECONDS)[0] for one in (first, second)]

    assert waits == "another ./fleet is installing into venv/: waiting for it\n"
    assert said == [f"started: -m fleetwright_cli {one}\n" for one in ("ps", "logs")]
    assert len(checkout.calls.read_text().splitlines()) == 2


def test_turn_of_one_that_was_killed_is_free(checkout: Checkout) -> None:
    """Nobody waits for somebody who is gone."""
    checkout.made()
    hold = checkout.root / "calls.hold"
    os.mkfifo(hold)
    first = checkout.begin("ps")
    with hold.open("w"):
        first.kill()
        first.communicate(timeout=PATIENCE_SECONDS)
        hold.unlink()

    done = checkout.run("ps")

    assert "waiting" not in done.stderr
    assert done.stdout == "started: -m fleetwright_cli ps\n"


def test_failed_installation_is_tried_again(checkout: Checkout) -> None:
    """One line of reason, and no stamp that would hide the failure."""
    checkout.made()
    said = checkout.root / "calls.pip"
    said.write_text("ERROR: No space left on device\nERROR: more\n")
    failed = checkout.run()
    said.unlink()

    done = checkout.run("ps")

    assert failed.returncode == 1
    assert "could not be installed: No space left on device\n" in failed.stderr
    assert "more" not in failed.stderr
    assert done.stdout == "started: -m fleetwright_cli ps\n"


def test_files_other_than_locked_are_not_explained_away(checkout: Checkout) -> None:
    """A wrong hash is no network trouble."""
    checkout.made()
    said = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n"
    (checkout.root / "calls.pip").write_text(said)

    done = checkout.run()

    assert "find out why before going on" in done.stderr
