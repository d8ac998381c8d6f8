"""The alerts of the shop speak of metrics that there are, and of services that are."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference" / "metrics.md"


def expressions() -> list[str]:
    """Return what each alert looks at."""
    document = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text("utf-8"))
    return [rule["expr"] for group in document["groups"] for rule in group["rules"]]


def known() -> set[str]:
    """Return the metrics of the runtime, as Prometheus writes them."""
    rows = re.findall(
        r"^\| `([\w.]+)` \| ([a-z ]+) \| `(\S+)`", REFERENCE.read_text("utf-8"), re.M
    )
    return {
        name.replace(".", "_")
        + ("_seconds" if unit == "s" else "")
        + ("_total" if kind == "counter" else "")
        for name, kind, unit in rows
    }


def test_alerts_look_at_metrics_of_the_runtime() -> None:
    """A metric that is renamed would leave an alert that never rings."""
    used = {
        name for one in expressions() for name in re.findall(r"fleetwright_\w+", one)
    }

    assert used
    assert used <= known()


def test_alerts_look_at_services_that_there_are() -> None:
    """A service that is renamed would not be looked at any more."""
    named = {
        name
        for one in expressions()
        for jobs in re.findall(r'job=~"([^"]+)"', one)
        for name in jobs.split("|")
    }

    assert named == {path.parent.name for path in ROOT.glob("services/*/src")}
