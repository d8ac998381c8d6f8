"""Sends one order through a running shop and waits until it is paid.

    python3 scripts/order.py [--catalog URL] [--orders URL] [--seconds 60]

Exits 0 when the order was paid or refused with a reason, 1 when it was not decided in
time or the shop did not answer. Only the standard library is used.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

LAMP = {"name": "WHITE METAL LANTERN", "price_pence": 339}


def ask(method: str, url: str, body: object = None, key: str | None = None) -> Any:
    """Return the JSON answer of one call.

    Args:
        method: The HTTP method.
        url: Where to.
        body: What to send, as JSON; nothing when None.
        key: The call's Idempotency-Key, if it has one.

    Returns:
        The decoded answer.

    Raises:
        OSError: The shop did not answer, or answered with an error.
    """
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def place(catalog: str, orders: str, seconds: float) -> dict[str, Any]:
    """Return the order once it is decided, or as it stands when time is up.

    Args:
        catalog: The catalog's URL.
        orders: The orders service's URL.
        seconds: How long to wait for the decision, in seconds.
    """
    ask("PUT", f"{catalog}/v1/products/71053", LAMP)
    key = str(uuid.uuid4())
    order: dict[str, Any] = ask(
        "POST",
        f"{orders}/v1/orders",
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
        order = ask("GET", f"{orders}/v1/orders/{order['id']}")
    return order


def main() -> int:
    """Place the order the command line asks for and say how it ended."""
    parser = argparse.ArgumentParser(description="Send one order through the shop.")
    parser.add_argument("--catalog", default="http://127.0.0.1:8000")
    parser.add_argument("--orders", default="http://127.0.0.1:8002")
    parser.add_argument("--seconds", type=float, default=60.0)
    words = parser.parse_args()
    try:
        order = place(words.catalog, words.orders, words.seconds)
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
