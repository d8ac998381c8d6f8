"""fleet bench: measure a service that runs."""

import asyncio
from enum import StrEnum
from typing import Annotated, Any

import typer

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer
from fleetwright_cli.fleet import find_root
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._cost import CALLERS, Cost, measure
from fleetwright_cli.local._plan import Places


class What(StrEnum):
    """What can be measured."""

    LIMIT = "limit"


def bench(
    what: Annotated[What, typer.Argument(help="What to find out: `limit`.")],
    service: Annotated[str, typer.Argument(help="A service that runs.")],
    *,
    path: Annotated[str, typer.Option(help="A page of it to GET.")] = "/",
    header: Annotated[
        list[str] | None, typer.Option(help="A header line; may be repeated.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.5, max=60, help="How long to ask for it.")
    ] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Measure the CPU a request costs and propose MAX_IN_FLIGHT for it.

    Asks for one page over and over, four callers at a time, and reads the CPU the
    process takes. The proposal is what fits into 30 ms of CPU, at least 4: so few that
    an answer does not wait long behind others, so many that the CPU is kept busy.

    Examples: `fleet bench limit catalog --path /v1/products`,
    `fleet bench limit orders --path /v1/orders --header "Authorization: Bearer ..."`.
    """
    printer = Printer(as_json=as_json)
    if not path.startswith("/") or " " in path:
        raise FleetError(
            f"`{path}` is not a path",
            hint="give one that begins with a slash: `--path /v1/products`",
            exit_code=WRONG_ARGUMENTS,
        )
    facts = _running(service)
    printer.talk(f"asking {service} for {path} for {seconds:g} s, {CALLERS} at a time")
    try:
        cost = asyncio.run(
            measure(
                facts["port"], facts["pid"], path, seconds=seconds, headers=header or ()
            )
        )
    except (OSError, asyncio.IncompleteReadError) as error:
        raise FleetError(
            f"{service} does not answer: {error}",
            hint=f"look at it: `fleet logs {service}`",
        ) from None
    must_be_good(cost, service, path)
    document = {
        "service": service,
        "path": path,
        "requests": sum(cost.answers.values()),
        "requests_per_second": round(cost.requests_per_second, 1),
        "cpu_ms": round(cost.cpu_seconds * 1000, 3),
        "max_in_flight": cost.limit,
    }
    printer.data(
        document,
        f"{document['requests']} requests, {document['cpu_ms']} ms of CPU each\n"
        f"MAX_IN_FLIGHT={cost.limit}",
    )


def _running(service: str) -> dict[str, Any]:
    """Return the facts of a process of the service."""
    report = ask(Places(find_root()).run, "ps")
    if report is None:
        raise FleetError("nothing runs here", hint="start it with `fleet up`")
    for facts in report["services"]:
        if service in (facts["name"], facts["service"]) and facts["pid"]:
            return dict(facts)
    names = ", ".join(facts["name"] for facts in report["services"])
    raise FleetError(
        f"{service} does not run", where=f"what runs: {names}", hint="see `fleet ps`"
    )


def must_be_good(cost: Cost, service: str, path: str) -> None:
    """Refuse to propose anything from answers that are no work.

    Args:
        cost: What was measured.
        service: Of which service.
        path: By which page.

    Raises:
        FleetError: Some answers were not 2xx.
    """
    bad = {status: n for status, n in cost.answers.items() if not 200 <= status < 300}
    if not bad:
        return
    status = max(bad, key=lambda one: bad[one])
    hints = {
        401: 'give a token: `--header "Authorization: Bearer ..."`',
        403: 'give a token: `--header "Authorization: Bearer ..."`',
        404: "give a page it has: `--path /v1/...`",
        503: "it is full already: raise MAX_IN_FLIGHT while measuring",
    }
    raise FleetError(
        f"{bad[status]} of {sum(cost.answers.values())} answers of {service} to {path}"
        f" have status {status}",
        hint=hints.get(status, f"look at it: `fleet logs {service}`"),
    )
