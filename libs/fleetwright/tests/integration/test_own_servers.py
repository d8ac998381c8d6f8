"""A test may kill a server of its own: it is back at the same place."""

import socket
from urllib.parse import urlsplit

import pytest
from servers import OwnServer


@pytest.mark.parametrize("kind", ["postgres", "rabbit", "kafka"])
def test_a_killed_server_is_back_at_the_same_place(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """While it is dead nobody listens there; afterwards it does."""
    server: OwnServer = request.getfixturevalue(f"own_{kind}")
    place = urlsplit(server.url)
    address = (place.hostname, place.port)
    socket.create_connection(address).close()
    server.kill()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    server.start()
    socket.create_connection(address).close()
