"""Does what one side sends fit what the other side reads?

Yes, with a proof; no, with a value; or why it is not known.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fleetwright_contracts._provers import Prover
from fleetwright_contracts._smaller import Shortening
from fleetwright_contracts._values import ANY_KIND, Kind, Value
from fleetwright_contracts.errors import ContractError
from fleetwright_contracts.schemas import (
    AS_WRITTEN,
    DRAFT_2020,
    OPENAPI_31,
    Dialect,
    Place,
    Places,
    Reader,
    View,
    dialect_of,
)
from fleetwright_contracts.shapes import Shape, Shapes, holds, opposite
from fleetwright_contracts.solver import (
    MOST_STEPS,
    Found,
    Nowhere,
    Solver,
)

if TYPE_CHECKING:
    from fleetwright_contracts._independent import SecondOpinion

_QUESTIONS = 4


class Verdict(StrEnum):
    """How a comparison ends."""

    FITS = "fits"
    BREAKS = "breaks"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The end of a comparison.

    Attributes:
        verdict: `fits` only if that is proved; `breaks` only with a witness.
        witness: A value that one side sends and the other refuses, checked by an
            independent validator; None (which may be a witness) unless it breaks.
        reason: Why nothing is known; empty otherwise.
    """

    verdict: Verdict
    witness: Value = None
    reason: str = ""


