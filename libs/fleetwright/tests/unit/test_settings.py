"""Settings: environment to typed values, errors that mend themselves."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import HttpUrl, PositiveFloat, SecretStr, ValidationError

from fleetwright import Settings, SettingsError
from fleetwright._secrets import mask


class ShopSettings(Settings):
    """Settings of a service of these tests."""

    database_url: str = "sqlite:///shop.db"
    bank: HttpUrl = HttpUrl("http://localhost:1")
    quote_seconds: PositiveFloat = 0.8
    batch: int = 10
    loud: bool = False


class SecretSettings(Settings):
    """Settings with a secret that production must set."""

    bank_token: SecretStr


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder without `.env`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(kind: type[Settings] = ShopSettings, **given: Any) -> str:
    """Return what loading says is wrong."""
    with pytest.raises(SettingsError) as caught:
        kind.load(**given)
    return str(caught.value)


def test_settings_have_defaults_that_run_on_a_laptop() -> None:
    """Nothing needs to be set to start a service here."""
    settings = ShopSettings.load()

    assert (settings.host, settings.port, settings.quote_seconds) == (
        "127.0.0.1",
        8000,
        0.8,
    )
    assert settings.suspects == ()


def test_settings_are_frozen() -> None:
    """What was read once cannot be changed by code far away."""
    settings = ShopSettings.load()

    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]


def test_environment_goes_before_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`.env` is for a laptop; a variable of the process overrides it."""
    (folder / ".env").write_text("PORT=1\nBATCH=7\nOTEL_X=1\nCATALOG_URL=http://c\n")
    monkeypatch.setenv("PORT", "2")

    settings = ShopSettings.load()

    assert (settings.port, settings.batch) == (2, 7)


def test_malformed_variable_is_named_with_field_file_and_mend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says what is wrong, who reads it and what to type."""
    monkeypatch.setenv("QUOTE_SECONDS", "fast")

    what, where, hint = told().splitlines()

    assert what == "QUOTE_SECONDS=fast is not a number of seconds"
    assert where.startswith("  read by ShopSettings.quote_seconds (")
    assert where.endswith("test_settings.py)")
    assert hint == "hint: set QUOTE_SECONDS=0.8 in the environment"


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("BATCH", "many", "BATCH=many is not a whole number"),
        ("LOUD", "perhaps", "LOUD=perhaps is neither true nor false"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL=loud is not one of DEBUG, INFO"),
        ("PORT", "70000", "PORT=70000 is greater than 65535"),
        ("PORT", "-1", "PORT=-1 is less than 0"),
        ("QUOTE_SECONDS", "0", "QUOTE_SECONDS=0 is not greater than 0"),
        ("BANK", "nowhere", "BANK=nowhere is not a URL"),
    ],
)
def test_complaints_are_words(
    variable: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No complaint needs knowledge of pydantic."""
    monkeypatch.setenv(variable, value)

    assert told().startswith(complaint)


def test_value_of_the_file_is_mended_in_the_file(folder: Path) -> None:
    """The mend names the place where the wrong value stands."""
    (folder / ".env").write_text("BATCH=many\n")

    assert f"hint: set BATCH=10 in {folder / '.env'}" in told()


def test_missing_variable_is_named() -> None:
    """A secret without default says which variable to set."""
    assert told(SecretSettings).startswith("BANK_TOKEN is not set\n")
    assert "set BANK_TOKEN=<secret> in" in told(SecretSettings)


def test_every_wrong_variable_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One start shows all there is to mend."""
    monkeypatch.setenv("BATCH", "many")
    monkeypatch.setenv("PORT", "x")

    assert told().count("hint:") == 3


def test_unknown_key_of_the_file_is_an_error(folder: Path) -> None:
    """A misspelt key of `.env` would otherwise be ignored in silence."""
    (folder / ".env").write_text("QUOTE_SECOND=1\n")

    assert "hint: did you mean QUOTE_SECONDS?" in told()


def test_unknown_key_without_likeness_can_be_removed(folder: Path) -> None:
    """A key that is like none of ours is told all the same."""
    (folder / ".env").write_text("ZEBRA=1\n")

    assert "hint: remove it, or add a field `zebra`" in told()


def test_near_miss_of_the_environment_is_suspected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The environment has many owners: a likeness is told, not refused."""
    monkeypatch.setenv("REQUEST_SECOND", "1")

    assert ShopSettings.load().suspects == (("REQUEST_SECOND", "REQUEST_SECONDS"),)


def test_unknown_argument_is_an_error() -> None:
    """A test that misspells a setting is told so."""
    assert "did you mean quote_seconds?" in told(quote_second=1)


def test_secret_may_come_from_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`BANK_TOKEN_FILE` names a mounted secret."""
    (folder / "token").write_text("from-the-file\n")
    monkeypatch.setenv("BANK_TOKEN_FILE", str(folder / "token"))

    token = SecretSettings.load().bank_token.get_secret_value()

    assert token == "from-the-file"
    assert mask("x from-the-file y") == "x *** y"


def test_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that was not mounted is told with its path."""
    monkeypatch.setenv("BANK_TOKEN_FILE", "/nowhere/token")

    assert told(SecretSettings).startswith("BANK_TOKEN_FILE=/nowhere/token cannot be")


def test_description_masks_secrets() -> None:
    """What is shown of settings holds no password."""
    settings = SecretSettings.load(
        bank_token="very-secret", broker_url="amqp://me:pass@host/"
    )

    shown = settings.describe()

    assert (shown["BANK_TOKEN"], shown["BROKER_URL"]) == ("***", "amqp://me:***@host/")
    assert shown["FLEET_MAP"] == ""


def test_malformed_secret_is_not_echoed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error about a secret does not show it."""

    class CardSettings(Settings):
        card_limit: int = 1

    monkeypatch.setenv("CARD_LIMIT", "canary")

    assert "canary" not in told(CardSettings)
