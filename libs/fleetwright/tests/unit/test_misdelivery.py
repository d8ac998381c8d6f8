"""pytest --deliver: what only works when all goes well is found out."""

import pytest

from fleetwright.events import Consumer
from fleetwright.testing import FakeBroker, serving

pytest_plugins = ["pytester"]
# Imported here, not by each run within: some of it cannot be imported twice.
IMPORTED = (Consumer, FakeBroker, serving)

SERVICE = '''
import pytest
from sqlalchemy import text
from fleetwright._service import Service
from fleetwright._settings import Settings
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Event, Outbox, Subscriptions, publish
from fleetwright.testing import FakeBroker, serving

class Paid(Event, topic="misdelivery.paid"):
    """Something was paid."""
    order: str
    n: int = 0

class Booked(Event, topic="misdelivery.booked"):
    """It was booked."""
    order: str
    n: int = 0

COUNTED = {}

async def keep(paid, transaction):
    """Do as one should: effects in the transaction, by what the event tells."""
    await transaction.execute(
        text("insert into booked(n, name) values (:n, :name)"),
        {"n": paid.n, "name": paid.order},
    )
    publish(transaction, Booked(order=paid.order, n=paid.n))

async def count(paid, transaction):
    """Count outside of the transaction, and write down how far it came."""
    COUNTED["n"] = COUNTED.get("n", 0) + 1
    await transaction.execute(
        text("insert into booked(n, name) values (:n, :name)"),
        {"n": COUNTED["n"], "name": paid.order},
    )

async def tell(paid, transaction):
    """Write down outside of any transaction."""
    COUNTED[paid.order] = COUNTED.get(paid.order, 0) + 1

async def remember_last(paid, transaction):
    """Keep what came last, of whatever order."""
    await transaction.execute(text("delete from booked"))
    await keep(paid, transaction)

REACTION = keep

@pytest.fixture
async def shop(broker):
    """Run a service."""
    COUNTED.clear()
    database = AsyncDatabase("sqlite+aiosqlite://")
    subscriptions = Subscriptions()
    subscriptions.on(Paid)(REACTION)
    service = Service("shop", Settings())
    service.add(database)
    service.add(Outbox(database, broker))
    service.add(Consumer(database, broker, subscriptions))
    async with database.transaction() as transaction:
        await transaction.execute(
            text("create table booked(i integer primary key, n integer, name text)")
        )
    async with serving(service, broker=broker):
        yield database

async def test_paying(shop, broker):
    """Orders that are paid are booked."""
    await broker.deliver(Paid(order="a", n=1))
    await broker.deliver(Paid(order="a", n=2))
    await broker.deliver(Paid(order="b", n=1))
    assert broker.handled == 3
    assert COUNTED.get("b", 1) == 1
'''
ALL = "dup,reorder,delay,crash"


def run(
    pytester: pytest.Pytester, reaction: str, *words: str, more: str = ""
) -> pytest.RunResult:
    """Run the service's tests with one of its reactions."""
    source = SERVICE.replace("REACTION = keep", f"REACTION = {reaction}") + more
    pytester.makepyfile(source)
    pytester.makeini(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    plain = ("-p", "no:cacheprovider", "-p", "no:faulthandler")  # that of ours stays
    return pytester.runpytest_inprocess(*plain, *words)


def test_a_reaction_that_is_as_it_should_be_passes(pytester: pytest.Pytester) -> None:
    """Twice undisturbed, then once in each manner; the seed is told."""
    result = run(pytester, "keep", "--deliver", ALL)

    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines([f"*--deliver {ALL} --deliver-seed *"])


@pytest.mark.parametrize("reaction", ["keep", "count", "tell", "remember_last"])
def test_without_the_option_nothing_is_disturbed(
    pytester: pytest.Pytester, reaction: str
) -> None:
    """Each of these looks right as long as all goes well."""
    run(pytester, reaction).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("reaction", "manner", "told"),
    [
        ("count", "crash", "*booked: is one too many: *"),
        ("remember_last", "reorder", "*booked: is missing: *"),
        ("remember_last", "delay", "*booked: is missing: *"),
    ],
)
def test_another_final_state_is_found_out(
    pytester: pytest.Pytester, reaction: str, manner: str, told: str
) -> None:
    """Though the test itself asks for nothing of the kind."""
    result = run(pytester, reaction, "--deliver", manner, "--deliver-seed", "1")

    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines([f"*delivered with `{manner}`*", told])


def test_an_effect_outside_every_table_is_found_by_the_test_itself(
    pytester: pytest.Pytester,
) -> None:
    """What a test asks for must hold when its service died amid the reaction."""
    result = run(pytester, "tell", "--deliver", "crash")

    result.assert_outcomes(passed=2, failed=1)


def test_a_consumer_without_an_inbox_is_found_out(pytester: pytest.Pytester) -> None:
    """Delivered twice, every effect is there twice."""
    mutant = '''
@pytest.fixture(autouse=True)
def no_inbox(monkeypatch):
    """Break the library: nothing is known."""
    from fleetwright.events import _inbox
    async def claim(*_):
        return _inbox.Seen.NEW
    monkeypatch.setattr(_inbox, "claim", claim)
'''
    result = run(pytester, "keep", "--deliver", "dup", more=mutant)

    assert result.parseoutcomes().get("errors") == 1
    result.stdout.fnmatch_lines(["*booked: is one too many: *"])


def test_a_test_may_say_what_it_cannot_bear(pytester: pytest.Pytester) -> None:
    """With its reason: first come, first served is a fair rule."""
    more = """
test_paying = pytest.mark.delivered("dup", "crash", reason="the last one wins")(
    test_paying
)
"""
    run(pytester, "remember_last", "--deliver", ALL, more=more).assert_outcomes(
        passed=4
    )


def test_tests_without_events_are_left_out(pytester: pytest.Pytester) -> None:
    """They would run as always; those that deliver nothing run undisturbed only."""
    more = '''
def test_nothing():
    """Has no broker."""

@pytest.mark.parametrize("n", [1, 2])
def test_idle(broker, n):
    """Delivers nothing."""
    assert broker.published == []
'''
    result = run(pytester, "keep", "--deliver", "dup", more=more)

    result.assert_outcomes(passed=3 + 4, deselected=1)


@pytest.mark.parametrize("words", ["twice", "dup,late", ","])
def test_a_manner_that_is_unknown_is_refused(
    pytester: pytest.Pytester, words: str
) -> None:
    """The mend names those there are."""
    result = run(pytester, "keep", "--deliver", words)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*use some of: dup,reorder,delay,crash*"])


def test_a_parametrised_test_is_compared_with_its_own_undisturbed_runs(
    pytester: pytest.Pytester,
) -> None:
    """What differs between two parameters is no difference."""
    more = '''
@pytest.mark.parametrize("n", [1, 2])
async def test_more(shop, broker, n):
    """Leaves something else behind for each n."""
    await broker.deliver(Paid(order="c", n=n))
'''
    result = run(pytester, "count", "--deliver", "crash", "-k", "more", more=more)

    result.assert_outcomes(passed=6, errors=2, deselected=3)
