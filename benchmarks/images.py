"""Measures how long images take to build, and how large they are, service by service.

    venv/bin/python benchmarks/images.py [SERVICE...] [--base-image IMAGE] [--json]

In a copy of the tree, on a base image that nothing was built on: the first build has no
layer to take over. Then one line of the service's source is changed, then nothing. The
times are those of the whole command `fleet build SERVICE`, start of the tool included.

Exits 0 when each rebuild stays below 3 s, each unchanged image is skipped and none is
larger than 120 MB over its base; 1 when not; 2 when nothing can be built.
"""

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REBUILD_SECONDS = 3.0
LARGEST_BYTES = 120_000_000
BASE = "fleetwright-python:3.11-slim"  # as .ci/base-image makes it


class BuildError(Exception):
    """Something could not be built."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one service.

    Attributes:
        service: Its name.
        first_seconds: Its build on a base that is new.
        rebuild_seconds: Its build after a line of its source was changed.
        skip_seconds: The command when nothing has changed.
        added_bytes: The image's size without its base.
    """

    service: str
    first_seconds: float
    rebuild_seconds: float
    skip_seconds: float
    added_bytes: int

    @property
    def ok(self) -> bool:
        """Whether it keeps its bounds."""
        is_quick = self.rebuild_seconds < REBUILD_SECONDS
        return is_quick and 0 < self.added_bytes < LARGEST_BYTES

    def text(self) -> str:
        """Return it as a row of a table in Markdown."""
        return (
            f"| {self.service} | {self.first_seconds:.1f} s "
            f"| {self.rebuild_seconds:.1f} s | {self.skip_seconds:.1f} s "
            f"| {self.added_bytes / 1e6:.1f} MB |"
        )


class Copy:
    """The tree of this repository, elsewhere, as a fleet with a name of its own."""

    def __init__(self, folder: Path, base_image: str) -> None:
        """Copy what git knows of, as it is now, and make a base that is new.

        Args:
            folder: Where to.
            base_image: What the new base is made from.

        Raises:
            BuildError: The base image is not there.
        """
        self.folder = folder
        self.name = f"images-{secrets.token_hex(4)}"
        self.base = f"{self.name}-base:1"
        for path in _run(ROOT, "git", "ls-files", "--cached").splitlines():
            if (source := ROOT / path).is_file():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, folder / path)
        manifest = folder / "fleet.toml"
        text = manifest.read_text("utf-8")
        text = text.replace('name = "shop"', f'name = "{self.name}"', 1)
        manifest.write_text(text, "utf-8")
        with tempfile.TemporaryDirectory() as context:
            (Path(context) / "new").write_text(self.name, "utf-8")
            recipe = f"FROM {base_image}\nCOPY new /etc/{self.name}\n"
            (Path(context) / "Dockerfile").write_text(recipe, "utf-8")
            _run(Path(context), "docker", "build", "--quiet", "--tag", self.base, ".")

    def built(self, service: str) -> tuple[float, dict[str, Any]]:
        """Build an image; return how long the command took, and what it answered.

        Args:
            service: Whose.

        Raises:
            BuildError: It could not be built.
        """
        words = (sys.executable, "-m", "fleetwright_cli", "build", service)
        begun = time.monotonic()
        said = _run(self.folder, *words, "--json", "--base-image", self.base)
        spent = time.monotonic() - begun
        (one,) = json.loads(said)["images"]
        return spent, one

    def measured(self, service: str) -> Row:
        """Return what a service takes.

        Args:
            service: Whose images are built.

        Raises:
            BuildError: One could not be built, or was not skipped.
        """
        first, one = self.built(service)
        _expect(service, one, "built")
        (source,) = (self.folder / "services" / service / "src").glob("*/__init__.py")
        source.write_text(source.read_text("utf-8") + "# One line more.\n", "utf-8")
        rebuild, again = self.built(service)
        _expect(service, again, "built")
        skip, unchanged = self.built(service)
        _expect(service, unchanged, "unchanged")
        return Row(service, first, rebuild, skip, again["added"])

    def forget(self) -> None:
        """Take every image of ours away."""
        names = _run(ROOT, "docker", "images", "--format", "{{.Repository}}:{{.Tag}}")
        ours = [it for it in names.splitlines() if self.name in it]
        label = f"label=fleet.name={self.name}"
        ids = _run(ROOT, "docker", "images", "--quiet", "--filter", label).split()
        if ours or ids:
            _run(ROOT, "docker", "rmi", "--force", *ours, *dict.fromkeys(ids))


def main(words: Sequence[str] | None = None) -> int:
    """Measure what the command line names.

    Args:
        words: The command line; the process's own when None.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("--base-image", default=os.environ.get("BASE_IMAGE", BASE))
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args(words)
    every = sorted(it.parent.name for it in ROOT.glob("services/*/Dockerfile"))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            copy = Copy(Path(folder), wanted.base_image)
            try:
                for service in wanted.services or every:
                    sys.stderr.write(f"{service}\n")
                    rows.append(copy.measured(service))
            finally:
                copy.forget()
        except (BuildError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 2
    if wanted.json:
        sys.stdout.write(json.dumps([asdict(it) for it in rows], indent=2) + "\n")
    else:
        head = "| service | first | a line changed | unchanged | over the base |"
        lines = [head, "|---|---|---|---|---|", *(it.text() for it in rows)]
        sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(it.ok for it in rows) else 1


def _expect(service: str, one: dict[str, Any], state: str) -> None:
    if one["state"] != state:
        raise BuildError(f"{service}: {one['state']} instead of {state}: {one['why']}")


def _run(folder: Path, *words: str) -> str:
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise BuildError(f"{' '.join(words[:4])} ended with {done.returncode}: {said}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