FITS = Judgement(Verdict.FITS)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison.

    Attributes:
        document: The document.
        place: The schema in it.
        view: How it is read.
    """

    document: "Document"
    place: Place
    view: View = AS_WRITTEN


class Document:
    """The schemas of one document, read by one maker of shapes.

    Attributes:
        places: Where its schemas are.
        reader: Reads them.
    """

    def __init__(self, shapes: Shapes, places: Places) -> None:
        """Read nothing yet.

        Args:
            shapes: Who makes the shapes.
            places: Where the schemas are.
        """
        self.places = places
        self.reader = Reader(shapes, places)
        self._opinion: SecondOpinion | None = None

    def takes(self, place: Place, value: Value, hidden: str = "") -> bool | None:
        """Return whether an independent validator takes a value; None: it cannot tell.

        Args:
            place: The schema.
            value: The value.
            hidden: The keyword of properties that need not be there.
        """
        if self._opinion is None:
            # Where everything fits, nobody is asked, and it takes long to import.
            from fleetwright_contracts._independent import SecondOpinion

            self._opinion = SecondOpinion(self.places)
        return self._opinion.takes(place, value, hidden)


class Court:
    """Compares the schemas of documents. Not safe to call from several threads.

    Attributes:
        shapes: Who makes the shapes of both sides.
    """

    def __init__(self, *, steps: int = MOST_STEPS) -> None:
        """Begin without documents.

        Args:
            steps: How much each question may cost; all together a few times as much.
        """
        self.shapes = Shapes()
        self._solver = Solver(self.shapes)
        self._shortening = Shortening()
        self._steps = steps
        self._left = _QUESTIONS * steps
        self._judged: dict[tuple[Shape, Shape, Kind], Judgement] = {}

    def document(self, places: Places) -> Document:
        """Return a document whose schemas can be compared.

        Args:
            places: Where its schemas are.
        """
        return Document(self.shapes, places)

    def judge(self, sends: Side, reads: Side, *, kinds: Kind = ANY_KIND) -> Judgement:
        """Return whether everything that one side sends is taken by the other.

        Args:
            sends: The side that sends.
            reads: The side that reads.
            kinds: What of it counts; values of other kinds are left aside.
        """
        try:
            return self._read(sends, reads, kinds)
        except ContractError as error:
            return Judgement(Verdict.UNKNOWN, reason=error.reason)
        except RecursionError:
            reason = f"nested beyond {sys.getrecursionlimit()} calls"
            return Judgement(Verdict.UNKNOWN, reason=reason)

    def _read(self, sends: Side, reads: Side, kinds: Kind) -> Judgement:
        """Return the judgement of two schemas, which may have been compared before."""
        if _says_the_same(sends, reads):
            return FITS
        sent = sends.document.reader.shape(sends.place, sends.view)
        read = reads.document.reader.shape(reads.place, reads.view)
        if sent is read:
            return FITS
        key = (sent, read, kinds)
        if key not in self._judged:
            self._judged[key] = self._compared(sends, reads, key)
        return self._judged[key]

    def _compared(
        self, sends: Side, reads: Side, key: tuple[Shape, Shape, Kind]
    ) -> Judgement:
        """Return the judgement of two shapes; errors go through."""
        sent, read, kinds = key
        if self._left <= 0:
            return Judgement(Verdict.UNKNOWN, reason="the whole budget is used up")
        self._solver.allow(min(self._steps, self._left))
        counts = self.shapes.of_kind(kinds)
        try:
            answer = self._solver.search([sent, counts, opposite(self.shapes, read)])
        finally:
            self._left -= self._steps - max(self._solver.left, 0)
        if isinstance(answer, Nowhere):
            return FITS
        if not isinstance(answer, Found):
            return Judgement(Verdict.UNKNOWN, reason=answer.reason)

        def is_found(value: Value) -> bool:
            return (
                holds(self.shapes, counts, value) is True
                and holds(self.shapes, sent, value) is True
                and holds(self.shapes, read, value) is False
            )

        def is_confirmed(value: Value) -> bool:
            return (
                sends.document.takes(sends.place, value, sends.view.hidden) is True
                and reads.document.takes(reads.place, value, reads.view.hidden) is False
            )

        witness = self._shortening.smaller(answer.value, is_found)
        if not (is_found(witness) and is_confirmed(witness)):
            witness = answer.value
            if not (is_found(witness) and is_confirmed(witness)):
                reason = "a value was found that the independent validator does not "
                return Judgement(Verdict.UNKNOWN, reason=f"{reason}confirm")
        return Judgement(Verdict.BREAKS, witness=witness)


def _says_the_same(sends: Side, reads: Side) -> bool:
    """Return whether both go by the same words, and the reader is not stricter."""
    one, other = sends.view, reads.view
    if one.hidden != other.hidden or one.width > other.width:
        return False
    places = (sends.document.places, reads.document.places)
    if any(place.dynamic for place in places):
        return False
    sent = sends.document.reader.digest(sends.place)
    return sent == reads.document.reader.digest(reads.place)


def compare_schemas(
    sent: Any,
    read: Any,
    *,
    dialect: Dialect = DRAFT_2020,
    documents: Mapping[str, Any] | None = None,
    steps: int = MOST_STEPS,
    prover: Prover | None = None,
) -> Judgement:
    """Return whether every value of one JSON Schema is one of another.

    Args:
        sent: The schema of what is sent.
        read: The schema of what is read.
        dialect: How they are read where `$schema` does not say.
        documents: Documents that a `$ref` may lead to, by URI; nothing is fetched.
        steps: How much the question may cost.
        prover: Who is asked where nothing was found out, such as `rust_prover()`.

    Returns:
        `fits` with a proof behind it, `breaks` with a value that the first takes and
        the second refuses, or `unknown` with the reason.
    """
    judgement = _compared(sent, read, dialect, documents, steps)
    if judgement.verdict is Verdict.UNKNOWN and prover is not None:
        dialects = {_dialect_of(schema, dialect) for schema in (sent, read)}
        if len(dialects) == 1 and prover.proves(sent, read, dialects.pop()):
            return FITS
    return judgement


def _dialect_of(schema: Any, otherwise: Dialect) -> Dialect:
    """Return the dialect of a schema; an unknown one is none that a prover knows."""
    try:
        return dialect_of(schema, otherwise)
    except ContractError:
        return OPENAPI_31


def _compared(
    sent: Any,
    read: Any,
    dialect: Dialect,
    documents: Mapping[str, Any] | None,
    steps: int,
) -> Judgement:
    """Return what is found out by ourselves."""
    try:
        court = Court(steps=steps)
        sides = []
        for schema in (sent, read):
            document = court.document(Places(schema, dialect, others=documents))
            sides.append(Side(document, document.places.root))
        return court.judge(*sides)
    except ContractError as error:
        return Judgement(Verdict.UNKNOWN, reason=error.reason)
