"""The torture can be run, holds, and notices a broken promise: small ones."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tortured.audit import Found, compare
from tortured.plan import crash_points

ROOT = Path(__file__).resolve().parent.parent
TORTURE = (sys.executable, str(ROOT / "benchmarks" / "torture.py"))


def torture(*words: str) -> tuple[int, Any]:
    """Return the exit code and the JSON answer of the command."""
    done = subprocess.run(
        [*TORTURE, *words, "--seed", "7", "--json"],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def test_no_death_breaks_the_promise() -> None:
    """Processes die, are paused, have wrong clocks: every effect once, in order."""
    code, told = torture("--events", "400", "--kills", "12")

    assert code == 0, json.dumps(told, indent=2)
    assert told[0]["events"] >= 400
    assert sum(told[0]["deaths"].values()) >= 12
    assert told[0]["counts"]["handled"] >= 400
    assert told[0]["counts"]["rolled_back"] > 0


def test_missing_inbox_is_noticed() -> None:
    """A library that is broken on purpose does not pass."""
    code, told = torture("--events", "400", "--kills", "16", "--broken", "no-inbox")

    assert code == 0, json.dumps(told, indent=2)
    assert told[0]["found"]["doubled"] > 0


def test_interrupted_torture_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C ends every process and says where the traces are."""
    # Whoever runs the tests in the background has Ctrl-C ignored, children included.
    words = ["env", "--default-signal=INT", *TORTURE, "--events", "100000"]
    words += ["--keep", str(tmp_path)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        while "placed" not in (line := running.stderr.readline()):
            assert line
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()

    assert running.returncode == 130
    assert "nothing runs on" in said
    ends = time.monotonic() + 60
    while (left := players(tmp_path)) and time.monotonic() < ends:
        os.sched_yield()
    assert left == []


def players(folder: Path) -> list[str]:
    """Return the processes that know a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words:
            found.append(words.replace(b"\0", b" ").decode())
    return found


PLACED = [("t1", "k", 1, 0), ("t2", "k", 2, 0), ("t3", "k", 3, 0), ("d", "k", 1, 1)]


def audited(*effects: tuple[str, int, str], dead: set[str] | None = None) -> Found:
    """Return what the audit says of these effects."""
    found = Found()
    compare(found, "payments", PLACED, effects, {"d"} if dead is None else dead)
    return found


def test_audit_names_what_is_wrong() -> None:
    """Lost, doubled, disordered, invented, and dead without reason: each is counted."""
    first, second, third = ("k", 1, "t1"), ("k", 2, "t2"), ("k", 3, "t3")

    assert audited(first, second, third).ok
    assert audited(first, third).lost == 1
    assert audited(first, second, third, third).doubled == 1
    assert audited(first, third, second).disordered == 1
    assert audited(first, second, third, ("k", 4, "t4")).invented == 1
    assert audited(first, second, third, dead={"d", "t3"}).wrongly_dead == 1
    assert audited(first, second, third, dead=set()).wrongly_dead == 1


def test_crash_points_are_found_in_the_source() -> None:
    """A new place to die at is hit without being listed anywhere."""
    points = crash_points("embedded")

    assert {"producer.before_commit", "relay.after_publish"} <= set(points)
    assert {"consumer.after_commit", "consumer.after_park"} <= set(points)
