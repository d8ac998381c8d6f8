"""fleet token: a token of the running fleet's issuer, for calls by hand."""

import base64
import json
import urllib.error
import urllib.request
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from fleetwright_cli._errors import FleetError
from fleetwright_cli._printer import Printer
from fleetwright_cli.fleet import discover
from fleetwright_cli.local._identity import NAME, TOOL
from fleetwright_cli.local._plan import Places

_ASK_SECONDS = 5.0


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
    form = {
        "grant_type": "client_credentials",
        "audience": service,
        "subject": caller,
        "scope": " ".join(scope or ()),
        "roles": " ".join(role or ()),
    }
    answer = _asked(places, form)
    printer.data(answer, str(answer["access_token"]))


def _asked(places: Places, form: dict[str, str]) -> dict[str, Any]:
    """Return the answer of the running issuer.

    Raises:
        FleetError: None runs, or it refuses.
    """
    url, secret = _issuer(places)
    pair = base64.b64encode(f"{TOOL}:{secret}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - our own map says http
        f"{url}/token", urlencode(form).encode(), {"Authorization": f"Basic {pair}"}
    )
    try:
        with urllib.request.urlopen(  # noqa: S310 - our own map says http
            request, timeout=_ASK_SECONDS
        ) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        said = json.loads(error.read() or b"{}")
        raise FleetError(
            f"the issuer gives no token: {said.get('detail') or said.get('title')}",
            where=f"{url}/token for {form['audience']!r}",
            hint="name a service of this fleet; see them with `fleet ps`",
        ) from error
    except OSError as error:
        raise FleetError(
            f"the issuer does not answer: {error}",
            where=url,
            hint="see how it is with `fleet ps`, start the fleet with `fleet up`",
        ) from error


def _issuer(places: Places) -> tuple[str, str]:
    """Return where the issuer answers, and our secret."""
    try:
        url = json.loads(places.map.read_text("utf-8"))[NAME]
        secret = json.loads((places.run / "clients.json").read_text("utf-8"))[TOOL]
    except (OSError, ValueError, KeyError) as error:
        raise FleetError(
            "no issuer has run here",
            where=str(places.run),
            hint="start the fleet with `fleet up`; an issuer is part of it where a"
            " service asks for tokens",
        ) from error
    return str(url), str(secret)
