"""What an adversary would look for in the pipeline, and that each hole would be seen.

The adversary opens a pull request, or writes to an action's or the registry's tags.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[4]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
COMMIT = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
ON_MAIN = "github.event_name == 'push' && github.ref == 'refs/heads/main'"
TRUSTING = ("pull_request_target", "workflow_run", "issue_comment", "workflow_dispatch")


def holes(text: str) -> Iterator[str]:
    """Yield what somebody could use who may only open a pull request.

    Args:
        text: A workflow.
    """
    workflow = yaml.safe_load(text)
    events = workflow[True]  # `on` is a word for true
    yield from (f"set off by {one}" for one in TRUSTING if one in events)
    if events.get("push", {}).get("branches") != ["main"]:
        yield "set off by a push to any branch"
    if workflow.get("permissions") != {"contents": "read"}:
        yield "more rights than to read"
    for name, job in workflow["jobs"].items():
        yield from (f"{name}: {one}" for one in _holes_of_job(job))
    yield from _holes_of_release(workflow["jobs"])


def _holes_of_job(job: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is open in one job."""
    guarded = job.get("if") == ON_MAIN
    rights = job.get("permissions", {})
    if not isinstance(rights, dict) or set(rights) - {"contents", "packages"}:
        yield "rights that it does not need"
    elif "write" in rights.values() and not guarded:
        yield "it may write for a pull request"
    if rights and rights.get("contents") != "read":
        yield "it may write to the repository"
    if "secrets." in yaml.dump(job) and not guarded:
        yield "a pull request reaches secrets"
    if "timeout-minutes" not in job:
        yield "it may run for ever"
    for step in job["steps"]:
        action = step.get("uses", "")
        if action and not COMMIT.fullmatch(action):
            yield f"{action} may be another one tomorrow"
        keeps = step.get("with", {}).get("persist-credentials") is not False
        if action.startswith("actions/checkout@") and keeps:
            yield "a token lies about"
        if "${{" in step.get("run", ""):
            yield "what others write runs as shell"


def _holes_of_release(jobs: Mapping[str, Any]) -> Iterator[str]:
    """Yield ways by which something else could run in the cluster than was pushed."""
    push, deploy = jobs["push"], jobs["deploy"]
    if not isinstance(deploy.get("environment"), str):
        yield "deploy: no environment whose owners approve"
    if deploy.get("needs") != "push":
        yield "deploy: it does not wait for the images"
    if push.get("permissions", {}).get("packages") != "write":
        yield "push: it cannot"
    kept = [one for one in push["steps"] if "upload-artifact" in one.get("uses", "")]
    (released,) = [one for one in deploy["steps"] if one.get("run") == "scripts/deploy"]
    had = [one for one in deploy["steps"] if "download-artifact" in one.get("uses", "")]
    place = released["env"].get("PUSHED")
    if not kept or not had or had[0]["with"]["path"] != place:
        yield "deploy: what runs is not what was pushed, by its digest"
    writes = [
        name for name, job in jobs.items() if "write" in str(job.get("permissions"))
    ]
    if writes != ["push"]:
        yield "more than one job may write"


def swapped(old: str, new: str) -> str:
    """Return the pipeline with another text in it.

    Args:
        old: What is there.
        new: What takes its place.
    """
    text = FILES[0].read_text("utf-8")
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize("file", FILES, ids=lambda one: one.name)
def test_pipeline_has_no_hole(file: Path) -> None:
    """None of what is looked for is there."""
    assert list(holes(file.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("old", "new", "hole"),
    [
        ("  pull_request:\n", "  pull_request_target:\n", "pull_request_target"),
        ("    branches: [main]\n", "    branches: [main, x]\n", "any branch"),
        ("permissions:\n  contents: read\n", "permissions: write-all\n", "more rights"),
        ("      packages: write", "      id-token: write", "does not need"),
        ("contents: read\n      p", "contents: write\n      p", "to the repository"),
        (f"    if: {ON_MAIN}\n", "", "a pull request reaches secrets"),
        (f"    if: {ON_MAIN}\n", "    if: always()\n", "may write for a pull request"),
        ("@11bd71901bbe5b1630ceea73d27597364c9af683", "@v4", "another one tomorrow"),
        ("persist-credentials: false", "persist-credentials: true", "a token lies"),
        ('build "$SERVICE" --r', "build ${{ github.head_ref }} --r", "runs as shell"),
        ("    environment: staging", "    # staging", "no environment"),
        ("    needs: push\n", "    needs: images\n", "wait for the images"),
        ("          PUSHED: pushed\n", "", "by its digest"),
        ("actions/upload-artifact", "actions/cache", "by its digest"),
        ("    timeout-minutes: 60\n", "", "for ever"),
    ],
)  # fmt: skip
def test_each_hole_is_seen(old: str, new: str, hole: str) -> None:
    """A pipeline with one of them fails."""
    found = list(holes(swapped(old, new)))

    assert any(hole in one for one in found), found


def test_release_runs_the_digests_that_are_there() -> None:
    """The script hands them on."""
    assert '${PUSHED:+--pushed "$PUSHED"}' in (ROOT / "scripts/deploy").read_text()
