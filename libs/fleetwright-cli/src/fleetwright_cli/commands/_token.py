"""fleet token: a token of the running fleet's issuer, for calls by hand."""

from typing import Annotated

import typer

from fleetwright_cli._printer import Printer
from fleetwright_cli.fleet import discover
from fleetwright_cli.local._plan import Places
from fleetwright_cli.local._tokens import issued


def token(
    service: Annotated[str, typer.Argument(help="The service to call.")],
    caller: Annotated[
        str, typer.Option("--as", help="Who calls: a person, or a service by name.")
    ] = "developer",
    scope: Annotated[
        list[str] | None, typer.Option(help="What a person may do; may be repeated.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="What a person is; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Print an access token that is good for some minutes.

    Example: `curl -H "Authorization: Bearer $(fleet token orders --scope orders:read)"`
    """
    printer = Printer(as_json=as_json)
    places = Places(discover().root)
    answer = issued(
        places, service, subject=caller, scopes=scope or (), roles=role or ()
    )
    printer.data(answer, str(answer["access_token"]))
