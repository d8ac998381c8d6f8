"""What a kafka:// URL says."""

import pytest

from fleetwright.errors import FleetwrightError
from fleetwright.events.brokers._kafka import KafkaBroker
from fleetwright.events.brokers._kafka_url import parse


def test_servers_have_a_port_each() -> None:
    """Several are separated by commas; 9092 is the port of those that name none."""
    address = parse("kafka://a:19092,b,[::1]:3,[::1]")

    assert address.servers == "a:19092,b:9092,[::1]:3,[::1]:9092"
    assert address.settings["security.protocol"] == "PLAINTEXT"


def test_user_means_sasl_and_ssl_means_tls() -> None:
    """Names and passwords are decoded; the mechanism and files are in the query."""
    address = parse(
        "kafka+ssl://us%40er:p%3Aw@h:1?mechanism=scram-sha-512&ca=/ca.pem"
        "&session_seconds=20"
    )

    assert address.settings == {
        "bootstrap.servers": "h:1",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "us@er",
        "sasl.password": "p:w",
        "ssl.ca.location": "/ca.pem",
    }
    assert address.session_seconds == 20
    plain = parse("kafka://u:p@h").settings
    assert plain["security.protocol"] == "SASL_PLAINTEXT"
    assert plain["sasl.mechanism"] == "PLAIN"


@pytest.mark.parametrize(
    "url",
    [
        "kafka://",
        "kafka://h:port",
        "kafka://h:0",
        "kafka://h:99999",
        "kafka://h:1,",
        "kafka://h/topic",
        "kafka://h?sesion_seconds=1",
        "kafka://h?session_seconds=soon",
        "kafka://h?session_seconds=0",
        "kafka://u:secret@h?mechanism=GSSAPI",
        "kafka://u:secret@[h",
        "http://h",
    ],
)
def test_wrong_url_is_refused_at_once_without_its_password(url: str) -> None:
    """The error says what is wrong and never shows what is secret."""
    with pytest.raises(FleetwrightError) as error:
        parse(url)

    assert "secret" not in str(error.value)
    assert error.value.hint


def test_password_is_not_shown() -> None:
    """Neither by the broker nor by its address."""
    url = "kafka+ssl://user:secret@h:1"

    assert "secret" not in repr(parse(url)) + str(parse(url)) + repr(KafkaBroker(url))


async def test_file_that_is_not_there_is_told_when_the_broker_is_opened() -> None:
    """What can never work fails at once and not in the background."""
    broker = KafkaBroker("kafka+ssl://user:secret@127.0.0.1:1?ca=/not/there.pem")

    with pytest.raises(FleetwrightError, match="cannot be used") as error:
        await broker.open()

    assert "secret" not in str(error.value)
