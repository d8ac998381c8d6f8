"""A reaction that takes longer than RabbitMQ waits for an acknowledgement."""

import asyncio
from pathlib import Path
from uuid import uuid4

from hearers import World, opened
from rabbit_node import control
from servers import OwnServer
from structlog.testing import capture_logs

TIMEOUT_SECONDS = 2
LONGER_SECONDS = 7.0  # and shorter than a reaction may take


async def test_a_reaction_longer_than_the_consumer_timeout_has_one_effect(
    own_rabbit: OwnServer, tmp_path: Path
) -> None:
    """The server closes the channel; what comes again is known, the next is heard."""
    settings = (
        f"application:set_env(rabbit, consumer_timeout, {TIMEOUT_SECONDS * 1000}),"
        " application:set_env(rabbit, channel_tick_interval, 500)."
    )
    await asyncio.to_thread(control, own_rabbit, "eval", settings)
    folder = f"sqlite+aiosqlite:///{tmp_path}"
    name = f"t{uuid4().hex[:10]}"
    urls = (f"{folder}/shop.db", f"{folder}/bank.db")
    async with opened(World(own_rabbit.url, *urls, name)) as world:
        hearer = await world.join()
        await hearer.is_in()
        hearer.slow["a", 0] = LONGER_SECONDS
        with capture_logs() as logs:
            await world.tell("a", range(5))
            found = await world.until(5)
            await world.tell("b", [0])
            after = await world.until(6)
        async with asyncio.timeout(60):
            while not (await hearer.outcomes())["duplicate"]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    lost = [one["error"] for one in logs if one["event"] == "broker.lost"]
    assert any("timed out" in error or "timeout" in error for error in lost), lost
    assert found == {"a": [*range(5)]}
    assert after == found | {"b": [0]}
    assert hearer.tried.count(("a", 0)) == 1
