"""A kubectl without a cluster: writes down what it is told, answers from a file.

Run with `-S`: only the standard library, so that a call costs little.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

HOME = Path(os.environ["STAND_IN"])
OBJECT = re.compile(r"^kind: (\w+)\nmetadata:\n(?:  name: (\S+))", re.MULTILINE)


def main() -> int:
    """Answer one call."""
    words = sys.argv[1:]
    namespace, words = words[1], words[2:]
    objects = []
    if "--filename" in words:
        objects = [f"{kind}/{name}" for kind, name in OBJECT.findall(sys.stdin.read())]
    with (HOME / "calls.jsonl").open("a") as memory:
        said = {"words": " ".join(words), "objects": objects, "namespace": namespace}
        memory.write(json.dumps(said) + "\n")
    return answer(words, json.loads((HOME / "facts.json").read_text()))


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{text}\n")


def answer(words: list[str], facts: dict[str, Any]) -> int:
    """Say what the facts are, and return the exit code."""
    refused = facts.get("refuses", {})
    for start, why in refused.items():
        if " ".join(words).startswith(start):
            # What it refuses from then on.
            facts["refuses"] = refused | facts.get("after", {}).get(start, {})
            (HOME / "facts.json").write_text(json.dumps(facts))
            sys.stderr.write(f"{why}\n")
            return 1
    if words[:2] == ["get", "secret"]:
        keys = facts.get("secrets", {}).get(words[2])
        if keys is not None:
            say(json.dumps({"data": dict.fromkeys(keys, "eA==")}))
    elif words[:2] == ["get", "job"]:
        state = facts.get("jobs", {}).get(words[2], "Complete")
        conditions = [{"type": state, "status": "True"}]
        say(json.dumps({"status": {"conditions": conditions}}))
    elif words[:2] == ["get", "--filename"]:
        say(json.dumps({"kind": "List", "items": facts.get("found", [])}))
    elif words[:2] == ["get", "deployments,pods"]:
        say(json.dumps({"items": facts.get("troubles", [])}))
    elif words[0] == "logs":
        say("relation orders already exists")
    return 0


if __name__ == "__main__":
    sys.exit(main())
