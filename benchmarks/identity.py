"""What it costs to know who calls: our gate beside PyJWT and beside not asking.

    venv/bin/python benchmarks/identity.py [--rounds 5]

All are measured in one run, turn by turn; the medians and their ratios are printed.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable

import jwt

from fleetwright import Settings
from fleetwright._context import from_headers
from fleetwright.auth import Gate, allow
from fleetwright.auth._access import access_of
from fleetwright.auth._keys import FixedKeys
from fleetwright.testing import FakeIssuer

CALLS = 2_000
HEADERS = [
    (b"host", b"127.0.0.1:8002"),
    (b"accept", b"application/json"),
    (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    (b"fleet-call-id", b"0af7651916cd43dd8448eb211c80319c"),
    (b"fleet-caller", b"storefront"),
    (b"fleet-deadline-ms", b"1900"),
]


async def main(rounds: int) -> None:
    """Measure and print.

    Args:
        rounds: How often each is measured.
    """
    issuer = FakeIssuer()
    settings = Settings(auth_issuer=issuer.url)
    gate = Gate("orders", settings, keys=FixedKeys(issuer.document()))
    key = jwt.PyJWK(issuer.document()["keys"][0])
    access = access_of(allow("storefront")(lambda: None))
    assert access is not None
    token = issuer.token("orders", caller="storefront")
    shown = [*HEADERS, (b"authorization", f"Bearer {token}".encode())]
    many = [issuer.token("orders", caller="storefront") for _ in range(CALLS * rounds)]

    async def nobody() -> None:
        for _ in range(CALLS):
            from_headers(HEADERS, "orders")

    async def again() -> None:
        for _ in range(CALLS):
            call, _ = from_headers(shown, "orders")
            call = await gate.identified(call, shown)
            assert call.principal is not None
            assert gate.admits(access, call.principal)

    async def anew() -> None:
        for _ in range(CALLS):
            one = [*HEADERS, (b"authorization", f"Bearer {many.pop()}".encode())]
            call, _ = from_headers(one, "orders")
            assert (await gate.identified(call, one)).principal is not None

    async def bare() -> None:
        for _ in range(CALLS):
            from_headers(shown, "orders")
            jwt.decode(
                token, key, ["EdDSA"], audience="orders", issuer=issuer.url, leeway=60
            )

    ways: dict[str, Callable[[], Awaitable[None]]] = {
        "nobody is asked": nobody,
        "the gate, a token seen before": again,
        "the gate, a new token": anew,
        "PyJWT, each time": bare,
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            await way()
            took[name].append((time.perf_counter() - began) / CALLS * 1e6)
    medians = {name: statistics.median(times) for name, times in took.items()}
    least = medians["nobody is asked"]
    print(f"{CALLS} calls a turn, {rounds} turns each; medians")
    for name, microseconds in medians.items():
        print(f"{name:32} {microseconds:8.1f} us  +{microseconds - least:7.1f} us")
    ours = medians["the gate, a token seen before"] - least
    ratio = (medians["PyJWT, each time"] - least) / ours
    print(f"PyJWT each time costs {ratio:.0f} times what the gate adds to a call")
    print(json.dumps({name: round(it, 2) for name, it in medians.items()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What it costs to know who calls.")
    parser.add_argument("--rounds", type=int, default=5)
    asyncio.run(main(parser.parse_args().rounds))
