"""A further prover is asked where we do not know, and nowhere else."""

from typing import Any

import pytest
from matrix import composed, insides, scalars

from fleetwright_contracts import Dialect, Verdict, compare_schemas, rust_prover
from fleetwright_contracts._provers import Prover

UNKNOWN = ({"type": "string", "pattern": "(?<=a)b"}, {"pattern": "(?<=a)b|c"})


class Sure:
    """Proves everything, and remembers what it was asked."""

    def __init__(self) -> None:
        """Begin without questions."""
        self.asked: list[tuple[Any, Any]] = []

    def proves(self, sent: Any, read: Any, dialect: Dialect) -> bool:
        """Say yes."""
        self.asked.append((sent, read))
        return True


def test_prover_is_asked_only_where_nothing_is_known() -> None:
    """What is proved or shown is not up to it."""
    prover = Sure()

    known = [
        compare_schemas(*pair, prover=prover).verdict
        for pair in (({"type": "integer"}, True), (True, {"type": "integer"}))
    ]
    unknown = compare_schemas(*UNKNOWN, prover=prover).verdict

    assert known == [Verdict.FITS, Verdict.BREAKS]
    assert unknown is Verdict.FITS
    assert prover.asked == [UNKNOWN]
    assert compare_schemas(*UNKNOWN).verdict is Verdict.UNKNOWN


@pytest.fixture
def rust() -> Prover:
    """Give the prover that is written in Rust."""
    pytest.importorskip("jsonschema_rs")
    found = rust_prover()
    assert found is not None
    return found


def test_matrix_is_right_with_the_prover_in_rust(rust: Prover) -> None:
    """It proves nothing that is shown to break, asked first or last."""
    wrong = []
    for table in (scalars, insides, composed):
        for name, narrow, wide in table.NARROWER:
            there = compare_schemas(narrow, wide, prover=rust).verdict
            back = compare_schemas(wide, narrow, prover=rust).verdict
            if (there, back) != (Verdict.FITS, Verdict.BREAKS):
                wrong.append(name)

    assert wrong == []


def test_prover_in_rust_is_not_asked_about_references(rust: Prover) -> None:
    """It reads them otherwise than we do."""
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}

    assert not rust.proves(schema, schema, _dialect())
    assert rust.proves({"type": "integer"}, {"type": "number"}, _dialect())


def _dialect() -> Dialect:
    """Return a dialect that it knows."""
    return Dialect("2020-12", 2020, "")
