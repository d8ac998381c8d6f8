"""How long `fleet check` takes on fleets of 10, 100 and 1,000 services: cold, and warm.

Usage: python benchmarks/check.py [SERVICES ...] [--runs N]

Each fleet is made in a folder of its own, in git, and keeps the standard. Cold is a run
without the cache of parsed files, warm one right after it; both are whole processes, as
typed. Prints one line a fleet, with the CPU of all processes, which tells more than the
wall clock where others work on the machine; exits 1 when a budget is missed:

  100 services: cold below 2 s, warm below 0.5 s, at most 15 times the time of 10
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from fleetwright_cli.standard._examples import files_of

ROOT = Path(__file__).resolve().parent.parent
FLEET = ROOT / "libs" / "fleetwright-cli" / "tests" / "standard" / "fleet.txt"
MODULES = 10
FUNCTIONS = 8
COLD_SECONDS = 2.0
WARM_SECONDS = 0.5
MOST_TIMES = 15.0
LARGE = 100


def module(service: str, number: int) -> str:
    """Return a module of a service: some functions with docstrings and calls."""
    parts = [f'"""Part {number} of {service}."""\n\nimport logging\n']
    parts.append(f'log = logging.getLogger("part.{number}")\n')
    parts += [f"""

def step_{one}(amounts: list[int], factor: int = {one + 1}) -> int:
    \"\"\"Return the sum of amounts, each times a factor.

    Args:
        amounts: In cents.
        factor: How often each counts.

    Returns:
        Cents.
    \"\"\"
    total = 0
    for amount in amounts:
        if amount > factor:
            total += amount * factor
    log.info("step.done", extra={{"total_cents": total, "step": {one}}})
    return total
""" for one in range(FUNCTIONS)]
    return "".join(parts)


def services(count: int) -> Iterator[tuple[str, str]]:
    """Yield the files of a fleet of many services, all of them after `billing`."""
    small = {
        path: text or "" for path, text in files_of(FLEET.read_text("utf-8")).items()
    }
    names = [f"service-{number:03}" for number in range(count)]
    for path, text in small.items():
        if not path.startswith("services/"):
            yield path, text
    for name in names:
        package, folder = name.replace("-", "_"), f"services/{name}"
        for path, text in small.items():
            if path.startswith("services/"):
                own = path.replace("/src/billing/", f"/src/{package}/")
                text = text.replace("services/billing", folder)
                own = own.replace("services/billing", folder)
                yield own, text.replace("from billing", f"from {package}")
        for number in range(MODULES):
            part = f"{folder}/src/{package}/part_{number}.py"
            yield part, module(name, number)
    builds = "    build: {{context: ., dockerfile: services/{name}/Dockerfile}}\n"
    builds += (
        "    environment: {{OTEL_EXPORTER_OTLP_ENDPOINT: http://collector:4318}}\n"
    )
    compose = "".join(f"  {name}:\n{builds.format(name=name)}" for name in names)
    yield "docker-compose.yml", f"services:\n{compose}"
    jobs = f'up{{job=~"{"|".join(names)}"}} == 0'
    rules = f"      - alert: ServiceIsDown\n        expr: {jobs}\n"
    yield "deploy/alerts.yml", f"groups:\n  - name: services\n    rules:\n{rules}"
    yield "README.md", "# Shop\n\n" + "\n".join(f"- {name}" for name in names)
    pipeline = small[".github/workflows/ci.yml"]
    yield ".github/workflows/ci.yml", pipeline.replace("[billing]", json.dumps(names))


def make(root: Path, count: int) -> int:
    """Write a fleet and put it into git; return how many lines it has."""
    lines = 0
    for name, text in services(count):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if text.startswith("#!"):
            path.chmod(0o755)
        lines += text.count("\n")
    (root / ".gitignore").write_text("venv/\n.env\n.fleet/\n", encoding="utf-8")
    for words in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    return lines


def spent() -> float:
    """Return the CPU seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(root: Path) -> tuple[float, float]:
    """Return the seconds of one check, and its CPU; it must find nothing."""
    began, before = time.perf_counter(), spent()
    done = subprocess.run(
        [sys.executable, "-m", "fleetwright_cli", "check"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"the fleet does not comply:\n{done.stdout}{done.stderr}")
    return took, spent() - before


def measured(count: int, runs: int) -> tuple[float, float]:
    """Return the seconds of a cold and a warm check, medians; print a line."""
    with tempfile.TemporaryDirectory(prefix="fleet-check-") as folder:
        root = Path(folder)
        lines = make(root, count)
        cold, warm = [], []
        for _ in range(runs):
            shutil.rmtree(root / ".fleet", ignore_errors=True)
            cold.append(timed(root))
            warm.append(timed(root))
    first, second = (median(one[0] for one in each) for each in (cold, warm))
    cpu = tuple(median(one[1] for one in each) for each in (cold, warm))
    size = f"{count:5} services, {lines:7} lines"
    seconds = f"cold {first:6.2f} s, warm {second:6.2f} s"
    print(f"{size}: {seconds}; CPU {cpu[0]:6.2f} and {cpu[1]:6.2f} s")
    return first, second


def main() -> int:
    """Measure, and hold the figures to their budgets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("services", nargs="*", type=int, default=[10, LARGE, 1000])
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    took = {count: measured(count, given.runs) for count in given.services}
    missed = []
    if LARGE in took:
        cold, warm = took[LARGE]
        missed += [f"cold {cold:.2f} s"] if cold > COLD_SECONDS else []
        missed += [f"warm {warm:.2f} s"] if warm > WARM_SECONDS else []
        if 10 in took and cold > MOST_TIMES * took[10][0]:
            missed.append(f"{cold / took[10][0]:.1f} times the time of 10")
    for one in missed:
        print(f"budget missed: {one}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
