"""What is written by hand is read by others: the protobuf of OpenTelemetry's own."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from otlp_receiver import attributes

from fleetwright import _secrets
from fleetwright._telemetry import _otlp

LENGTHS = (0, 1, 59, 60, 61, 100, 125, 126, 127, 128, 2_300, 16_300, 16_384)


def read(said: dict[str, Any]) -> dict[str, Any]:
    """Return attributes as a receiver reads them."""
    return dict(attributes(Resource.FromString(_otlp.attributes(1, said))))


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Write what comes anew, and leave nothing of it to others."""
    _otlp.forget_values()
    yield
    _otlp.forget_values()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("letter", ["x", "ü", "€"])
def test_texts_of_every_length_are_read_as_they_were(letter: str, length: int) -> None:
    """Lengths have one byte or more, of the text, its value and the attribute."""
    said = {"sku": letter * length, "call_id": letter * length, "n" * 126: "a"}

    assert read(said) == said
    assert read(said) == said  # written once, and remembered


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("order", [(1, True, 1.0), (True, 1.0, 1), (1.0, 1, True)])
def test_equal_values_keep_their_types(order: tuple[Any, ...]) -> None:
    """1, True and 1.0 are one key of a dictionary, and three values."""
    for value in (*order, *order):
        (found,) = read({"count": value}).values()

        assert found == value
        assert type(found) is type(value)


def test_what_has_no_value_is_left_out() -> None:
    """As the API has it."""
    assert read({"caller": None, "outcome": "answered"}) == {"outcome": "answered"}


def test_a_secret_is_masked_whatever_its_type_and_length() -> None:
    """By name and by shape, the first time and the next."""
    said = {
        "password": "x",
        "card": 4111.5,
        "token": 5,
        "to": "ann@example.org",
        "auth": "Bearer abcdef",
        "long": "ann@example.org " * 9,
    }

    for _ in range(2):
        found = read(said)

        assert found.pop("auth") == "Bearer ***"
        assert found.pop("long") == "*** " * 9
        assert set(found.values()) == {"***"}


@pytest.mark.usefixtures("forgotten")
def test_values_are_forgotten_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is remembered is bounded, and what was forgotten is written again."""
    monkeypatch.setattr(_otlp, "_MOST_REMEMBERED", 8)

    for number in range(100):
        assert read({"sku": f"tea-{number}"}) == {"sku": f"tea-{number}"}

    assert len(_otlp._written(1)) <= 8


@pytest.mark.usefixtures("forgotten")
def test_a_secret_of_one_word_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short word has no shape of its own: it is known by its value."""
    monkeypatch.setattr(_secrets, "_values", {"hunter2"})

    assert read({"said": "hunter2", "sku": "tea"}) == {"said": "***", "sku": "tea"}
