"""Sends one order through a running shop and waits until it is paid.

    python3 scripts/order.py [--catalog URL --orders URL --issuer URL] [--seconds 60]

The shop that `fleet up` runs is found by its map; elsewhere name the three, and give
the secret of the issuer's client `fleet` in FLEET_CLIENT_SECRET.

Exits 0 when the order was paid or refused with a reason, 1 when it was not decided in
time or the shop did not answer. Only the standard library is used.
"""

import argparse
import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

RUN = Path(__file__).resolve().parent.parent / ".fleet" / "run"
LAMP = {"name": "WHITE METAL LANTERN", "price_pence": 339}


def ask(
    method: str,
    url: str,
    token: str,
    body: object = None,
    key: str | None = None,
) -> Any:
    """Return the JSON answer of one call.

    Args:
        method: The HTTP method.
        url: Where to.
        token: What proves who we are.
        body: What to send, as JSON; nothing when None.
        key: The call's Idempotency-Key, if it has one.

    Returns:
        The decoded answer.

    Raises:
        OSError: The shop did not answer, or answered with an error.
    """
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {token}",
    }
    if key is not None:
        headers["Idempotency-Key"] = key
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def token_for(service: str, issuer: str, secret: str, scope: str) -> str:
    """Return a token with which a clerk may call a service.

    Args:
        service: Who is to be called.
        issuer: The issuer's URL.
        secret: The secret of its client `fleet`.
        scope: What the token is to be good for.

    Returns:
        The token.

    Raises:
        OSError: The issuer did not answer, or gives none.
    """
    form = {
        "grant_type": "client_credentials",
        "audience": service,
        "subject": "order-script",
        "scope": scope,
        "roles": "clerk",
    }
    pair = base64.b64encode(f"fleet:{secret}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310
        f"{issuer}/token", urlencode(form).encode(), {"Authorization": f"Basic {pair}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return str(json.load(answer)["access_token"])


def place(urls: dict[str, str], secret: str, seconds: float) -> dict[str, Any]:
    """Return the order once it is decided, or as it stands when time is up.

    Args:
        urls: Of catalog, orders and issuer.
        secret: The secret of the issuer's client `fleet`.
        seconds: How long to wait for the decision, in seconds.
    """
    catalog, orders, issuer = urls["catalog"], urls["orders"], urls["issuer"]
    shown = token_for("catalog", issuer, secret, "catalog:write")
    ask("PUT", f"{catalog}/v1/products/71053", shown, LAMP)
    shown = token_for("orders", issuer, secret, "orders:write orders:read")
    key = str(uuid.uuid4())
    order: dict[str, Any] = ask(
        "POST",
        f"{orders}/v1/orders",
        shown,
        {
            "reference": key,
            "customer_id": "17850",
            "country": "United Kingdom",
            "lines": [{"sku": "71053", "quantity": 6}],
        },
        key,
    )
    until = time.monotonic() + seconds
    while order["status"] == "accepted" and time.monotonic() < until:
        time.sleep(0.1)
        order = ask("GET", f"{orders}/v1/orders/{order['id']}", shown)
    return order


def kept(name: str) -> dict[str, str]:
    """Return what `fleet up` keeps about its run; nothing where none has run.

    Args:
        name: The file.
    """
    try:
        found: dict[str, str] = json.loads((RUN / name).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def main() -> int:
    """Place the order the command line asks for and say how it ended."""
    parser = argparse.ArgumentParser(description="Send one order through the shop.")
    known = kept("map.json")
    for name in ("catalog", "orders", "issuer"):
        parser.add_argument(f"--{name}", default=known.get(name), metavar="URL")
    parser.add_argument("--seconds", type=float, default=60.0)
    words = parser.parse_args()
    urls = {name: getattr(words, name) for name in ("catalog", "orders", "issuer")}
    secret = os.environ.get("FLEET_CLIENT_SECRET") or kept("clients.json").get("fleet")
    if secret is None or None in urls.values():
        sys.stderr.write("no shop is known here\nhint: start it with `./fleet up`\n")
        return 1
    try:
        order = place(urls, secret, words.seconds)
    except (OSError, ValueError) as error:
        detail = (
            error.read().decode() if isinstance(error, urllib.error.HTTPError) else ""
        )
        sys.stderr.write(f"the shop did not take the order: {error} {detail}\n")
        sys.stderr.write("hint: start it with `./fleet up` or `docker-compose up`\n")
        return 1
    sys.stdout.write(f"order {order['id']} is {order['status']}\n")
    return 1 if order["status"] == "accepted" else 0


if __name__ == "__main__":
    sys.exit(main())
