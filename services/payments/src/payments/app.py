"""Where payments is put together."""

from fastapi import FastAPI

from fleetwright import Service
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Outbox, connect
from fleetwright.fastapi import mount
from fleetwright.idempotency import KeptAnswers
from payments.api import router
from payments.bank import bank
from payments.clients import BankClient
from payments.hearing import hearing
from payments.settings import PaymentsSettings


def create_app(settings: PaymentsSettings | None = None) -> FastAPI:
    """Return the payments service, ready to be served.

    Args:
        settings: What to run with; read from the environment when None.

    Returns:
        The application, with probes, problems and life cycle mounted.
    """
    settings = settings or PaymentsSettings.load()
    database = AsyncDatabase(settings.database_url, migrations="payments.migrations")
    broker = connect(settings.broker_url)
    our_bank = BankClient(bank(settings), call_seconds=settings.bank_seconds)

    service = Service("payments", settings)
    service.add(database)
    service.add(KeptAnswers(database))
    service.add(broker)
    service.add(our_bank)
    service.add(Outbox(database, broker))
    service.add(Consumer(database, broker, hearing(our_bank)))

    app = FastAPI(
        title="payments",
        version="1",
        summary="Charges orders and gives money back.",
        openapi_tags=[
            {"name": "charges", "description": "Money taken, and money given back."}
        ],
    )
    app.include_router(router)
    return mount(app, service)
