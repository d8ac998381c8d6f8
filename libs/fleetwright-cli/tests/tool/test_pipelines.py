"""The pipelines of this repository and of its guides: valid, closed, and they run."""

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from tool.conftest import Kept, Shop

ROOT = Path(__file__).resolve().parents[4]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
GUIDE = ROOT / "docs" / "guides" / "test-what-changed.md"
TOOLS = Path(sys.executable).parent
LAUNCHER = '#!/bin/sh\nexec "{}" -m fleetwright_cli "$@"\n'


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of the development environment."""
    return subprocess.run(
        [str(TOOLS / words[0]), *words[1:]], capture_output=True, text=True, check=False
    )


def test_workflow_leaves_nothing_open() -> None:
    """No token lies about, no branch's name runs as shell, every action is pinned."""
    done = run("zizmor", "--offline", "--no-progress", str(WORKFLOW))

    assert done.returncode == 0, done.stdout + done.stderr


def test_workflow_with_a_hole_in_it_is_found(tmp_path: Path) -> None:
    """The tool that says so does look."""
    text = WORKFLOW.read_text("utf-8").replace("persist-credentials: false", "")
    broken = tmp_path / ".github" / "workflows" / "ci.yml"
    broken.parent.mkdir(parents=True)
    broken.write_text(text.replace("        with:\n          \n", ""), "utf-8")

    done = run("zizmor", "--offline", "--no-progress", str(broken))

    assert done.returncode != 0
    assert "artipacked" in done.stdout


def test_workflow_is_what_github_reads() -> None:
    """Its schema knows every key."""
    schema = "vendor.github-workflows"
    done = run("check-jsonschema", "--builtin-schema", schema, str(WORKFLOW))

    assert done.returncode == 0, done.stdout


def test_pipeline_of_the_guide_is_what_gitlab_reads(tmp_path: Path) -> None:
    """Whoever copies it need not mend it."""
    (listing,) = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    file = tmp_path / ".gitlab-ci.yml"
    file.write_text(listing, "utf-8")

    done = run("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(file))

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("since", "tests", "services"),
    [
        ("main", '{"include": [{"owner": "orders", "kind": "service"}]}', '["orders"]'),
        ("", None, '["mail", "orders"]'),
    ],
)
def test_step_that_chooses_tells_the_jobs_after_it(
    shop: "Shop", kept: "Kept", since: str, tests: str | None, services: str
) -> None:
    """The very text of the workflow, run by the shell that runs it there."""
    for name in ("orders", "mail"):
        shop.add_service(name)
        shop.write(f"services/{name}/requirements.txt", "")
    launcher = shop.write("fleet", LAUNCHER.format(sys.executable))
    launcher.chmod(0o755)
    kept.begin()
    kept.change("services/orders/src/orders/app.py")
    jobs = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]
    (step,) = [one for one in jobs["plan"]["steps"] if one.get("id") == "chosen"]
    output = shop.root / "output"

    subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
        cwd=shop.root,
        env={"PATH": "/usr/bin:/bin", "SINCE": since, "GITHUB_OUTPUT": str(output)},
        check=True,
    )

    said = dict(line.split("=", 1) for line in output.read_text("utf-8").splitlines())
    assert said["services"] == services
    assert tests is None or said["tests"] == tests
