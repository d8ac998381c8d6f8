"""The console as a process: `python -m fleetwright_cli.console ROOT BEGAN`."""

import asyncio
import signal
import sys
from contextlib import closing
from pathlib import Path
from socket import socket

import uvicorn

from fleetwright_cli.console._access import Keys
from fleetwright_cli.console._app import Console
from fleetwright_cli.console._feed import Feed
from fleetwright_cli.console._reader import Reader
from fleetwright_cli.console._site import Site, declared, hearing, with_events
from fleetwright_cli.console._store import Store
from fleetwright_cli.console._stream import Stream
from fleetwright_cli.console.kept import DATABASE
from fleetwright_cli.fleet import discover
from fleetwright_cli.local._plan import Places


class Server(uvicorn.Server):
    """Tells open streams to end before it waits for them."""

    def __init__(self, config: uvicorn.Config, stream: Stream) -> None:
        """Keep both.

        Args:
            config: How it serves.
            stream: What is open as long as a page is.
        """
        super().__init__(config)
        self._stream = stream

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """End the streams, then the rest."""
        self._stream.close()
        await super().shutdown(sockets)


def main(root: Path, began: float) -> None:
    """Show a fleet until told to stop.

    Args:
        root: The fleet's folder.
        began: When the run began, in seconds since 1970.
    """
    places = Places(root)
    fleet = discover(root)
    keys = Keys.read(places.console)
    stream = Stream()
    kept = Store(places.data / DATABASE, began=began, on_written=stream.tell)
    with closing(kept) as store:
        feed = Feed(places, store, since=began, on_change=stream.tell)
        site = Site(
            fleet=fleet,
            places=places,
            keys=keys,
            store=store,
            reader=Reader(store.path),
            feed=feed,
            stream=stream,
            needs=declared(fleet),
            speaking=with_events(fleet),
            heard=hearing(fleet),
        )
        with closing(feed):
            feed.start()
            asyncio.run(_serve(site))


async def _serve(site: Site) -> None:
    """Serve on our port, on this machine only."""
    # The server gives a signal on once it has stopped: we still have rows to write.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        Console(site).app(),
        host="127.0.0.1",
        port=site.keys.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        limit_concurrency=500,
        ws="none",
    )
    await Server(config, site.stream).serve()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
