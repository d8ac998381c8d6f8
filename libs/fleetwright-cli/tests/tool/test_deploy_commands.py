"""fleet build and fleet deploy, as a person types them in a small fleet."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from tool.conftest import Shop

STAGING = """
[deploy]
registry = "registry.example.org/shop"
entrances = ["billing"]

[deploy.environments.staging]
least = 1
"""


@pytest.fixture
def staged(small: "Shop") -> "Shop":
    """Give the small fleet with an environment to deploy to."""
    file = small.root / "fleet.toml"
    file.write_text(file.read_text() + STAGING)
    return small


def test_files_are_written_once_and_drift_is_seen(staged: "Shop") -> None:
    """`--check` fails on an edited file and on one that is left over."""
    assert staged.fleet("deploy", "kubernetes").code == 0
    edited = staged.root / "deploy/kubernetes/base/billing.yaml"
    text = edited.read_text()
    assert next(yaml.safe_load_all(text))["kind"] == "ServiceAccount"
    edited.write_text(text.replace("maxSurge: 1", "maxSurge: 2"))
    left = staged.write("deploy/kubernetes/base/gone.yaml", "kind: Service\n")

    answer = staged.fleet("deploy", "kubernetes", "--check", "--json")

    found = {one["path"]: one["state"] for one in answer.document["files"]}
    assert answer.code == 1
    assert found == {
        "deploy/kubernetes/base/billing.yaml": "stale",
        "deploy/kubernetes/base/gone.yaml": "left over",
    }
    assert "hint: run the command without `--check`" in answer.err
    assert staged.fleet("deploy", "kubernetes").code == 0
    assert edited.read_text() == text
    assert not left.exists()


def test_release_names_what_is_missing(staged: "Shop", tmp_path: Path) -> None:
    """Without an environment or a cluster nothing is done, and the mend is said."""
    odd = staged.fleet("deploy", "kubernetes", "--apply")
    unknown = staged.fleet("deploy", "kubernetes", "--environment", "moon")
    words = ("deploy", "kubernetes", "--environment", "staging")
    shown = staged.fleet(*words, "--render", "--tag", "v7")
    nobody = staged.fleet(*words, "--apply", PATH=str(tmp_path / "nothing"))

    assert odd.code == 2
    assert (unknown.code, "fleet.toml has: staging" in unknown.err) == (2, True)
    assert "registry.example.org/shop/billing:v7" in shown.out
    assert (nobody.code, "no kubectl is on the PATH" in nobody.err) == (1, True)


def test_images_have_names_without_an_engine(staged: "Shop") -> None:
    """`--tags` needs none; a Dockerfile of one's own is left as it is."""
    own = staged.root / "services/billing/Dockerfile"
    text = own.read_text()
    named = staged.fleet("build", "--tags", "billing")
    words = ("build", "--tags", "billing", "--affected")
    elsewhere = staged.fleet(*words, "--registry", "ghcr.io/shop")
    written = staged.fleet("build", "--write")
    kept = own.read_text()
    own.unlink()
    stale = staged.fleet("build", "--check")
    (staged.root / "services/billing/src/billing/id_rsa").touch()
    leaking = staged.fleet("build", "--check")
    away = staged.fleet("build", PATH=os.fspath(staged.root), FLEET_ENGINE="nothere")

    assert named.out.startswith("registry.example.org/shop/billing:")
    assert elsewhere.out.startswith("ghcr.io/shop/billing:"), elsewhere.err
    assert (written.code, kept) == (0, text)
    assert (leaking.code, "id_rsa:1 is a file of secrets" in leaking.err) == (1, True)
    assert (stale.code, "services/billing/Dockerfile" in stale.out) == (1, True)
    assert (away.code, "no engine is here" in away.err) == (1, True)


def test_compose_is_written_and_drift_is_seen(staged: "Shop") -> None:
    """The first run writes it, the second has nothing to do."""
    first = staged.fleet("deploy", "compose", "--check")
    staged.fleet("deploy", "compose")
    second = staged.fleet("deploy", "compose", "--check")

    assert (first.code, second.code) == (1, 0)
    assert (
        "billing"
        in yaml.safe_load((staged.root / "docker-compose.yml").read_text())["services"]
    )
