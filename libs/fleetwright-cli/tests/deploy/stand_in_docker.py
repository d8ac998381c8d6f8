"""A client of Docker without an engine: says what a file says, fails as it says.

Run with `-S`: only the standard library, so that a call costs little.
"""

import json
import os
import sys
from pathlib import Path

HOME = Path(os.environ["STAND_IN"])


def main() -> int:
    """Answer one call."""
    words = sys.argv[1:]
    with (HOME / "calls.jsonl").open("a") as memory:
        memory.write(json.dumps({"words": " ".join(words), "objects": []}) + "\n")
    facts = json.loads((HOME / "facts.json").read_text())
    for start, why in facts.get("refuses", {}).items():
        if start in " ".join(words):
            sys.stderr.write(f"{why}\n")
            return 1
    for start, said in facts.get("says", {}).items():
        if " ".join(words).startswith(start):
            sys.stdout.write(said)
            return 0
    if words[0] == "version":
        sys.stdout.write(facts.get("version", "27.1.0") + "\n")
    if words[0] == "push":
        sys.stdout.write(f"tag: digest: sha256:{'a' * 64} size: 1\n")
    if words[:2] in (["image", "inspect"], ["manifest", "inspect"]):
        return 0 if words[-1] in facts.get("has", ()) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
