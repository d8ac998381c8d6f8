"""What holds whatever the schemas are, judged by a validator that is not ours."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st
from properties.schemas import VALUES, Schema, changed, schemas

from fleetwright_contracts import Verdict, compare_schemas

STEPS = 5000


@st.composite
def pairs(draw: Callable[..., Any]) -> tuple[Schema, Schema]:
    """Return two schemas, often the second one a change of the first."""
    one = draw(schemas())
    return one, draw(changed(one) | schemas())


def takes(schema: Schema, value: Any) -> bool | None:
    """Return whether the validator takes a value; None where it runs in circles."""
    try:
        return jsonschema.Draft202012Validator(schema).is_valid(value)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # what is no schema, or a circle, which may end in Rust
        return None


def some_values(schema: Schema) -> list[Any]:
    """Return a few values of a schema, each found because the last was excluded."""
    found: list[Any] = []
    for _ in range(3):
        judgement = compare_schemas(schema, {"enum": found}, steps=STEPS)
        if judgement.verdict is not Verdict.BREAKS:
            break
        found.append(judgement.witness)
    return found


@given(pairs(), st.lists(VALUES, max_size=6))
def test_fits_is_never_said_where_a_value_breaks(
    pair: tuple[Schema, Schema], values: list[Any]
) -> None:
    """No value that the first schema takes is refused by the second."""
    sent, read = pair
    if compare_schemas(sent, read, steps=STEPS).verdict is not Verdict.FITS:
        return

    broken = [
        value
        for value in [*values, *some_values(sent)]
        if takes(sent, value) and takes(read, value) is False
    ]

    assert broken == []


@given(pairs())
def test_witness_is_taken_by_one_and_refused_by_the_other(
    pair: tuple[Schema, Schema],
) -> None:
    """The value that is shown is valid where it is sent, invalid where it is read."""
    sent, read = pair
    judgement = compare_schemas(sent, read, steps=STEPS)

    if judgement.verdict is Verdict.BREAKS:
        assert takes(sent, judgement.witness) is True
        assert takes(read, judgement.witness) is False


@given(schemas())
def test_schema_never_breaks_itself(schema: Schema) -> None:
    """Where nothing was changed nothing breaks."""
    assert compare_schemas(schema, schema, steps=STEPS).verdict is not Verdict.BREAKS


@given(pairs(), st.data())
def test_what_fits_in_two_steps_fits_in_one(
    pair: tuple[Schema, Schema], data: st.DataObject
) -> None:
    """If the first fits the second and that the third, the first never breaks it."""
    first, second = pair
    third = data.draw(changed(second))
    steps = [
        compare_schemas(*both, steps=STEPS).verdict
        for both in ((first, second), (second, third))
    ]

    if steps == [Verdict.FITS, Verdict.FITS]:
        assert compare_schemas(first, third, steps=STEPS).verdict is not Verdict.BREAKS


def test_nearly_all_random_pairs_are_decided() -> None:
    """The engine does not win by saying nothing."""
    verdicts: Counter[str] = Counter()

    @given(pairs())
    def count(pair: tuple[Schema, Schema]) -> None:
        judgement = compare_schemas(*pair, steps=STEPS)
        verdicts["circle" if "circle" in judgement.reason else judgement.verdict] += 1

    count()

    assert verdicts["unknown"] <= 0.03 * sum(verdicts.values()), verdicts
    assert min(verdicts["fits"], verdicts["breaks"]) >= 20
