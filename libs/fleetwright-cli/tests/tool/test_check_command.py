"""`fleet check`, `fleet explain` and `fleet waivers` as typed."""

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tool.conftest import Shop


def test_fleet_that_keeps_the_standard_is_done(small: "Shop") -> None:
    """No breach is exit code 0, and the count of statements is always told."""
    answer = small.fleet("check")

    assert answer.code == 0, answer.out + answer.err
    assert answer.out.startswith("no breach\n")
    assert "of 133 statements checked" in answer.out


def test_breach_is_exit_code_one(small: "Shop") -> None:
    """What is wrong goes to stdout, as data."""
    (small.root / "services" / "billing" / "Dockerfile").unlink()

    answer = small.fleet("check")

    assert answer.code == 1
    assert "CON-02" in answer.out
    assert "services/billing/Dockerfile:1  it is not there" in answer.out


def test_only_some_rules_can_be_looked_at(small: "Shop") -> None:
    """A named rule is checked, another one's breach is not told."""
    (small.root / ".python-version").unlink()

    assert small.fleet("check", "CON-02", "str-07").code == 0
    assert small.fleet("check", "ENV-02").code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "CON-99"), "`CON-99` is no rule"),
        (("check", "OWN-02"), "OWN-02 is checked by nothing"),
        (("check", "--format", "xml"), "xml"),
        (("check", "CON-02", "--baseline"), "a baseline is drawn of all rules"),
        (("check", "CON-02", "--deep"), "all is tried, or nothing"),
        (("check", "--require-docker"), "`--require-docker` is for `--deep`"),
        (("explain", "CON-99"), "`CON-99` is no rule"),
    ],
)
def test_wrong_words_are_exit_code_two(
    small: "Shop", words: tuple[str, ...], said: str
) -> None:
    """A rule that there is not, or a form, is a mistake in what was typed."""
    answer = small.fleet(*words)

    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_outside_of_a_fleet_is_exit_code_two(tmp_path: Path, shop: "Shop") -> None:
    """Without a fleet.toml there is no place to look at."""
    (shop.root / "fleet.toml").unlink()

    answer = shop.fleet("check")

    assert answer.code == 2
    assert "no fleet.toml here or above" in answer.err


def test_baseline_lets_old_breaches_be_and_new_ones_fail(small: "Shop") -> None:
    """What was there on the day of the baseline is told; one more of the same fails."""
    (small.root / ".python-version").unlink()
    assert small.fleet("check", "--baseline").code == 0

    calm = small.fleet("check")
    small.write("services/billing/.env", "A=1\n")
    subprocess.run(
        ["git", "-C", str(small.root), "add", "--all", "--force"], check=True
    )
    broken = small.fleet("check", "--json")

    assert (calm.code, calm.out.splitlines()[0]) == (0, "no breach, 1 of the baseline")
    assert broken.code == 1
    states = {one["rule"]: one["state"] for one in broken.document["findings"]}
    assert states == {"ENV-02": "frozen", "CFG-04": "breach"}


def test_mended_baseline_asks_to_be_drawn_again(small: "Shop") -> None:
    """A breach that has gone cannot come back unseen for long."""
    (small.root / ".python-version").unlink()
    small.fleet("check", "--baseline")
    small.write(".python-version", "3.11\n")

    answer = small.fleet("check")

    assert "1 of the baseline mended: draw it again" in answer.out


def test_broken_baseline_is_a_clear_error(small: "Shop") -> None:
    """A file that is not what the tool wrote says so."""
    small.write("fleet.baseline.json", '{"frozen": [1]}')

    answer = small.fleet("check")

    assert answer.code == 1
    assert "fleet.baseline.json cannot be read" in answer.err
    assert "hint: draw it again" in answer.err


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("json", "{"),
        ("sarif", "{"),
        ("github", "::notice"),
        ("markdown", "### fleet check"),
    ],
)
def test_every_form_can_be_asked_for(small: "Shop", form: str, begins: str) -> None:
    """Each output is whole, and nothing else is on stdout."""
    answer = small.fleet("check", "--format", form)

    assert answer.code == 0
    assert answer.out.startswith(begins)
    if begins == "{":
        assert isinstance(json.loads(answer.out), dict)


def test_explain_shows_a_rule_with_its_examples(shop: "Shop") -> None:
    """The sentence, why, the mend, and what good and bad look like."""
    answer = shop.fleet("explain", "con-05")

    assert answer.code == 0
    assert '"Run as a non-root user for security."' in answer.out
    assert "good:" in answer.out
    assert "  USER 10001" in answer.out
    assert shop.fleet("explain", "CON-05", "--json").document["id"] == "CON-05"


def test_explain_says_why_a_rule_is_not_checked(shop: "Shop") -> None:
    """What needs a person is explained as well."""
    assert "checked: " in shop.fleet("explain", "OWN-02").out


def test_waivers_lists_what_is_owed(small: "Shop") -> None:
    """Rule, place, what it covers, its age and its reason."""
    (small.root / ".python-version").unlink()
    manifest = (small.root / "fleet.toml").read_text("utf-8")
    small.write(
        "fleet.toml",
        manifest + '\n[[waivers]]\nrule = "ENV-02"\nwhere = ".python-version"\n'
        'reason = "One Python each, by their image."\nsince = 2026-01-01\n',
    )

    answer = small.fleet("waivers")

    assert answer.code == 0
    assert "ENV-02" in answer.out
    assert answer.out.splitlines()[-1] == "1 waivers excuse 1 breaches"
    assert small.fleet("waivers", "--json").document["waivers"][0]["covers"] == 1


def test_misspelt_key_of_a_waiver_is_told(small: "Shop") -> None:
    """fleet.toml refuses it with the key that was meant."""
    manifest = (small.root / "fleet.toml").read_text("utf-8")
    small.write(
        "fleet.toml", manifest + '\n[[waivers]]\nrule = "ENV-02"\nreson = "x"\n'
    )

    answer = small.fleet("check")

    assert answer.code == 1
    assert "did you mean `reason`?" in answer.err


def test_fix_shows_what_it_would_do_and_does_it(small: "Shop") -> None:
    """A dry run writes nothing; the fix leaves a fleet that keeps the standard."""
    (small.root / ".python-version").unlink()

    dry = small.fleet("check", "--fix", "--dry-run")
    wet = small.fleet("check", "--fix")

    assert (dry.code, dry.out.splitlines()[1]) == (1, "+++ b/.python-version")
    assert (wet.code, wet.out.splitlines()[0]) == (0, "no breach")
    assert "mended .python-version" in wet.err
    assert small.fleet("check", "--fix", "--dry-run").code == 0


def test_dry_run_alone_is_a_wrong_argument(small: "Shop") -> None:
    """Without a fix there is nothing to try."""
    answer = small.fleet("check", "--dry-run")

    assert answer.code == 2
    assert "`--dry-run` is for `--fix`" in answer.err
