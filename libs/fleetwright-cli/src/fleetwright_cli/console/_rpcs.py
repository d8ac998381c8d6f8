"""A call over gRPC by hand: made by the service's own environment, which knows how."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.console._site import Site
from fleetwright_cli.local._bus import asked

METHOD = "GRPC"
MODULE = "fleetwright.grpc.call"
INFO_SECONDS = 2.0
MOST_BYTES = 1_000_000
ANSWER_SECONDS = 45.0  # the call itself gives up after 30


def operations(site: Site, service: str) -> list[dict[str, Any]]:
    """Return the methods that a service says it answers, as the explorer lists them.

    Args:
        site: The fleet.
        service: Whose; one that does not run, or answers no gRPC, has none.
    """
    try:
        url = f"{site.urls()[service]}/info"
        # The supervisor itself wrote down where its services are.
        with urllib.request.urlopen(url, None, INFO_SECONDS) as info:  # noqa: S310
            told = json.loads(info.read(MOST_BYTES))["parts"]["RpcServer"]
        requests = told.get("requests", {})
        return [
            {
                "method": METHOD,
                "path": str(path),
                "summary": "",
                "body": json.dumps(requests.get(path, {}), indent=2),
            }
            for path in told["methods"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def sent(
    site: Site, service: str, path: str, body: str, metadata: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a service answers to one call over gRPC.

    Args:
        site: The fleet.
        service: Whom to call.
        path: The method: `/shop.stock.v1.Stock/Hold`.
        body: The message, as JSON.
        metadata: What is sent beside it.

    Raises:
        FleetError: It does not listen for gRPC, or the call cannot be made.
        ValueError: The body is no JSON.
    """
    url = site.urls().get(f"{service}.grpc")
    if url is None:
        raise FleetError(
            f"{service} does not answer gRPC", hint="choose another method"
        )
    given = {"message": json.loads(body or "{}"), "metadata": dict(metadata)}
    [one] = asked(site.fleet, [site.fleet.services[service]])
    address = url.partition("://")[2]
    began = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603 - the service's own interpreter
            [one.python, "-m", MODULE, address, path],
            cwd=one.folder,
            env=dict(one.environment),
            input=json.dumps(given).encode(),
            capture_output=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FleetError(f"{service} did not answer") from None
    if done.returncode:
        raise _failed(done.stderr.decode("utf-8", "replace"))
    answer = json.loads(done.stdout)
    kept = "message" if answer["status"] == 200 else "problem"
    words = {"code": answer["code"], "detail": answer.get("detail")}
    return {
        "status": answer["status"],
        "headers": {"grpc-status": answer["code"]},
        "body": json.dumps(answer.get(kept) or words),
        "milliseconds": round(1000 * (time.monotonic() - began), 1),
    }


def _failed(said: str) -> FleetError:
    """Return what the command told as an error of ours."""
    lines = said.rpartition(f"{MODULE}: ")[2].strip().splitlines() or [said]
    hints = [it.removeprefix("hint: ") for it in lines if it.startswith("hint: ")]
    return FleetError(lines[0], hint="\n".join(hints))
