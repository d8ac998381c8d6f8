"""What a guarded call costs over gRPC and over HTTP, side by side in one run.

    venv/bin/python benchmarks/grpc_calls.py [--calls 2000] [--at-once 16] [--rounds 5]

One process answers both with the same few bytes, this one calls with the library's own
clients. Prints the CPU time of both processes together for one call, in microseconds:
the median of interleaved rounds, and the ratio of the two.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from fastapi import FastAPI
from pydantic import BaseModel

from fleetwright import Service
from fleetwright.fastapi import mount
from fleetwright.grpc import GrpcSettings, serve, stub
from fleetwright.rest import post, rest
from shop_stock.stock_pb2 import HoldReply, HoldRequest, Units
from shop_stock.stock_pb2_grpc import (
    StockServicer,
    StockStub,
    add_StockServicer_to_server,
)

TICKS_A_SECOND = 100  # of /proc/PID/stat, on every Linux we run on
HTTP_PORT, GRPC_PORT = 21391, 21392


class Line(BaseModel):
    """Units of one product."""

    sku: str
    quantity: int


class Hold(BaseModel):
    """The same request as in the .proto."""

    hold_id: str
    lines: list[Line]


class Held(BaseModel):
    """The same reply as in the .proto."""

    held: bool


class Shelf(Protocol):
    """The same call over HTTP."""

    @post("/v1/holds", idempotent=True)
    async def hold(self, new: Hold) -> Held:
        """Hold units."""
        ...


class Always(StockServicer):
    """Holds whatever is asked, and counts nothing."""

    async def Hold(  # noqa: N802 - as in the .proto
        self, request: HoldRequest, context: object
    ) -> HoldReply:
        """Hold."""
        return HoldReply(held=True)

    Release = Receive = Counts = Hold  # type: ignore[assignment]


def create_app() -> FastAPI:
    """Return a service that answers one call over HTTP and over gRPC."""
    settings = GrpcSettings(
        port=HTTP_PORT, grpc_port=GRPC_PORT, max_in_flight=64, auth="off"
    )
    service = Service("shelf", settings)
    service.add(serve(Always(), add_StockServicer_to_server, port=GRPC_PORT))
    app = FastAPI()

    @app.post("/v1/holds")
    async def hold(new: Hold) -> Held:
        return Held(held=True)

    return mount(app, service)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


async def cost(
    call: Callable[[int], Awaitable[object]], pid: int, calls: int, at_once: int
) -> float:
    """Return the CPU time of one call, in both processes, in microseconds."""
    numbers = iter(range(calls))

    async def caller() -> None:
        for number in numbers:
            await call(number)

    before = time.process_time() + cpu_seconds(pid)
    await asyncio.gather(*(caller() for _ in range(at_once)))
    return (time.process_time() + cpu_seconds(pid) - before) / calls * 1e6


async def measured(pid: int, wanted: argparse.Namespace) -> dict[str, float]:
    """Return the median cost of a call by the name of its protocol."""
    http = rest(Shelf, provider="shelf")
    grpc = stub(StockStub, provider="shelf", url=f"http://127.0.0.1:{GRPC_PORT}")

    async def over_http(number: int) -> object:
        lines = [Line(sku="71053", quantity=6)]
        return await http.hold(Hold(hold_id=str(number), lines=lines))

    async def over_grpc(number: int) -> object:
        lines = [Units(sku="71053", quantity=6)]
        return await grpc.Hold(HoldRequest(hold_id=str(number), lines=lines))

    ways = {"http": over_http, "grpc": over_grpc}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for call in ways.values():
        await cost(call, pid, 300, wanted.at_once)  # connections, caches
    for _ in range(wanted.rounds):
        for name, call in ways.items():
            found[name].append(await cost(call, pid, wanted.calls, wanted.at_once))
    clients: tuple[Any, ...] = (http, grpc)
    for client in clients:
        await client.__part__.close()
    return {name: statistics.median(costs) for name, costs in found.items()}


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description="What a guarded call costs.")
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-m", "fleetwright.serve", "grpc_calls:create_app"],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        for line in server.stdout:
            if "service.ready" in line:
                break
        else:
            sys.exit("the service did not start: see above")
        sink = subprocess.Popen(["cat"], stdin=server.stdout, stdout=subprocess.DEVNULL)
        os.environ["SHELF_URL"] = f"http://127.0.0.1:{HTTP_PORT}"
        found = asyncio.run(measured(server.pid, wanted))
    finally:
        server.terminate()
        server.wait()
    sink.wait()
    for name, microseconds in found.items():
        print(f"{name:5} {microseconds:7.0f} us CPU a call, client and server together")
    print(f"grpc costs {found['grpc'] / found['http']:.2f} of http")
    return 0


if __name__ == "__main__":
    sys.exit(main())
