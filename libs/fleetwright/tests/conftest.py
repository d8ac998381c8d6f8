"""What the tests of the runtime share: real servers, and logging put back."""

import logging
import os
import sys
from collections.abc import Iterator

import pytest
from servers import OwnServer, given, own_database, own_server, own_vhost

from fleetwright import _logs


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Give the URL of an empty PostgreSQL database that nobody else uses.

    It is made on the server `TEST_POSTGRES_URL` names, else on one that is started.
    """
    url = os.environ.get("TEST_POSTGRES_URL")
    if url:
        with own_database(url) as database:
            yield database
        return
    with own_server("postgres") as server:
        yield server.url


@pytest.fixture(scope="session")
def rabbit_url() -> Iterator[str]:
    """Give the URL of an empty virtual host of the RabbitMQ at `TEST_RABBIT_URL`."""
    with own_vhost(given("TEST_RABBIT_URL", "RabbitMQ")) as url:
        yield url


@pytest.fixture(scope="session")
def kafka_url() -> str:
    """Give the URL of the Kafka at `TEST_KAFKA_URL`; topics are the test's to name."""
    return given("TEST_KAFKA_URL", "Kafka")


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[OwnServer]:
    """Give a PostgreSQL that the test may kill."""
    with own_server("postgres") as server:
        yield server


@pytest.fixture(scope="module")
def own_rabbit() -> Iterator[OwnServer]:
    """Give a RabbitMQ that the test may kill."""
    with own_server("rabbit") as server:
        yield server


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[OwnServer]:
    """Give a Kafka that the test may kill."""
    with own_server("kafka") as server:
        yield server


@pytest.fixture(scope="module")
def logs_put_back() -> Iterator[None]:
    """Put logging back as it was, where a test has the library set it up."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    _logs.tear_down()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, module in tuple(sys.modules.items()):
        if not name.startswith("fleetwright."):
            continue
        for log in ("_log", "log"):
            if hasattr(module, log):  # it remembers where it wrote
                vars(getattr(module, log)).pop("bind", None)
