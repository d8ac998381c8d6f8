"""Checks: together, bounded, remembered."""

import asyncio

from structlog.testing import capture_logs

from fleetwright import Service, Settings
from fleetwright._health import Health
from fleetwright._probes import Probes


class Good:
    """A part that is well and counts how often it was asked."""

    def __init__(self) -> None:
        """Start unasked."""
        self.asked = 0

    async def check(self) -> None:
        """Be well."""
        self.asked += 1


class Bad:
    """A part that is not well."""

    async def check(self) -> None:
        """Fail with a secret."""
        raise ConnectionError("postgresql://me:pw@db refused\nsecond line")


class Spared:
    """A part the service does its work without."""

    is_essential = False

    def __init__(self) -> None:
        """Start well."""
        self.is_well = True

    async def check(self) -> None:
        """Fail while it is not well."""
        if not self.is_well:
            raise ConnectionError("no broker at 127.0.0.1:5672")


class Hanging:
    """A part that does not answer."""

    async def check(self) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


async def test_report_names_what_is_wrong() -> None:
    """A part without `check` is left out; what is wrong is one masked line."""
    report = await Health().report([Good(), Bad(), object()])

    assert not report.ready
    assert report.parts == {
        "Good": "ok",
        "Bad": "ConnectionError: postgresql://me:***@db refused",
    }


async def test_hanging_check_is_given_up() -> None:
    """One part that hangs does not make the probe hang."""
    report = await Health(check_seconds=0.01).report([Hanging()])

    assert report.parts == {"Hanging": "no answer within 0.01 seconds"}


async def test_report_is_remembered_for_a_moment() -> None:
    """Many probes in one second cost one check."""
    good, health = Good(), Health()
    await health.report([good])
    await health.report([good])

    assert good.asked == 1


async def test_probes_at_the_same_time_share_one_check() -> None:
    """Two probes that meet wait for the same check."""
    good, health = Good(), Health(remembered_seconds=0)
    first, second = await asyncio.gather(health.report([good]), health.report([good]))

    assert good.asked == 1
    assert first is second


async def test_readiness_follows_the_life_of_the_service() -> None:
    """Not ready before the parts are open, and from the moment of stopping."""
    service = Service("orders", Settings())
    service.add(Good())
    probes = Probes(service)

    before = (await probes.answer("/readyz"))[0]
    await service.open()
    ready = (await probes.answer("/readyz"))[0]
    service.lifecycle.stop()
    stopping = (await probes.answer("/readyz"))[0]

    assert (before, ready, stopping) == (503, 200, 503)
    assert (await probes.answer("/livez"))[0] == 200
    assert (await probes.answer("/info"))[1]["state"] == "stopping"


async def test_service_with_a_part_that_is_not_well_is_not_ready() -> None:
    """One failed check takes the service out of the load balancer."""
    service = Service("orders", Settings())
    service.add(Bad())
    await service.open()

    assert (await Probes(service).answer("/readyz"))[0] == 503


async def test_service_without_a_part_it_can_spare_is_degraded_and_ready() -> None:
    """A broker that is away takes nobody out of the load balancer; the reason is told.

    `/info` tells the same, in one status and one reason for each part that fails.
    """
    service = Service("orders", Settings())
    service.add(Good())
    service.add(Spared()).is_well = False
    await service.open()

    status, told = await Probes(service).answer("/readyz")
    info = await service.info()

    reason = "ConnectionError: no broker at 127.0.0.1:5672"
    assert (status, told["ready"], told["status"]) == (200, True, "degraded")
    assert told["parts"] == {"Good": "ok", "Spared": reason}
    assert (info["status"], info["failing"]) == ("degraded", {"Spared": reason})


async def test_an_essential_part_counts_more_than_one_that_can_be_spared() -> None:
    """With the database down too the service is not ready."""
    service = Service("orders", Settings())
    service.add(Bad())
    service.add(Spared()).is_well = False
    await service.open()

    status, told = await Probes(service).answer("/readyz")

    assert (status, told["ready"], told["status"]) == (503, False, "down")


async def test_a_change_is_logged_once() -> None:
    """However often and by whom it is asked: one line when it lacks, one when not."""
    part, health = Spared(), Health(remembered_seconds=0)
    with capture_logs() as logs:
        for is_well in (True, False, False, True, True):
            part.is_well = is_well
            await health.report([Good(), part])

    assert [entry["event"] for entry in logs] == [
        "service.degraded",
        "service.recovered",
    ]
    assert logs[0]["parts"] == {
        "Spared": "ConnectionError: no broker at 127.0.0.1:5672"
    }


async def test_all_who_probe_one_service_share_its_checks() -> None:
    """HTTP and gRPC ask the same health: a change is one line, a check is run once."""
    service = Service("orders", Settings())
    good = service.add(Good())
    await service.open()

    await Probes(service).answer("/readyz")
    await Probes(service).answer("/readyz")

    assert good.asked == 1
