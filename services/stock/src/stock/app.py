"""Where stock is put together."""

from fleetwright import Service
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, connect
from fleetwright.grpc import serve
from shop_stock.stock_pb2_grpc import add_StockServicer_to_server
from stock.api import StockRpc
from stock.events import subscriptions
from stock.expiry import Expiry
from stock.settings import StockSettings
from stock.shelf import Terms


def create_app(settings: StockSettings | None = None) -> Service:
    """Return the stock service, ready to be served.

    Its API is gRPC's; over HTTP it answers probes only.

    Args:
        settings: What to run with; read from the environment when None.
    """
    settings = settings or StockSettings.load()
    database = AsyncDatabase(settings.database_url, migrations="stock.migrations")
    broker = connect(settings.broker_url)
    terms = Terms(settings.opening_units, settings.hold_seconds)

    service = Service("stock", settings)
    service.add(database)
    service.add(broker)
    service.add(Consumer(database, broker, subscriptions))
    service.add(Expiry(database, settings.sweep_seconds))
    service.add(
        serve(
            StockRpc(database, terms),
            add_StockServicer_to_server,
            port=settings.grpc_port,
        )
    )
    return service
