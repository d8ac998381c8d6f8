"""The language of templates."""

import pytest

from fleetwright_cli.scaffold._render import render


def test_a_name_stands_for_its_value() -> None:
    """As often as it occurs; what only looks like one is left alone."""
    assert render("<<a>>-<<a>> <<: *b\n", {"a": "x"}) == "x-x <<: *b\n"


@pytest.mark.parametrize(
    ("database", "events", "said"),
    [
        (True, True, "both\n"),
        (True, False, "database\n"),
        (False, True, "none\n"),
        (False, False, "none\n"),
    ],
)
def test_lines_are_there_under_a_condition(
    database: bool, events: bool, said: str
) -> None:
    """Conditions stand within one another, and may be turned over."""
    template = (
        "<<if database>>\n<<if not events>>\ndatabase\n<<else>>\nboth\n<<end>>\n"
        "<<else>>\nnone\n<<end>>\n"
    )

    assert render(template, {"database": database, "events": events}) == said


def test_all_words_of_a_condition_must_hold() -> None:
    """`not` is for the word behind it only."""
    template = "<<if a not b c>>\nyes\n<<end>>\n"

    assert render(template, {"a": True, "b": False, "c": True}) == "yes\n"
    assert render(template, {"a": True, "b": False, "c": False}) == ""


def test_lines_are_there_once_for_each() -> None:
    """With the values of each before those around it."""
    template = "<<each services>>\n<<fleet>>/<<name>>\n<<end>>\n"
    services = [{"name": "a"}, {"name": "b"}]

    said = render(template, {"fleet": "shop", "services": services, "name": "none"})

    assert said == "shop/a\nshop/b\n"


def test_a_name_without_a_value_is_a_mistake_of_the_template() -> None:
    """It is not left standing in somebody's file."""
    with pytest.raises(KeyError):
        render("<<nmae>>\n", {"name": "x"})
