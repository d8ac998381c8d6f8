"""Stands in for `docker` and `docker-compose` where no engine may run.

`state.json` beside it says what goes wrong; `up` and `down` are remembered there.
"""

import json
import sys
from pathlib import Path

HERE = Path(sys.argv[0]).resolve().parent
STATE = json.loads((HERE / "state.json").read_text("utf-8"))


def compose(words: list[str]) -> int:
    """Do what compose is asked, after its options."""
    if words[0] == "build":
        return int(words[1] in STATE.get("unbuildable", []))
    STATE["runs"] = words[0] == "up" or STATE.get("stuck", False)
    (HERE / "state.json").write_text(json.dumps(STATE), "utf-8")
    return 0


def docker(words: list[str]) -> int:
    """Do what docker is asked."""
    if words[0] == "version":
        return int(STATE.get("away", False))
    if words[0] == "build":
        return int(STATE.get("plugin_missing", False))
    if words[0] == "ps" and STATE.get("runs"):
        label = "com.docker.compose.service=billing"
        sys.stdout.write(json.dumps({"ID": "c1", "Labels": f"a=b,{label}"}) + "\n")
    if words[0] == "inspect":
        health = {"Health": {"Status": STATE.get("health", "healthy")}}
        facts = {
            "Config": {"User": STATE.get("user", "10001:10001")},
            "Image": "i1",
            "State": {"Running": True, **health},
            "Size": STATE.get("bytes", 100_000_000),
        }
        sys.stdout.write(json.dumps([facts]))
    return 0


if __name__ == "__main__":
    is_compose = Path(sys.argv[0]).name == "docker-compose"
    sys.exit(compose(sys.argv[5:]) if is_compose else docker(sys.argv[1:]))
