"""Two processes of stock on one PostgreSQL: units are held once, whoever is asked."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fleetwright.grpc import stub
from fleetwright.resilience import Pipeline, Retry, Timeout
from shop_stock.stock_pb2 import CountsRequest, HoldRequest, ReleaseRequest, Units
from shop_stock.stock_pb2_grpc import StockStub

FOLDER = Path(__file__).resolve().parent.parent / "services" / "stock"
START_SECONDS = 60.0
OPENING_UNITS = 30
SKUS = ("tea", "milk", "soap", "salt", "rice")


def free_ports(count: int) -> list[int]:
    """Return ports nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


@pytest.fixture
def stocks(postgres_url: str, tmp_path: Path) -> Iterator[list[StockStub]]:
    """Return clients of two processes that share a database; both must end with 0."""
    ports = free_ports(4)
    processes = []
    for http_port, grpc_port in (ports[:2], ports[2:]):
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(FOLDER / "src"),
            "PORT": str(http_port),
            "GRPC_PORT": str(grpc_port),
            "AUTH": "off",
            "ENVIRONMENT": "test",
            "DATABASE_URL": postgres_url,
            "BROKER_URL": f"embedded:///{tmp_path / 'broker.db'}",
            "OPENING_UNITS": str(OPENING_UNITS),
        }
        run = [sys.executable, "-m", "fleetwright.serve", "stock.app:create_app"]
        with (tmp_path / f"{http_port}.log").open("wb") as log:
            processes.append(
                subprocess.Popen(
                    [*run, "--migrate"],
                    cwd=tmp_path,
                    env=environment,
                    stdout=log,
                    stderr=log,
                )
            )
    try:
        for process, http_port in zip(processes, ports[::2], strict=True):
            wait_until_ready(process, http_port, tmp_path)
        yield [client_of(port) for port in ports[1::2]]
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(60) for process in processes]
    assert codes == [0, 0]


def client_of(port: int) -> StockStub:
    """Return a client that waits for its turn however busy the machine is."""
    patient = Pipeline("stock", Timeout(60), Retry(attempts=5))
    url = f"http://127.0.0.1:{port}"
    return stub(StockStub, provider="stock", url=url, pipeline=patient)


def wait_until_ready(process: Any, port: int, folder: Path) -> None:
    """Ask until it is ready; one that has ended is an error."""
    for _ in range(int(START_SECONDS / 0.1)):
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            pass
        else:
            pytest.fail((folder / f"{port}.log").read_text()[-3000:])
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            continue
    pytest.fail(f"not ready: {(folder / f'{port}.log').read_text()[-3000:]}")


async def test_two_processes_hold_every_unit_once(stocks: list[StockStub]) -> None:
    """Random holds and releases at once, each sent to both: not a unit is lost."""
    dice = random.Random(7)  # noqa: S311 - a test draws, nobody guesses
    requests = [
        HoldRequest(
            hold_id=str(number),
            lines=[
                Units(sku=sku, quantity=dice.randint(1, 4))
                for sku in dice.sample(SKUS, dice.randint(1, len(SKUS)))
            ],
        )
        for number in range(60)
    ]

    async def one(request: HoldRequest) -> bool:
        asked = [stock.Hold(request) for stock in stocks]
        answers = {reply.held for reply in await asyncio.gather(*asked)}
        if answers == {True} and int(request.hold_id) % 3 == 0:
            free = ReleaseRequest(hold_id=request.hold_id)
            await dice.choice(stocks).Release(free)
            return False
        return True in answers

    places = asyncio.Semaphore(12)

    async def in_turn(request: HoldRequest) -> bool:
        async with places:
            return await one(request)

    held = await asyncio.gather(*map(in_turn, requests))
    counts = (await stocks[0].Counts(CountsRequest(skus=SKUS))).counts
    for client in stocks:
        part: Any = client
        await part.__part__.close()

    due = dict.fromkeys(SKUS, 0)
    for request, is_held in zip(requests, held, strict=True):
        for line in request.lines if is_held else ():
            due[line.sku] += line.quantity
    assert {it.sku: it.held for it in counts} == due
    for it in counts:
        assert it.received == OPENING_UNITS == it.on_hand + it.held
        assert it.on_hand >= 0
