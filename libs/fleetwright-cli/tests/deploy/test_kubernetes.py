"""The files for Kubernetes: as the tree says, as Kustomize reads them, strictly."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from fleetwright._probes import PROBES as RUNTIME_PROBES
from fleetwright._server import _CLOSING_SECONDS as RUNTIME_CLOSING_SECONDS
from fleetwright._telemetry._setup import EXIT_SECONDS
from fleetwright_cli.deploy._facts import PROBES, World
from fleetwright_cli.deploy._files import mend
from fleetwright_cli.deploy.kubernetes._cluster import Cluster, name_of, pod_of
from fleetwright_cli.deploy.kubernetes._rendered import hashed, rendered
from fleetwright_cli.deploy.kubernetes._rules import faults
from fleetwright_cli.deploy.kubernetes._schemas import OLDEST, schema_faults
from fleetwright_cli.deploy.kubernetes._tree import FOLDER, files
from fleetwright_cli.deploy.kubernetes._words import CLOSING_SECONDS, MARGIN_SECONDS

ROOT = Path(__file__).resolve().parents[4]
NEWEST = "1.37"


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_committed_files_keep_every_rule(world: World, environment: str) -> None:
    """What is in the repository could be applied as it stands."""
    cluster = Cluster(rendered(world, environment), world.facts)

    assert list(faults(cluster)) == []


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_objects_fit_the_schemas_strictly(staging: Cluster, version: str) -> None:
    """The oldest and the newest cluster take every object, and drop no key of it."""
    assert list(schema_faults(staging.objects, version)) == []


def test_schema_sees_a_key_that_a_cluster_would_drop(staging: Cluster) -> None:
    """A misspelt key is no silent nothing."""
    service = staging.of("Service")[0]
    service["spec"]["portz"] = service["spec"].pop("ports")

    found = list(schema_faults(staging.objects))

    assert [one.where for one in found] == [f"Service/{name_of(service)}"]


def test_committed_files_are_what_the_tree_says(world: World) -> None:
    """Nobody edited them, and nobody forgot them."""
    assert mend(ROOT, files(world), [f"{FOLDER}/**/*.yaml"], check=True) == []


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_kustomize_makes_the_same_objects(world: World, environment: str) -> None:
    """Whoever applies the files by Kustomize gets what the rules have looked at."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("no kubectl is on the PATH: it has Kustomize in it")
    folder = ROOT / FOLDER / "overlays" / environment
    done = subprocess.run(
        [program, "kustomize", str(folder)], capture_output=True, text=True, check=True
    )

    theirs = {(it["kind"], name_of(it)): it for it in yaml.safe_load_all(done.stdout)}
    ours = {(it["kind"], name_of(it)): it for it in rendered(world, environment)}

    assert ours == theirs


def test_config_is_named_by_what_it_tells() -> None:
    """Pods start anew when what they are told changes; the name is Kustomize's."""
    assert hashed("a", {"X": "1"}) != hashed("a", {"X": "2"})
    assert hashed("a", {"X": "<&>"}) == hashed("a", {"X": "<&>"})


def test_grace_lasts_until_the_runtime_has_ended_by_itself(staging: Cluster) -> None:
    """Lame duck, drain, and what closes and sends its last words after that."""
    last_words = 3 * EXIT_SECONDS  # spans, metrics and lines, one after another

    assert last_words <= RUNTIME_CLOSING_SECONDS == CLOSING_SECONDS < MARGIN_SECONDS
    for deployment, facts in staging.deployments:
        told = staging.told(deployment)
        waits = float(told["LAME_DUCK_SECONDS"]) + facts.seconds("DRAIN_SECONDS", told)
        grace = pod_of(deployment)["terminationGracePeriodSeconds"]
        assert grace > waits + RUNTIME_CLOSING_SECONDS


def test_probes_are_those_of_the_runtime() -> None:
    """The tool knows the paths without importing what answers them."""
    assert PROBES == RUNTIME_PROBES
