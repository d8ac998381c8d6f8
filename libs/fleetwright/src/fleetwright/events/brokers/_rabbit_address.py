"""Where a RabbitMQ is: the URL taken apart, its password kept out of every text."""

import ssl
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from fleetwright.errors import FleetwrightError

_PORTS = {"amqp": 5672, "amqps": 5671}
_FILES = ("cafile", "certfile", "keyfile")
_FORM = "amqp://NAME:PASSWORD@HOST:PORT/VHOST"


@dataclass(frozen=True, slots=True)
class Address:
    """A RabbitMQ and who comes to it.

    Attributes:
        hosts: The nodes, tried in turn: host and port.
        name: Who comes.
        password: Its secret; in no text of this object.
        vhost: The part of the broker that is used.
        files: Of TLS: `cafile`, `certfile`, `keyfile`; None for no TLS.
    """

    hosts: tuple[tuple[str, int], ...]
    name: str
    password: str = field(repr=False)
    vhost: str
    files: dict[str, str] | None

    def __str__(self) -> str:
        """Return the URL without the password."""
        scheme = "amqp" if self.files is None else "amqps"
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"{scheme}://{self.name}:***@{hosts}/{quote(self.vhost, safe='')}"

    @property
    def url(self) -> str:
        """The URL of the protocol library, for one node; with the password."""
        scheme = "amqp" if self.files is None else "amqps"
        host, port = self.hosts[0]
        who = f"{quote(self.name, safe='')}:{quote(self.password, safe='')}"
        place = f"[{host}]" if ":" in host else host
        return f"{scheme}://{who}@{place}:{port}/{quote(self.vhost, safe='')}"

    def tls(self) -> ssl.SSLContext | None:
        """Return what checks the certificate of the server; None without TLS.

        Raises:
            FleetwrightError: A file cannot be read.
        """
        if self.files is None:
            return None
        try:
            context = ssl.create_default_context(cafile=self.files.get("cafile"))
            if "certfile" in self.files:
                context.load_cert_chain(
                    self.files["certfile"], self.files.get("keyfile")
                )
        except OSError as error:
            raise FleetwrightError(
                f"a certificate cannot be read: {error}",
                where=str(self),
                hint="mend cafile, certfile or keyfile in BROKER_URL",
            ) from error
        return context


def address_of(url: str) -> Address:
    """Take a URL apart.

    Args:
        url: `amqp://name:password@host:port/vhost`, or `amqps://` with TLS; several
            nodes of a cluster are separated by commas. Without a name it is guest, as
            everywhere with RabbitMQ; without a vhost `/`.

    Returns:
        The address.

    Raises:
        FleetwrightError: It names no RabbitMQ; the text shows no password.
    """
    parts = urlsplit(url)
    who, _, places = parts.netloc.rpartition("@")
    name, has_password, password = who.partition(":")
    if parts.scheme not in _PORTS or not places or parts.fragment:
        raise _wrong(places, "it names no RabbitMQ")
    hosts = tuple(_host(place, _PORTS[parts.scheme]) for place in places.split(","))
    files = dict(parse_qsl(parts.query, keep_blank_values=True))
    for key in files:
        if key not in _FILES or parts.scheme != "amqps":
            raise _wrong(places, f"it has an unknown parameter, {key!r}")
    return Address(
        hosts=hosts,
        name=unquote(name) or "guest",
        password=unquote(password) if has_password else "guest",
        vhost=unquote(parts.path[1:]) or "/",
        files=files if parts.scheme == "amqps" else None,
    )


def _host(place: str, usual_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{place}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise _wrong(place, "its host or port is none")
    return host, port or usual_port


def _wrong(places: str, what: str) -> FleetwrightError:
    return FleetwrightError(
        f"the URL of the broker is wrong: {what}",
        where=f"amqp://{places}",
        hint=f"write {_FORM}, with amqps:// for TLS (cafile=, certfile=, keyfile=)",
    )
