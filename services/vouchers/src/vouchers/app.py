"""Where vouchers is put together: a small Flask application."""

from flask import Flask

from fleetwright import Service
from fleetwright.database import Database
from fleetwright.events import Outbox, connect
from fleetwright.flask import mount
from fleetwright.idempotency import KeptAnswers
from fleetwright.resilience import CircuitBreaker, Pipeline, Retry, Timeout
from fleetwright.rest import rest
from vouchers.api import api
from vouchers.clients import Orders
from vouchers.settings import VouchersSettings


def create_app(settings: VouchersSettings | None = None) -> Flask:
    """Return the vouchers service, ready to be served.

    Args:
        settings: What to run with; read from the environment when None.

    Returns:
        The application, with probes, problems and life cycle mounted.
    """
    settings = settings or VouchersSettings.load()
    database = Database(settings.database_url, migrations="vouchers.migrations")
    broker = connect(settings.broker_url)
    # Half of the time for one attempt: one that hangs leaves time for another. A
    # circuit that is open is probed again within 4 s.
    desk = Pipeline(
        "orders",
        Timeout(settings.orders_seconds),
        Retry(attempts=3),
        CircuitBreaker(open_seconds=1.0, longest_open_seconds=4.0),
        Timeout(settings.orders_seconds / 2),
    )

    service = Service("vouchers", settings)
    service.add(database)
    service.add(KeptAnswers(database))
    service.add(broker)
    service.add(rest(Orders, provider="orders", pipeline=desk))
    service.add(Outbox(database, broker))

    app = Flask(__name__, static_folder=None)
    app.register_blueprint(api)
    return mount(app, service)
