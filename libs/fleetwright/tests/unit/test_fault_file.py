"""The file that switches faults on."""

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fleetwright import Service, Settings, _faults
from fleetwright._clock import clock as the_clock
from fleetwright._fault_file import FaultFile
from fleetwright.errors import SettingsError, Unavailable
from fleetwright.testing import FakeClock

FAULT = {"id": "f1", "edge": "*->catalog", "error": 503}


def write(path: Path, *faults: dict[str, object], seed: int = 1) -> None:
    """Write a plan as `fleet faults` does: another file in the place of the old one."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"seed": seed, "faults": faults}))
    draft.replace(path)


async def is_struck() -> bool:
    """Return whether a call to catalog is struck now."""
    if _faults.plan is None:
        return False
    try:
        await _faults.plan.strike("catalog")
    except Unavailable:
        return True
    return False


async def test_change_of_the_file_is_noticed_within_half_a_second(
    clock: FakeClock, tmp_path: Path
) -> None:
    """Faults come with the file, change with it and go with it."""
    path = tmp_path / "faults.json"
    file = FaultFile(path)
    await file.open()
    seen = [await is_struck()]

    write(path, FAULT)
    await the_clock().sleep(0.5)
    seen.append(await is_struck())
    write(path, {**FAULT, "edge": "*->payments"})
    await the_clock().sleep(0.5)
    seen.append(await is_struck())
    write(path, FAULT)
    await the_clock().sleep(0.5)
    path.unlink()
    await the_clock().sleep(0.5)
    seen.append(await is_struck())
    await file.close()

    assert seen == [False, True, False, False]


async def test_spoilt_file_changes_nothing_and_is_told_once(
    clock: FakeClock, tmp_path: Path
) -> None:
    """The last good plan stays; the log says where the mistake is."""
    path = tmp_path / "faults.json"
    write(path, FAULT)
    file = FaultFile(path)
    await file.open()

    with capture_logs() as logs:
        write(path, {**FAULT, "share": 7})
        await the_clock().sleep(5)

    assert await is_struck()
    assert [line["event"] for line in logs] == ["faults.unreadable"]
    assert "faults.0.share" in logs[0]["why"]
    path.write_text("{")
    await the_clock().sleep(1)
    assert await is_struck()
    await file.close()


async def test_faults_that_end_by_themselves_switch_the_plan_off(
    clock: FakeClock, tmp_path: Path
) -> None:
    """Calls pay nothing for a plan that is over, and the log says how it went."""
    path = tmp_path / "faults.json"
    until = _faults.ends_after(2.0)
    assert until is not None
    write(path, {**FAULT, "ends_at": until.isoformat()})
    file = FaultFile(path)
    await file.open()
    assert await is_struck()

    with capture_logs() as logs:
        await the_clock().sleep(3)

    assert _faults.plan is None
    assert logs[0]["event"] == "faults.switched_off"
    assert logs[0]["struck"] == {"f1": 1}
    await file.close()


async def test_closed_service_leaves_no_faults_behind(
    clock: FakeClock, tmp_path: Path
) -> None:
    """The plan is the process's only while the service is open; /info shows it."""
    path = tmp_path / "faults.json"
    write(path, FAULT, seed=42)
    settings = Settings(environment="development", fleet_faults=path)
    service = Service("orders", settings)
    await service.open()
    assert await is_struck()

    facts = (await service.info())["parts"]["FaultFile"]
    await service.close()

    assert (facts["seed"], facts["struck"]) == (42, {"f1": 1})
    assert _faults.plan is None


def test_production_refuses_faults_unless_they_are_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal names the variable and the mend; production is the default."""
    monkeypatch.delenv("ENVIRONMENT")
    with pytest.raises(SettingsError, match="in production") as refused:
        Service("orders", Settings(fleet_faults=tmp_path / "f.json"))
    allowed = Settings(fleet_faults=tmp_path / "f.json", faults_allowed=True)

    assert isinstance(Service("orders", allowed).find(FaultFile), FaultFile)
    assert "FAULTS_ALLOWED" in (refused.value.hint or "")
