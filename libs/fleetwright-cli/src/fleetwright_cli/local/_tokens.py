"""Tokens of the running fleet's issuer, for calls by hand."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from fleetwright_cli._errors import FleetError
from fleetwright_cli.local._identity import NAME, TOOL
from fleetwright_cli.local._plan import Places

_ASK_SECONDS = 5.0


def issued(
    places: Places,
    service: str,
    *,
    subject: str,
    scopes: Iterable[str] = (),
    roles: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the running issuer's answer, `access_token` in it.

    Args:
        places: Where the fleet keeps its state.
        service: The service to call.
        subject: Who calls: a person, or a service by name.
        scopes: What a person may do.
        roles: What a person is.

    Raises:
        FleetError: No issuer runs, or it refuses.
    """
    form = {
        "grant_type": "client_credentials",
        "audience": service,
        "subject": subject,
        "scope": " ".join(scopes),
        "roles": " ".join(roles),
    }
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
