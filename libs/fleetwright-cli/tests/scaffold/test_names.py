"""Names that may be given, and what is suggested for others."""

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.scaffold import owner_of, require_name


def hint(name: str, *, what: str = "service", used: tuple[str, ...] = ()) -> str:
    """Return what is suggested for a name that is refused."""
    with pytest.raises(FleetError) as refused:
        require_name(name, what=what, command="add {}", used=used)
    assert refused.value.exit_code == 2
    return refused.value.hint


@pytest.mark.parametrize("name", ["a", "billing", "order-desk", "v2", "x" * 28])
def test_names_in_kebab_case_are_taken(name: str) -> None:
    """From one letter to twenty-eight."""
    require_name(name, what="service", command="add {}", used=("orders",))


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("Billing_Service", "billing-service"),
        ("OrderDesk", "order-desk"),
        ("2nd", "nd"),
        ("json", "json-service"),
        ("class", "class-service"),
        ("pydantic", "pydantic-service"),
        ("tests", "tests-service"),
        ("x" * 29, "x" * 28),
        ("../evil", "evil"),
        ("a--b", "a-b"),
        ("größe", "gr-e"),
        ("!!!", "NAME"),
    ],
)
def test_an_odd_name_is_refused_with_a_better_one(name: str, better: str) -> None:
    """What is suggested can be typed as it stands."""
    assert hint(name) == f"`add {better}`"


def test_a_name_that_is_taken_is_refused() -> None:
    """By a service or a library."""
    assert hint("orders", used=("orders",)) == "`add orders-service`"


def test_a_fleet_may_have_a_name_that_a_package_may_not() -> None:
    """Nothing is imported by it."""
    require_name("json", what="fleet", command="new {}", used=())


@pytest.mark.parametrize(
    ("typed", "owner"),
    [
        ("@acme/platform", "@acme/platform"),
        ("platform", "@platform"),
        ("@ada", "@ada"),
        ("ada@example.org", "ada@example.org"),
    ],
)
def test_owners_are_those_of_codeowners(typed: str, owner: str) -> None:
    """A bare word is a user or a team."""
    assert owner_of(typed) == owner


@pytest.mark.parametrize("typed", ["two words", "@", "@a/b/c", "a@b", "@a #x"])
def test_what_is_no_owner_is_refused(typed: str) -> None:
    """It would make CODEOWNERS a file that nobody reads."""
    with pytest.raises(FleetError) as refused:
        owner_of(typed)

    assert refused.value.hint.startswith("`--owner @")
