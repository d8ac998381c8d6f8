"""What was measured and reckoned, for people, in 80 columns."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from fleetwright_cli._printer import paint, table
from fleetwright_cli.capacity._ceilings import Ceiling, bottleneck
from fleetwright_cli.capacity._checks import (
    BROKER,
    FLOORS,
    TOLERATED,
    Check,
    fell_behind,
)
from fleetwright_cli.capacity._costs import Costs
from fleetwright_cli.capacity._heard import OUTSIDE
from fleetwright_cli.capacity._needs import Need, Needs

COLUMNS = 80
_ERRORS = ("CPU", "memory", "sockets", "written", "calls", "events")
_THOUSANDS = ("", "k", "M", "G", "T", "P")


def short(number: float, unit: str = "") -> str:
    """Return a number in at most four digits, with `k`, `M` and so on.

    Args:
        number: Not below nothing.
        unit: Of what.
    """
    power = 0
    while number >= 999.5 and power < len(_THOUSANDS) - 1:
        number, power = number / 1000, power + 1
    digits = 0 if number >= 99.95 or (power == 0 and number == int(number)) else 1
    space = " " if unit else ""
    return f"{number:.{digits}f}{space}{_THOUSANDS[power]}{unit}"


def told_costs(costs: Costs) -> Iterator[str]:
    """Yield what a request costs.

    Args:
        costs: What was measured.
    """
    loads = " and ".join(f"{one:.3g}" for one in costs.rates)
    whole = sum(one.cpu.each for one in costs.services.values())
    yield from _wrapped(
        f"a request of {', '.join(costs.asked)}, measured at {loads} a second: "
        f"{whole * 1000:.1f} ms of CPU in all"
    )
    head = ("service", "CPU", "idle", "calls", "took", "events", "took", "memory")
    yield table(
        (*head, "written"),
        [
            (
                name,
                f"{cost.cpu.each * 1000:.2f} ms",
                f"{cost.cpu.idle * 100:.1f} %",
                f"{cost.calls:.2f}",
                f"{cost.call_seconds * 1000:.0f} ms",
                f"{cost.events:.2f}",
                f"{cost.event_seconds * 1000:.0f} ms",
                short(cost.memory, "B"),
                short(cost.written.each, "B"),
            )
            for name, cost in sorted(costs.services.items())
        ],
    )
    edges = [
        f"{caller} > {name} {each:.2f}"
        for name, cost in sorted(costs.services.items())
        for caller, each in sorted(cost.callers.items())
        if caller != OUTSIDE and each >= 0.005
    ]
    if edges:
        yield from _wrapped(f"calls a request: {', '.join(edges)}")
    topics = [
        f"{topic} {one.events:.2f} of {short(one.bytes / one.events, 'B')}"
        for topic, one in sorted(costs.carried.items())
        if one.events >= 0.005
    ]
    if topics:
        yield from _wrapped(f"events a request: {', '.join(topics)}")


def told_checks(checks: Sequence[Check]) -> Iterator[str]:
    """Yield how far off the reckoning is, a service a line.

    Args:
        checks: Of one rate.
    """
    if not checks:
        return
    yield f"\nat {checks[0].rate:.1f} a second, reckoned beside measured:"
    names = dict.fromkeys(one.service for one in checks if one.service != BROKER)
    rows = [
        _checked({one.quantity: one for one in checks if one.service == name}, name)
        for name in names
    ]
    yield table(("service", "cores", "measured", *_ERRORS), rows)
    told = [
        f"{one.quantity} {_per_second(one, one.reckoned)} beside "
        f"{_per_second(one, one.measured)}, {one.error:+.0%}"
        for one in checks
        if one.service == BROKER and one.counts
    ]
    if told:
        yield from _wrapped(f"broker: {'; '.join(told)}")
    far = [f"{one.quantity} of {one.service}" for one in checks if not one.is_close]
    if far:
        yield from _wrapped(
            f"more than {TOLERATED:.0%} off: {', '.join(far)}. Measure longer, on a "
            "machine without other work: --rounds 5 --seconds 10"
        )
    if behind := fell_behind(checks):
        yield from _wrapped(
            f"fewer events were heard than came: {', '.join(behind)}. This machine had "
            "too little CPU for that rate, so it tells nothing: lower --rates"
        )
    yield f"(a dash: a trifle, below {FLOORS['CPU']:g} cores, {FLOORS['calls']:g}/s)"


def told_needs(needs: Needs, found: list[Ceiling]) -> Iterator[str]:
    """Yield what a rate needs.

    Args:
        needs: Of that rate.
        found: What gives out, the first first.
    """
    yield f"\n{_rate(needs.rate)} requests a second:"
    head = ("service", "replicas", "by", "cores", "memory", "sockets", "pool")
    yield table((*head, "commits", "lanes"), [_row(one) for one in needs.services])
    broker = needs.broker
    yield from _wrapped(
        f"broker: {short(broker.taken)} events/s in, {short(broker.handed)} out, "
        f"{short(broker.bytes_in, 'B')}/s in, {short(broker.bytes_out, 'B')}/s out, "
        f"{short(broker.disk_a_day, 'B')} a day on disk, nodes: {broker.nodes:,}"
    )
    yield f"bottleneck: {paint(bottleneck(needs, found), 'yellow')}"
    passed = [one for one in found if one.rate < needs.rate]
    if passed:
        yield paint("not to be had by more replicas:", "red")
    for (what, mend), those in _alike(passed).items():
        whose = ", ".join(f"{one.service} {_rate(one.rate)}" for one in those)
        yield from _wrapped(
            f"- {what}, enough for so many requests a second: {whose}. Mend: {mend}"
        )
    if found and not passed:
        yield from _wrapped(
            f"first to give out as it grows: {found[0].service}: {found[0].what}; "
            f"enough for {_rate(found[0].rate)} requests a second"
        )


def _alike(found: Sequence[Ceiling]) -> dict[tuple[str, str], list[Ceiling]]:
    """Return what gives out, by what it is; the first first."""
    alike: dict[tuple[str, str], list[Ceiling]] = {}
    for one in found:
        alike.setdefault((one.what, one.mend), []).append(one)
    return alike


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def _row(need: Need) -> tuple[str, ...]:
    return (
        need.service,
        _count(need.replicas),
        need.because,
        f"{need.cores:,.1f}" if need.cores < 1000 else _count(need.cores),
        short(need.memory, "B"),
        short(round(need.sockets)),
        _count(need.pool) if need.pool else "-",
        f"{short(need.commits)}/s" if need.pool else "-",
        _count(need.lanes) if need.lanes else "-",
    )


def _count(number: float) -> str:
    return f"{number:,.0f}" if number < 100_000 else short(number)


def _checked(found: Mapping[str, Check], name: str) -> tuple[str, ...]:
    cpu = found["CPU"]
    errors = (_error(found.get(one)) for one in _ERRORS)
    return (name, f"{cpu.reckoned:.3f}", f"{cpu.measured:.3f}", *errors)


def _error(check: Check | None) -> str:
    if check is None or not check.counts:
        return "-"
    return paint(f"{check.error:+.0%}", "green" if check.is_close else "red")


def _per_second(check: Check, number: float) -> str:
    return f"{short(number, 'B' if check.quantity == 'event bytes' else '')}/s"


def _wrapped(text: str) -> Iterator[str]:
    indent = "  " if text.startswith("- ") else ""
    yield from wrap(text, COLUMNS, subsequent_indent=indent, break_on_hyphens=False)
