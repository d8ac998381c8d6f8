"""A bank that does not answer: payments stops asking, and finds out when it is back."""

from uuid import uuid4

import pytest

from fleetwright import Service, Unavailable
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Outbox, connect
from fleetwright.testing import FakeBroker, FakeClock, serving
from payments.bank import Bank, Manners
from payments.clients import BankClient
from payments.events import OrderPlaced, PaymentCaptured, PaymentDeclined
from payments.hearing import hearing
from payments.settings import PaymentsSettings


class CountingBank(Bank):
    """A bank that is down until told otherwise, and counts who reaches it."""

    def __init__(self) -> None:
        """Start down."""
        super().__init__(Manners(down_share=1.0))
        self.reached = 0

    async def charge(self, key: str, reference: str) -> str | None:
        """Count the call and answer as the bank does."""
        self.reached += 1
        return await super().charge(key, reference)

    def comes_back(self) -> None:
        """Answer from now on."""
        self._manners = Manners()


async def asked(client: BankClient, times: int) -> int:
    """Ask for many charges and return how many were answered."""
    answered = 0
    for number in range(times):
        try:
            await client.charge(f"charge-{number}", "536365")
            answered += 1
        except Unavailable:
            continue
    return answered


async def test_a_bank_that_is_down_is_not_asked_for_long(clock: FakeClock) -> None:
    """Ten calls reach it; the other ninety fail at once."""
    bank = CountingBank()

    answered = await asked(BankClient(bank, call_seconds=6.0), 100)

    assert (answered, bank.reached) == (0, 10)


async def test_a_bank_that_is_back_is_found_by_a_probe(clock: FakeClock) -> None:
    """After the open time three good probes close the circuit."""
    bank = CountingBank()
    client = BankClient(bank, call_seconds=6.0)
    await asked(client, 20)
    bank.comes_back()

    await clock.sleep(1.2)

    assert await asked(client, 20) == 20


async def test_an_open_circuit_says_that_nothing_was_asked(clock: FakeClock) -> None:
    """Whoever is refused by the breaker knows that no money can have moved."""
    client = BankClient(CountingBank(), call_seconds=6.0)
    await asked(client, 10)

    with pytest.raises(Unavailable) as refused:
        await client.charge("charge-x", "536365")

    assert refused.value.reason == "rejected"


async def test_orders_placed_while_the_bank_is_down_are_charged_later(
    clock: FakeClock, broker: FakeBroker
) -> None:
    """An event that met an open circuit is delivered again and charged once."""
    bank = CountingBank()
    orders = [
        OrderPlaced(
            order_id=uuid4(), reference=str(number), customer_id=None, total_pence=5
        )
        for number in range(30)
    ]
    async with serving(payments_with(bank), broker=broker):
        for order in orders:
            await broker.deliver(order)
        assert told(broker) == []
        assert bank.reached < len(orders)  # the others met an open circuit
        bank.comes_back()
        for _ in range(360):  # an hour at the most, ten seconds at a time
            if len(told(broker)) == len(orders):
                break
            await clock.sleep(10)
            await broker.settle()

    assert sorted(told(broker)) == sorted(str(order.order_id) for order in orders)


def payments_with(bank: Bank) -> Service:
    """Return what payments does when it hears of an order, with a bank of ours."""
    settings = PaymentsSettings(
        database_url="sqlite+aiosqlite://", broker_url="memory://payments"
    )
    database = AsyncDatabase(settings.database_url, migrations="payments.migrations")
    broker = connect(settings.broker_url)
    client = BankClient(bank, call_seconds=settings.bank_seconds)
    service = Service("payments", settings)
    service.add(database)
    service.add(broker)
    service.add(Outbox(database, broker))
    service.add(Consumer(database, broker, hearing(client)))
    return service


def told(broker: FakeBroker) -> list[str]:
    """Return the orders that were charged or declined, once for every telling."""
    return [
        str(event.order_id)
        for event in broker.published
        if isinstance(event, PaymentCaptured | PaymentDeclined)
    ]
