"""Secrets are known by name, by value and by shape."""

import pytest

from fleetwright._secrets import is_secret_name, mask, remember_secret


@pytest.mark.parametrize(
    "name",
    ["Authorization", "set-cookie", "bank_token", "password", "api_key", "card_number"],
)
def test_secret_names_are_known(name: str) -> None:
    """Fields that hold secrets by their very name are masked."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["sku", "key", "idempotency_key", "author", "status"])
def test_everyday_names_are_shown(name: str) -> None:
    """Masking everything would hide what logs are for."""
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:pw@db/x", "postgresql://me:***@db/x"),
        ("at pg://db/x?sslpassword=pw&a=1 now", "at pg://db/x?sslpassword=***&a=1 now"),
        ("Bearer abcdef123456", "Bearer ***"),
        ("got eyJhbGciOi.eyJzdWIiOi.c2ln here", "got *** here"),
        (
            "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----",
            "***",
        ),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_secrets_are_known_by_their_shape(text: str, shown: str) -> None:
    """Passwords in URLs, tokens and keys are masked wherever they stand."""
    assert mask(text) == shown


def test_remembered_values_are_masked_everywhere() -> None:
    """The value of a SecretStr setting is not shown, whatever the text around it."""
    remember_secret("hunter2-canary")
    remember_secret("a")

    assert mask("it was hunter2-canary!") == "it was ***!"
    assert mask("a") == "a"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sent to ann.lee+tea@mail.example.org.", "sent to ***."),
        ("paid with 4111 1111 1111 1111 today", "paid with *** today"),
        ("paid with 4111-1111-1111-1112 today", "paid with 4111-1111-1111-1112 today"),
        ("order 1733000000000000000", "order 1733000000000000000"),
        ("postgresql://shop@db.example.org/x", "postgresql://shop@db.example.org/x"),
    ],
)
def test_people_are_masked_by_shape(text: str, shown: str) -> None:
    """Addresses and cards are, numbers that only look like a card are not."""
    assert mask(text) == shown
