"""What a kafka:// URL says, as settings of librdkafka."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from fleetwright.errors import FleetwrightError

SESSION_SECONDS = 10.0
_DEFAULT_PORT = 9092
_FILES = {
    "ca": "ssl.ca.location",
    "certificate": "ssl.certificate.location",
    "key": "ssl.key.location",
}
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """Where a Kafka is and how it is talked to.

    Attributes:
        servers: `host:port`, separated by commas.
        settings: What librdkafka needs to connect; a password may be among them.
        session_seconds: How long a member of a group may be silent before its lanes
            go to others.
    """

    servers: str
    settings: dict[str, str] = field(repr=False)
    session_seconds: float

    def __str__(self) -> str:
        """Return where it is, without a password."""
        return f"kafka://{self.servers}"


def parse(url: str) -> KafkaAddress:
    """Read a URL such as `kafka+ssl://user:password@host:9093?ca=/etc/ca.pem`.

    Args:
        url: `kafka://` or `kafka+ssl://`; servers with ports, separated by commas; a
            user and a password for SASL; `mechanism`, `ca`, `certificate`, `key` and
            `session_seconds` in the query.

    Returns:
        What it says.

    Raises:
        FleetwrightError: It does not name a Kafka.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _wrong(f"it cannot be read: {error}") from None
    if parts.scheme not in ("kafka", "kafka+ssl"):
        raise _wrong(f"its scheme is {parts.scheme!r}")
    credentials, _, hosts = parts.netloc.rpartition("@")
    servers = ",".join(_server(host) for host in hosts.split(","))
    query = _query(parts)
    settings = {"bootstrap.servers": servers}
    settings |= _security(parts.scheme == "kafka+ssl", credentials, query)
    for name, setting in _FILES.items():
        if name in query:
            settings[setting] = query.pop(name)
    session_seconds = _seconds(query.pop("session_seconds", str(SESSION_SECONDS)))
    if query:
        raise _wrong(f"{min(query)!r} in its query means nothing")
    return KafkaAddress(servers, settings, session_seconds)


def _query(parts: SplitResult) -> dict[str, str]:
    if parts.path.strip("/"):
        raise _wrong("it has a path; topics are named by events")
    return dict(parse_qsl(parts.query, keep_blank_values=True))


def _server(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(_DEFAULT_PORT)
    if not host:
        raise _wrong("a server has no name")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise _wrong(f"{port!r} is not a port")
    return f"{host}:{port}"


def _security(
    is_encrypted: bool, credentials: str, query: dict[str, str]
) -> dict[str, str]:
    mechanism = query.pop("mechanism", "PLAIN").upper()
    if not credentials:
        return {"security.protocol": "SSL" if is_encrypted else "PLAINTEXT"}
    if mechanism not in _MECHANISMS:
        raise _wrong(f"its mechanism is {mechanism!r}, none of {_MECHANISMS}")
    user, _, password = credentials.partition(":")
    return {
        "security.protocol": "SASL_SSL" if is_encrypted else "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": unquote(user),
        "sasl.password": unquote(password),
    }


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise _wrong(f"session_seconds={text} is not a number") from None
    if not 1 <= seconds <= 1800:
        raise _wrong(f"session_seconds={text} is not between 1 and 1800")
    return seconds


def _wrong(what: str) -> FleetwrightError:
    # Never the URL itself: there may be a password in it.
    return FleetwrightError(
        f"the URL of Kafka is wrong: {what}",
        where="connect(url), from BROKER_URL as a rule",
        hint="use kafka://host:9092 or kafka+ssl://user:password@host:9093",
    )
