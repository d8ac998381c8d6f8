"""S11: keys rotate and issuers go away, over real connections."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fleetwright import Settings, Unavailable
from fleetwright._context import new_call
from fleetwright._deadline import Deadline
from fleetwright.auth import Gate
from fleetwright.errors import DeadlineExceeded
from fleetwright.testing import FakeClock, FakeIssuer


@pytest.fixture
async def gate(issuer: Any) -> AsyncIterator[Gate]:
    """Give the gate of `orders`, which has not asked for keys yet."""
    settings = Settings(
        auth_issuer=FakeIssuer().url, auth_jwks_url=f"{issuer.url}/keys"
    )
    made = Gate("orders", settings)
    yield made
    await made.close()


async def caller(gate: Gate, signer: FakeIssuer) -> str | None:
    """Return who calls with a token that is fresh and from a signer."""
    token = signer.token("orders", caller="storefront")
    headers = [(b"authorization", f"Bearer {token}".encode())]
    return (await gate.identified(new_call("orders"), headers)).caller


async def test_keys_are_fetched_once_for_many_calls(issuer: Any, gate: Gate) -> None:
    """Calls that come while the keys are fetched wait for that one fetch."""
    callers = await asyncio.gather(*(caller(gate, issuer.signer) for _ in range(20)))

    assert callers == ["storefront"] * 20
    assert issuer.asked["keys"] == 1


async def test_new_key_is_found_and_the_old_one_forgotten(
    clock: FakeClock, issuer: Any, gate: Gate
) -> None:
    """A key that is rotated in is accepted within a minute, without a restart."""
    assert await caller(gate, issuer.signer) == "storefront"
    before = issuer.rotate()

    assert await caller(gate, issuer.signer) is None
    clock.advance(61)
    assert await caller(gate, issuer.signer) == "storefront"
    assert await caller(gate, before) is None


async def test_token_verified_before_is_refused_once_its_key_is_withdrawn(
    clock: FakeClock, issuer: Any, gate: Gate
) -> None:
    """What was remembered does not outlive the key it was verified with."""
    token = issuer.signer.token("orders", caller="storefront", claims={"exp": 2**40})
    headers = [(b"authorization", f"Bearer {token}".encode())]
    assert (await gate.identified(new_call("orders"), headers)).caller == "storefront"
    issuer.rotate()
    clock.advance(61)
    await caller(gate, issuer.signer)

    assert (await gate.identified(new_call("orders"), headers)).caller is None


async def test_unknown_keys_are_asked_for_once_a_minute(
    clock: FakeClock, issuer: Any, gate: Gate
) -> None:
    """Who makes up key ids does not make us ask the issuer each time."""
    await caller(gate, issuer.signer)

    for _ in range(3):
        clock.advance(61)
        for _ in range(20):
            assert await caller(gate, FakeIssuer()) is None

    assert issuer.asked["keys"] == 4


async def test_known_keys_serve_while_the_issuer_is_away(
    clock: FakeClock, issuer: Any, gate: Gate
) -> None:
    """An hour without the issuer refuses nobody; afterwards keys are fetched again."""
    await caller(gate, issuer.signer)
    await issuer.stop()

    for _ in range(6):
        clock.advance(601)
        assert await caller(gate, issuer.signer) == "storefront"
        await asyncio.sleep(0.1)
    await issuer.start()
    clock.advance(601)
    await caller(gate, issuer.signer)
    await asyncio.sleep(0.1)

    assert issuer.asked["keys"] == 2


async def test_withdrawn_key_is_noticed_without_an_unknown_one(
    clock: FakeClock, issuer: Any, gate: Gate
) -> None:
    """Keys are looked at again every ten minutes."""
    await caller(gate, issuer.signer)
    before = issuer.rotate()
    clock.advance(601)
    await caller(gate, before)
    await asyncio.sleep(0.1)

    assert await caller(gate, before) is None


async def test_service_without_any_keys_says_that_it_cannot_tell(
    clock: FakeClock, issuer: Any, gate: Gate
) -> None:
    """A good caller is asked to come again, and is let in once the issuer is there."""
    await issuer.stop()
    with pytest.raises(Unavailable, match="not known yet") as refused:
        await caller(gate, issuer.signer)
    await issuer.start()
    clock.advance(refused.value.retry_after_seconds or 0.0)

    assert await caller(gate, issuer.signer) == "storefront"


@pytest.mark.parametrize(
    "body", ["{", "[]", '{"keys": []}', '{"keys": [' + " " * 70_000 + "]}"]
)
async def test_odd_document_does_not_replace_the_keys(
    clock: FakeClock, issuer: Any, gate: Gate, body: str
) -> None:
    """A page of a proxy, an empty or an endless document change nothing."""
    await caller(gate, issuer.signer)
    issuer.body = body
    clock.advance(61)

    assert await caller(gate, FakeIssuer()) is None
    assert await caller(gate, issuer.signer) == "storefront"


async def test_hanging_issuer_holds_no_call_longer_than_its_deadline(
    clock: FakeClock, issuer: Any, gate: Gate
) -> None:
    """The fetch has two seconds; who has less gives up earlier, alone."""
    issuer.hangs = True
    patient = asyncio.create_task(caller(gate, issuer.signer))
    with pytest.raises(DeadlineExceeded), Deadline.after(0.5):
        await caller(gate, issuer.signer)
    assert clock.elapsed_seconds == pytest.approx(0.5, abs=0.05)

    with pytest.raises(Unavailable, match="not known yet"):
        await patient

    assert clock.elapsed_seconds == pytest.approx(2.0, abs=0.1)
