"""A release: secrets are there, databases migrate, pods follow one another, or back."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from fleetwright_cli._errors import FleetError
from fleetwright_cli.deploy.kubernetes._before import said_by
from fleetwright_cli.deploy.kubernetes._cluster import (
    SCALERS,
    Cluster,
    at,
    container_of,
    name_of,
    place_of,
    pod_of,
)
from fleetwright_cli.deploy.kubernetes._kubectl import MANAGER, Kubectl, RefusedError
from fleetwright_cli.deploy.kubernetes._trouble import troubles
from fleetwright_cli.deploy.kubernetes._words import SCALER_SECRET, Object

ROLLOUT_SECONDS = 300.0
JOB_SECONDS = 630.0
LOOK_SECONDS = 1.0
# A Job runs once, a ConfigMap is named by its hash: neither is ever changed.
_UNCHANGED = ("Job", "ConfigMap")


@dataclass
class Release:
    """One release to one environment.

    Safe to run again: what is already so stays so.

    Attributes:
        cluster: The objects, with the tags of their images.
        kubectl: How the cluster is spoken to.
        talk: Where it is said what happens.
        look_seconds: How often a migration is asked about.
        rollout_seconds: How long a service may take until its pods are ready.
        done: What was done, in order.
    """

    cluster: Cluster
    kubectl: Kubectl
    talk: Callable[[str], None]
    look_seconds: float = LOOK_SECONDS
    rollout_seconds: float = ROLLOUT_SECONDS
    done: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Do it all.

        Raises:
            FleetError: It could not be done; what ran before runs as before.
        """
        self.kubectl.require()
        rest = [it for it in self.cluster.objects if it["kind"] != "Namespace"]
        try:
            self._make_namespace()
            self._require_secrets()
            self.talk("asking the cluster whether it would take all of it")
            self.kubectl.apply(rest, rehearses=True)
            changed = [one for one in rest if one["kind"] not in _UNCHANGED]
            before = self.kubectl.found(changed)
        except RefusedError as error:
            raise FleetError(
                "the release was refused before any pod was changed",
                where=str(error),
                hint=error.hint,
            ) from error
        self._change(rest, before)

    def _change(self, objects: list[Object], before: list[Object]) -> None:
        """Change what is to be changed, and go back when that does not end well."""
        later = ("Deployment", "Job", *SCALERS)
        around = [one for one in objects if one["kind"] not in later]
        what = "the release was stopped before any pod was changed"
        try:
            self._apply("accounts, config, addresses and policies", around)
            self._migrate()
            what = "the release did not come up, and was taken back"
            rolling = self.cluster.of("Deployment", *SCALERS)
            self._apply("deployments and scalers", rolling)
            for one in self.cluster.of("Deployment"):
                self._await_rollout(name_of(one))
        except (RefusedError, KeyboardInterrupt) as error:
            back = self._back(before)
            hint = error.hint if isinstance(error, RefusedError) else ""
            raise FleetError(
                what,
                where="\n".join([str(error) or "stopped", *back]),
                hint=hint or "run the same command again",
            ) from error

    def _apply(self, what: str, objects: Sequence[Object]) -> None:
        self.talk(f"applying {what}")
        self.kubectl.apply(objects)
        self.done.append(f"applied {what}")

    def _make_namespace(self) -> None:
        """Make the namespace, where it is not as it should be.

        An account of one namespace may look at it, and need not be able to make any.
        """
        for one in self.cluster.of("Namespace"):
            found = self.kubectl.document("get", "namespace", name_of(one))
            wanted = at(one, "metadata", "labels").items()
            if not wanted <= at(found, "metadata", "labels").items():
                self._apply("the namespace", [one])

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

    def _await_rollout(self, name: str) -> None:
        self.talk(f"waiting for {name}")
        limit = f"--timeout={self.rollout_seconds:g}s"
        words = ("rollout", "status", f"deployment/{name}", limit)
        try:
            self.kubectl.run(*words, seconds=self.rollout_seconds + 30)
        except RefusedError as error:
            why = [f"{name}: {error}", *troubles(self.kubectl, name)]
            raise RefusedError("\n".join(why)) from error
        self.done.append(f"rolled {name}")

    def _back(self, before: list[Object]) -> list[str]:
        """Bring everything to what it was; return what came of it."""
        self.talk("taking it back")
        known = {place_of(one) for one in before}
        deployments = self.cluster.of("Deployment")
        new = [name_of(one) for one in deployments if place_of(one) not in known]
        said = [f"{name}: new, nothing to go back to" for name in new]
        try:
            self.kubectl.apply([said_by(MANAGER, one) for one in before])
        except RefusedError as error:
            return [*said, f"NOT taken back: {error}"]
        old = [name_of(one) for one in deployments if place_of(one) in known]
        return [*(f"{name}: as it was before" for name in old), *said]
