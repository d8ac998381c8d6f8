"""Settings in tests are what the test says."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TEST = '''
import os
from fleetwright._settings import Settings

class ShopSettings(Settings):
    """Settings of a shop."""

    shelf: str = "default"

def test_settings():
    """Neither the variable nor the file is seen."""
    settings = ShopSettings.load()
    assert (settings.shelf, settings.log_level) == ("default", "INFO")
    assert "CATALOG_URL" not in os.environ
    assert os.environ["TEST_DATABASE_URL"] == "sqlite://"
'''


def test_settings_are_kept_from_the_real_environment(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables and `.env` of whoever runs the tests change nothing."""
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("CATALOG_URL", "http://elsewhere")
    monkeypatch.setenv("TEST_DATABASE_URL", "sqlite://")
    Path(pytester.path, ".env").write_text("SHELF=from the file\n")
    pytester.makepyfile(TEST)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    plain = ("-p", "no:cacheprovider", "-p", "no:faulthandler")  # that of ours stays
    pytester.runpytest_inprocess(*plain).assert_outcomes(passed=1)
