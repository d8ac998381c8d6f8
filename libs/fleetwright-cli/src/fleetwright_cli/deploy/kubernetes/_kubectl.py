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


# What kubectl says, and what is to be done about it.
_MENDS = {
    "forbidden": "give the account the rights in docs/guides/release-a-fleet.md",
    "no matches for kind": "install what knows that kind; KEDA: https://keda.sh/docs",
    "conflict": "another manager has said those fields: have it let go of them",
}
_RETRY = "mend that and run the same command again"
_UNREACHED = {
    "does not exist": ("kubectl has no such context", "kubectl config get-contexts"),
    "provide credentials": (
        "the cluster does not know who asks",
        "kubectl auth whoami; a token may be over, or of another cluster",
    ),
}
_AWAY = (
    "kubectl reaches no cluster",
    "kubectl config get-contexts; choose one by --context",
)


class RefusedError(Exception):
    """The cluster or kubectl said no; the text is kubectl's own."""

    @property
    def hint(self) -> str:
        """What is to be done about it."""
        said = str(self).lower()
        return next((mend for word, mend in _MENDS.items() if word in said), _RETRY)


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
            said = str(error)
            known = (why for word, why in _UNREACHED.items() if word in said)
            what, hint = next(known, _AWAY)
            raise FleetError(what, where=said, hint=hint) from error

    def apply(self, objects: Sequence[Object], *, rehearses: bool = False) -> None:
        """Have objects be so, as the manager `fleet`.

        Args:
            objects: Which; none is nothing to do.
            rehearses: Whether the server is only to say whether it would.

        Raises:
            RefusedError: The cluster refuses one, or another manages a part of it.
        """
        if objects:
            words = ("apply", "--server-side", "--field-manager", MANAGER)
            mode = ("--dry-run=server",) * rehearses
            self.run(*words, *mode, "--filename", "-", given=written(objects))

    def found(self, objects: Sequence[Object]) -> list[Object]:
        """Return those among objects that are there, as they are, with who said what.

        Args:
            objects: Which; one at least.

        Raises:
            RefusedError: They may not be read.
        """
        words = ("get", "--filename", "-", "--show-managed-fields")
        said = self.document(*words, given=written(objects))
        if said is None:
            return []
        found: list[Object] = said["items"] if said["kind"] == "List" else [said]
        return found

    def document(self, *words: str, given: str = "") -> Any:
        """Return what kubectl says, as JSON; None when there is nothing.

        Args:
            *words: What it is told.
            given: What it reads.

        Raises:
            RefusedError: It says no.
        """
        words += ("--output", "json", "--ignore-not-found")
        said = self.run(*words, given=given)
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
