"""What a machine can mend, it mends, and nothing else."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli.standard import check, rules
from fleetwright_cli.standard._examples import files_of
from fleetwright_cli.standard._fixes import FIXES, edits, write

if TYPE_CHECKING:
    from standard.conftest import Files, Made

SETTINGS = "services/billing/src/billing/settings.py"
EXAMPLE = "services/billing/.env.example"
NEEDED = "requirements-dev.in"
# Where the example of the rule breaks it in a way that only a person can mend.
MENDABLE: dict[str, dict[str, str | bytes | None]] = {
    "CFG-04": {".gitignore": "venv/\n", ".dockerignore": ".git\nvenv\ntests\n"},
    "CON-06": {".dockerignore": ".git\n"},
    "DEP-02": {NEEDED: "pytest\npytest-cov\npre-commit\n"},
    "ENV-05": {".gitignore": ".env\n"},
    "OWN-01": {".github/CODEOWNERS": "/libs/ @shop/money\n/docs/ @shop/money\n"},
    "DOC-06": {"docs/design/0001-billing.md": None},
    "PHI-04": {EXAMPLE: "# nothing yet\n"},
    "TST-01": {NEEDED: "pip-tools\npytest-cov\npre-commit\n"},
}


def mended(fleet: "Made", files: "Files", *only: str) -> dict[str, str | bytes | None]:
    """Return files after the fixes of some rules."""
    repository = fleet(files)
    found = check(repository, chosen=frozenset(only)).failing
    changes = edits(repository, [(one.rule.id, one.breach) for one in found])
    return {**files, **{one.path: one.after for one in changes}}


@pytest.mark.parametrize("identity", FIXES)
def test_bad_example_is_mended(fleet: "Made", identity: str) -> None:
    """After the fix the rule finds nothing more, and a second fix changes nothing."""
    bad = MENDABLE.get(identity) or files_of(rules()[identity].bad)

    once = mended(fleet, bad, identity)

    assert once != bad
    assert check(fleet(once), chosen=frozenset([identity])).failing == []
    assert mended(fleet, once, identity) == once


def test_example_of_settings_has_words_and_defaults(fleet: "Made") -> None:
    """Each variable comes with what the class says of it, and with its default."""
    source = '''
        """Settings."""

        from pydantic import Field, SecretStr
        from pydantic_settings import BaseSettings, SettingsConfigDict


        class Settings(BaseSettings):
            """Settings of billing.

            Attributes:
                wait_seconds: How long the bank is waited for,
                    in seconds.
                page_size: How much one page shows.
            """

            model_config = SettingsConfigDict(env_prefix="BILLING_")

            wait_seconds: float = 1_000.5
            page_size: int = Field(default=24, ge=1)
            is_open: bool = True
            token: SecretStr
        '''

    after = mended(fleet, {SETTINGS: source, EXAMPLE: None}, "CFG-03")[EXAMPLE]

    assert str(after).splitlines() == [
        "# How long the bank is waited for, in seconds.",
        "BILLING_WAIT_SECONDS=1000.5",
        "# How much one page shows.",
        "BILLING_PAGE_SIZE=24",
        "BILLING_IS_OPEN=true",
        "# BILLING_TOKEN=",
    ]


def test_user_is_put_before_what_is_started(fleet: "Made") -> None:
    """The line stands in the last stage, or takes the place of root."""
    path = "services/billing/Dockerfile"
    without = {path: 'FROM x AS a\nFROM x\nCOPY --from=a /a /a\nCMD ["a"]\n'}
    as_root = {path: "FROM x AS a\nFROM x\nCOPY --from=a /a /a\nUSER root\n"}

    first = str(mended(fleet, without, "CON-05")[path]).splitlines()
    second = str(mended(fleet, as_root, "CON-05")[path]).splitlines()

    assert first[-2:] == ["USER 10001", 'CMD ["a"]']
    assert second[-1] == "USER 10001"
    assert len(second) == 4


def test_hooks_are_added_to_those_there_are(fleet: "Made") -> None:
    """What was set up stays as it is."""
    path = ".pre-commit-config.yaml"
    foreign = "repos:\n  - repo: https://x\n    rev: '1'\n    hooks:\n      - id: x\n"

    after = str(mended(fleet, {path: foreign}, "QUA-08")[path])

    assert after.startswith(foreign)
    assert after.count("      - id: ") == 4


def test_step_is_put_behind_the_last_one_of_the_first_job(fleet: "Made") -> None:
    """Lines of that step stay together, the next job stays what it is."""
    path = ".github/workflows/ci.yml"
    before = """\
on: [pull_request]
jobs:
  verify:
    steps:
      - name: install
        run: |
          pip install -r requirements-dev.txt
  images:
    steps:
      - run: docker build .
"""

    after = str(mended(fleet, {path: before}, "CIC-06")[path]).splitlines()

    assert after[7:9] == ["      - run: ruff check .", "  images:"]
    assert len(after) == len(before.splitlines()) + 1


def test_owner_that_nobody_knows_is_not_made_up(fleet: "Made") -> None:
    """Without a line of CODEOWNERS there is nobody to name."""
    files: Files = {".github/CODEOWNERS": "# nobody yet\n"}

    assert mended(fleet, files, "OWN-01") == files


def test_edit_is_a_diff_and_keeps_the_mode(fleet: "Made", tmp_path: Path) -> None:
    """A new file comes from nowhere; one that is there stays what it was."""
    repository = fleet({".python-version": None})
    found = check(repository, chosen=frozenset(["ENV-02"])).failing
    changes = edits(repository, [(one.rule.id, one.breach) for one in found])
    (tmp_path / ".python-version").touch(mode=0o640)

    written = list(write(tmp_path, changes))

    assert changes[0].diff.splitlines()[:2] == [
        "--- /dev/null",
        "+++ b/.python-version",
    ]
    assert written == [".python-version"]
    assert (tmp_path / ".python-version").read_text("utf-8") == "3.11\n"
    assert (tmp_path / ".python-version").stat().st_mode & 0o777 == 0o640
