"""A release: secrets are there, databases migrate, pods follow one another, or back."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.deploy.kubernetes._cluster import (
    SCALERS,
    Cluster,
    at,
    container_of,
    name_of,
    pod_of,
)
from fleetwright_cli.deploy.kubernetes._kubectl import Kubectl, RefusedError
from fleetwright_cli.deploy.kubernetes._words import SCALER_SECRET, Object

_REVISION = "deployment.kubernetes.io/revision"
ROLLOUT_SECONDS = 300.0
JOB_SECONDS = 630.0
LOOK_SECONDS = 1.0


@dataclass
class Release:
    """One release to one environment.

    Safe to run again: what is already so stays so.

    Attributes:
        cluster: The objects, with the tags of their images.
        kubectl: How the cluster is spoken to.
        talk: Where it is said what happens.
        look_seconds: How often a migration is asked about.
        done: What was done, in order.
    """

    cluster: Cluster
    kubectl: Kubectl
    talk: Callable[[str], None]
    look_seconds: float = LOOK_SECONDS
    done: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Do it all.

        Raises:
            FleetError: It could not be done; the Deployments are as they were.
        """
        self.kubectl.require()
        try:
            self._apply("the namespace", self.cluster.of("Namespace"))
            self._require_secrets()
            later = ("Namespace", "Deployment", "Job", *SCALERS)
            around = [it for it in self.cluster.objects if it["kind"] not in later]
            self._apply("accounts, config, addresses and policies", around)
            self._migrate()
        except RefusedError as error:
            raise FleetError(
                "the release was stopped before any pod was changed",
                where=str(error),
                hint="mend that and run the same command again",
            ) from error
        self._roll()

    def _apply(self, what: str, objects: Sequence[Object]) -> None:
        self.talk(f"applying {what}")
        self.kubectl.apply(objects)
        self.done.append(f"applied {what}")

    def _require_secrets(self) -> None:
        """Make sure that every Secret has the keys that pods mount."""
        missing = []
        for name, keys in sorted(self._secret_keys()):
            found = self.kubectl.document("get", "secret", name)
            has = set(at(found, "data"))
            if lacking := sorted(set(keys) - has):
                missing.append(f"{name}: {', '.join(lacking)}")
        if missing:
            space = self.kubectl.namespace
            raise FleetError(
                "the cluster lacks secrets",
                where="\n".join(missing),
                hint=f"kubectl --namespace {space} create secret generic NAME"
                " --from-literal KEY=VALUE",
            )

    def _secret_keys(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the Secrets with the keys that are read."""
        for one in self.cluster.of("Deployment"):
            for volume in pod_of(one).get("volumes", ()):
                secret = volume.get("secret")
                if secret:
                    keys = [item["key"] for item in secret["items"]]
                    scaled = self.cluster.named("TriggerAuthentication", name_of(one))
                    keys += [SCALER_SECRET] * (scaled is not None)
                    yield secret["secretName"], keys

    def _migrate(self) -> None:
        """Run the Jobs, and wait until each is complete."""
        jobs = self.cluster.of("Job")
        self._apply("migrations", jobs)
        for job in jobs:
            self._await_job(name_of(job), container_of(job)["name"])

    def _await_job(self, name: str, service: str) -> None:
        until = time.monotonic() + JOB_SECONDS
        while time.monotonic() < until:
            found = self.kubectl.document("get", "job", name)
            kinds = {
                one["type"]
                for one in at(found, "status", "conditions") or ()
                if one.get("status") == "True"
            }
            if "Complete" in kinds:
                self.done.append(f"migrated {service}")
                return
            if "Failed" in kinds:
                raise RefusedError(
                    f"{service} could not be migrated\n{self._log(name)}"
                )
            self.talk(f"migrating {service}")
            time.sleep(self.look_seconds)
        raise RefusedError(f"{service} was not migrated in {JOB_SECONDS:g} s")

    def _log(self, job: str) -> str:
        """Return the last words of a Job."""
        try:
            return self.kubectl.run("logs", f"job/{job}", "--tail", "20").strip()
        except RefusedError as error:
            return str(error)

    def _roll(self) -> None:
        """Bring the Deployments, wait for them, and go back when one does not come."""
        before = self._revisions()
        deployments = self.cluster.of("Deployment")
        names = [name_of(one) for one in deployments]
        try:
            self._apply(
                "deployments and scalers", deployments + self.cluster.of(*SCALERS)
            )
            for name in names:
                self._await_rollout(name)
        except (RefusedError, KeyboardInterrupt) as error:
            back = self._back(before)
            raise FleetError(
                "the release did not come up, and was taken back",
                where="\n".join([str(error) or "stopped", *back]),
                hint="kubectl describe and kubectl logs of that Deployment say why",
            ) from error

    def _await_rollout(self, name: str) -> None:
        self.talk(f"waiting for {name}")
        limit = f"--timeout={ROLLOUT_SECONDS:g}s"
        words = ("rollout", "status", f"deployment/{name}", limit)
        self.kubectl.run(*words, seconds=ROLLOUT_SECONDS + 30)
        self.done.append(f"rolled {name}")

    def _revisions(self) -> dict[str, str]:
        """Return the revision of each Deployment that is there."""
        try:
            found: Any = self.kubectl.document("get", "deployments")
        except RefusedError as error:
            raise FleetError(
                "the cluster does not say what runs", where=str(error)
            ) from error
        return {
            name_of(one): at(one, "metadata", "annotations").get(_REVISION, "")
            for one in at(found, "items") or ()
        }

    def _back(self, before: dict[str, str]) -> list[str]:
        """Bring every Deployment to the revision it had; return what came of it.

        By its number: a bare `undo` would take one that did not change a step further.
        """
        said = []
        for one in self.cluster.of("Deployment"):
            name = name_of(one)
            revision = before.get(name)
            if not revision:
                said.append(f"{name}: new, nothing to go back to")
                continue
            words = ("rollout", "undo", f"deployment/{name}")
            try:
                self.kubectl.run(*words, f"--to-revision={revision}")
                said.append(f"{name}: at revision {revision} again")
            except RefusedError as error:
                said.append(f"{name}: NOT taken back: {error}")
        return said
