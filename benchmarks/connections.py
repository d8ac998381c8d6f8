"""What a transaction on PostgreSQL costs that never meets a dead connection.

    venv/bin/python benchmarks/connections.py postgresql+asyncpg://me@127.0.0.1/x

Each way runs one small transaction after another, in turn with the others; medians of
the rounds. `bare` is SQLAlchemy as it is: no ping, no limit of time.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence

from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from fleetwright.database import AsyncDatabase

_ROUNDS, _TRANSACTIONS = 9, 200


def ways(url: str) -> dict[str, AsyncEngine]:
    """Return the engines that are compared.

    Args:
        url: Of the database.
    """
    limited = create_async_engine(url, pool_pre_ping=True)

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("set local statement_timeout = 1234")

    event.listen(limited.sync_engine, "begin", begin)
    return {
        "bare": create_async_engine(url),
        "pre-ping": create_async_engine(url, pool_pre_ping=True),
        "pre-ping and a limit": limited,
        "ours": AsyncDatabase(url).engine,
    }


async def timed(engine: AsyncEngine) -> tuple[float, float]:
    """Return the microseconds of one transaction: those that passed, those of CPU.

    Args:
        engine: On which.
    """
    began, worked = time.perf_counter(), time.process_time()
    for _ in range(_TRANSACTIONS):
        async with engine.connect() as connection, connection.begin():
            await connection.execute(text("select 1"))
    passed, spent = time.perf_counter() - began, time.process_time() - worked
    return passed / _TRANSACTIONS * 1e6, spent / _TRANSACTIONS * 1e6


async def compare(url: str) -> None:
    """Print how the ways compare.

    Args:
        url: Of the database.
    """
    engines = ways(url)
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
    for round_ in range(_ROUNDS + 1):
        for name, engine in engines.items():
            figure = await timed(engine)
            if round_:  # the first one warms up
                figures[name].append(figure)
    bare = statistics.median(passed for passed, _ in figures["bare"])
    for name, found in figures.items():
        passed = statistics.median(one for one, _ in found)
        spent = statistics.median(one for _, one in found)
        print(
            f"{name:22} {passed:6.0f} us, {spent:5.0f} us of CPU,"
            f" {passed / bare:.2f} of bare"
        )
    for engine in engines.values():
        await engine.dispose()


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare on the database the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="postgresql+asyncpg://...")
    asyncio.run(compare(parser.parse_args(arguments).url))


if __name__ == "__main__":
    main()
