"""A message as a Kafka record: the CloudEvents binding, binary mode."""

from hypothesis import given
from hypothesis import strategies as st

from fleetwright.events._envelope import Message
from fleetwright.events.brokers._kafka_wire import message_of, record_headers

NAMES = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20)


@given(
    st.text(min_size=1, max_size=36).filter(str.strip),
    st.none() | st.text(),
    st.dictionaries(NAMES, st.text()),
    st.binary(),
)
def test_message_comes_back_as_it_was(
    id: str, key: str | None, headers: dict[str, str], body: bytes
) -> None:
    """Whatever a message carries, its record carries."""
    message = Message(id, "orders.placed", key, headers, body)

    raw = None if key is None else key.encode()
    back = message_of(("orders.placed", 1, 2), raw, record_headers(message), body)

    assert back == message


def test_attributes_are_named_as_the_binding_says() -> None:
    """`ce_` before each, and the type of the data is the content's type."""
    headers = {"id": "1", "type": "t", "datacontenttype": "application/json"}

    written = record_headers(Message("1", "t", "k", headers, b"{}"))

    assert written == [
        ("ce_id", b"1"),
        ("ce_type", b"t"),
        ("content-type", b"application/json"),
    ]


def test_record_of_another_publisher_has_an_id_of_its_place() -> None:
    """The same at each delivery; no other place has it."""
    place, other = ("t", 1, 2), ("t", 1, 3)

    ids = [message_of(it, None, (), None).id for it in (place, place, other)]

    assert ids[0] == ids[1] != ids[2]
    assert len(ids[0]) == 36
