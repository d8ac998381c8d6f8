"""kubectl as it is called here: what it is told, what it answers, how it fails."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.deploy._yaml import written
from fleetwright_cli.deploy.kubernetes._words import Object

PROGRAM = "kubectl"
MANAGER = "fleet"
CALL_SECONDS = 60.0


class RefusedError(Exception):
    """The cluster or kubectl said no; the text is kubectl's own."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl for one namespace of one cluster.

    Attributes:
        namespace: The namespace.
        context: The context of the user's configuration; the current one when empty.
    """

    namespace: str
    context: str = ""

    def require(self) -> None:
        """Make sure that kubectl is there and reaches a cluster.

        Raises:
            FleetError: It is not there, or nobody answers it.
        """
        if shutil.which(PROGRAM) is None:
            raise FleetError(
                "no kubectl is on the PATH",
                hint="install it: https://kubernetes.io/docs/tasks/tools/",
            )
        try:
            self.run("version", "--output", "json")
        except RefusedError as error:
            raise FleetError(
                "kubectl reaches no cluster",
                where=str(error),
                hint="kubectl config get-contexts; choose one by --context",
            ) from error

    def apply(self, objects: Sequence[Object]) -> None:
        """Have objects be so, as the manager `fleet`.

        Args:
            objects: Which; none is nothing to do.

        Raises:
            RefusedError: The cluster refuses one, or another manages a part of it.
        """
        if objects:
            words = ("apply", "--server-side", "--field-manager", MANAGER)
            self.run(*words, "--filename", "-", given=written(objects))

    def document(self, *words: str) -> Any:
        """Return what kubectl says, as JSON; None when there is nothing.

        Args:
            *words: What it is told.

        Raises:
            RefusedError: It says no.
        """
        said = self.run(*words, "--output", "json", "--ignore-not-found")
        return json.loads(said) if said.strip() else None

    def run(self, *words: str, given: str = "", seconds: float = CALL_SECONDS) -> str:
        """Return what kubectl says.

        Args:
            *words: What it is told.
            given: What it reads.
            seconds: Longest wait for it.

        Raises:
            RefusedError: It says no, or nothing in time.
        """
        context = ["--context", self.context] if self.context else []
        argv = [PROGRAM, *context, "--namespace", self.namespace, *words]
        try:
            done = subprocess.run(  # noqa: S603 - the words are ours
                argv, input=given, capture_output=True, text=True, timeout=seconds
            )
        except subprocess.TimeoutExpired as error:
            raise RefusedError(
                f"`{' '.join(words)}`: no answer in {seconds:g} s"
            ) from error
        except OSError as error:
            raise RefusedError(f"{PROGRAM} cannot be run: {error.strerror}") from error
        if done.returncode:
            raise RefusedError(
                done.stderr.strip() or f"it ended with {done.returncode}"
            )
        return done.stdout
