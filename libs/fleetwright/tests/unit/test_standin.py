"""Who answers for a blocked loop is held up by nobody."""

import socket
import threading
import time

from fleetwright._standin import StandIn


def test_a_client_that_drips_is_left_after_half_a_second() -> None:
    """Its bytes buy it no time: it is left while it still drips."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        dripping = socket.create_connection(listening.getsockname())

        def drip() -> None:
            try:
                while not over.wait(0.05):
                    dripping.sendall(b"A")
            except OSError:
                pass

        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        net = threading.Timer(60.0, over.set)
        net.start()
        stand_in = StandIn(listening, service="echo", alive_seconds=30.0)
        stand_in.answer(0.1, began)
        took = time.monotonic() - began
        still_drips = not over.is_set()
        over.set()
        net.cancel()
        thread.join()
        dripping.close()

    assert took > 0.4
    assert still_drips
