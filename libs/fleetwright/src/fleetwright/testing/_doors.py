"""open_doors(app, http): the routes of a service that let in whom they should not."""

import re
from collections.abc import Iterator

from httpx2 import AsyncClient

from fleetwright.auth import routes_and_callers
from fleetwright.testing._issuer import issuer_of_tests
from fleetwright.testing._serving import service_of

_HOLE = re.compile(r"\{[^}]*\}|<[^>]*>")
_STRANGER = "a-stranger"


async def open_doors(app: object, http: AsyncClient) -> list[str]:
    """Return what is open at a service and should not be.

    Every route that is not public is called without a token, with a token for another
    service, by a service it does not name and by a user who may do nothing.

    Args:
        app: What `create_app` returned, being served.
        http: A client of it that shows nothing: `serving(app, caller=None)`.

    Returns:
        One line for each call that was not refused as it should be; empty when all is
        well.
    """
    service = service_of(app)
    found: list[str] = []
    for route, access in routes_and_callers(app).items():
        method, _, path = route.partition(" ")
        if (access is not None and access.everyone) or not path.startswith("/"):
            continue
        path = _HOLE.sub("x", path)
        for who, headers, status in _strangers(service.name):
            answer = await http.request(method, path, headers=headers)
            if answer.status_code != status:
                found.append(f"{route} {who}: {answer.status_code}, not {status}")
    return found


def _strangers(service: str) -> Iterator[tuple[str, dict[str, str], int]]:
    """Yield who calls, what they show and what they must be answered."""
    issuer = issuer_of_tests()
    yield "without a token", {}, 401
    for who, token, status in (
        ("for another service", issuer.token("another-service"), 401),
        ("by a stranger", issuer.token(service, caller=_STRANGER), 403),
        ("by a user", issuer.token(service, caller=_STRANGER, scopes=()), 403),
    ):
        yield who, {"Authorization": f"Bearer {token}"}, status
