"""What an administrator does to a RabbitMQ, through its HTTP API."""

import json
import os
import urllib.error
import urllib.request
from base64 import b64encode
from typing import Any
from urllib.parse import quote, unquote, urlsplit


class Administrator:
    """Somebody with the HTTP API of the virtual host a URL names.

    Attributes:
        vhost: Its name.
    """

    def __init__(self, url: str) -> None:
        """Describe where it is.

        Args:
            url: Of AMQP. The API of a test's own server is at the next port.
        """
        parts = urlsplit(url)
        shared = os.environ.get("TEST_RABBIT_URL", "")
        port = parts.port or 5672
        self._api = f"http://{parts.hostname}:{port + 1}"
        if shared and urlsplit(shared).port == port:
            given = os.environ.get("TEST_RABBIT_API_URL")
            self._api = given or f"http://{parts.hostname}:{port + 10000}"
        login = f"{parts.username or 'guest'}:{parts.password or 'guest'}"
        self._headers = {
            "Authorization": f"Basic {b64encode(login.encode()).decode()}",
            "Content-Type": "application/json",
        }
        self.vhost = unquote(parts.path[1:]) or "/"

    def ask(self, method: str, *path: str, **body: Any) -> Any:
        """Ask for something and return the answer.

        Args:
            method: Of HTTP.
            *path: Below `/api`.
            **body: What is sent as JSON.
        """
        place = "/".join(quote(part, safe="") for part in path)
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(  # noqa: S310 - 127.0.0.1
            f"{self._api}/api/{place}", data, self._headers, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text else None

    def close_connections(self) -> int:
        """Close every connection to the virtual host; return how many there were."""
        closed = 0
        for connection in self.ask("GET", "vhosts", self.vhost, "connections"):
            try:
                self.ask("DELETE", "connections", connection["name"])
                closed += 1
            except urllib.error.HTTPError:
                pass  # it went by itself; the list is some seconds old
        return closed

    def declare_queue(self, name: str, **arguments: Any) -> None:
        """Make a durable queue.

        Args:
            name: Of the queue.
            **arguments: With `_` for `-`.
        """
        given = {key.replace("_", "-"): value for key, value in arguments.items()}
        self.ask("PUT", "queues", self.vhost, name, durable=True, arguments=given or {})

    def bind(self, exchange: str, queue: str, routing_key: str) -> None:
        """Have a queue get what is published with a routing key.

        Args:
            exchange: Where it is published.
            queue: Its name.
            routing_key: With wildcards, where the exchange knows them.
        """
        place = ("bindings", self.vhost, "e", exchange, "q", queue)
        self.ask("POST", *place, routing_key=routing_key)

    def delete_queue(self, name: str) -> None:
        """Delete a queue with what is in it."""
        self.ask("DELETE", "queues", self.vhost, name)

    def limit(self, pattern: str, messages: int) -> None:
        """Have queues hold only so many messages.

        Args:
            pattern: Of their names.
            messages: How many.
        """
        definition = {"max-length": messages}
        self.ask(
            "PUT",
            *("policies", self.vhost, "full"),
            **{"pattern": pattern, "definition": definition, "apply-to": "queues"},
        )

    def unlimit(self) -> None:
        """Take the limit away."""
        self.ask("DELETE", "policies", self.vhost, "full")

    def taken(self, queue: str, count: int = 100) -> list[dict[str, Any]]:
        """Take messages out of a queue and return them.

        Args:
            queue: Its name.
            count: How many at most.
        """
        answer = self.ask(
            "POST",
            *("queues", self.vhost, queue, "get"),
            count=count,
            ackmode="ack_requeue_false",
            encoding="auto",
        )
        return list(answer)
