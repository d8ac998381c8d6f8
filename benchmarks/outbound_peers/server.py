"""A server that costs next to nothing: one fixed answer, keep-alive, no parsing."""

import asyncio
import sys
from typing import cast

import uvloop

BODY = b'{"sku": "71053", "name": "WHITE METAL LANTERN", "price_pence": 339}'
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
ANSWER = HEAD % len(BODY) + BODY


class Answering(asyncio.Protocol):
    """Answers whatever ends a head."""

    transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self.transport = cast(asyncio.WriteTransport, transport)
        self.came = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self.came += data
        while b"\r\n\r\n" in self.came:
            _, _, self.came = self.came.partition(b"\r\n\r\n")
            self.transport.write(ANSWER)


async def main() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
