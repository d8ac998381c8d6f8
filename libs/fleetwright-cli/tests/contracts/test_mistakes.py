"""Fifteen mistakes that other checks let through, each made in the code of a fleet.

Each is caught before it is released: with a value that shows it, and with the line of
the consumer in the fleet that uses what changed.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from fleetwright_cli.contracts import drift, evolution, extract, frozen, verify
from fleetwright_cli.fleet import discover
from fleetwright_contracts import Finding

if TYPE_CHECKING:
    from contracts.conftest import Traders

MODELS, APP = "shop/src/shop/models.py", "shop/src/shop/app.py"
CLIENTS, EVENTS = "buyer/src/buyer/clients.py", "buyer/src/buyer/events.py"


class Mistake(NamedTuple):
    """A change of the shop, and what becomes of it.

    Attributes:
        file: What is changed.
        old: The text there.
        new: What takes its place.
        rule: What is found.
        witness: Some of the value that shows it; None where no value can.
        user: What in the buyer uses it.
        breaks: Whether the buyer itself does not fit any more.
    """

    file: str
    old: str
    new: str
    rule: str
    witness: Any
    user: str
    breaks: bool = True


MISTAKES = {
    "1 a union that is answered gains a member": Mistake(
        MODELS,
        "owner: User | Org",
        "owner: User | Org | Team",
        "response-widened",
        {"owner": {"members": 0}},
        "async def product",
    ),
    "2 a pattern of what is answered is gone": Mistake(
        MODELS,
        'slug: str = Field(pattern="^[a-z]+$")',
        "slug: str",
        "response-widened",
        {"slug": ""},
        "async def product",
    ),
    "3 a table may have so many entries": Mistake(
        MODELS,
        "labels: dict[str, str]",
        "labels: Annotated[dict[str, str], Field(max_length=1)]",
        "request-narrowed",
        {"tags": [], "weight": 0},
        "async def keep",
    ),
    "4 a list becomes a set": Mistake(
        MODELS,
        "tags: list[str]",
        "tags: set[str]",
        "request-narrowed",
        {"tags": ["", ""]},
        "async def keep",
    ),
    "5 a number must be a multiple": Mistake(
        MODELS,
        "weight: int",
        "weight: Annotated[int, Field(multiple_of=5)]",
        "request-narrowed",
        {"weight": 1},
        "async def keep",
    ),
    "6 what is not declared is refused": Mistake(
        MODELS,
        "sku: str\n",
        'sku: str\n    model_config = ConfigDict(extra="forbid")\n',
        "undeclared-refused",
        {"sku": ""},
        "async def order",
    ),
    "7 a router asks for a token": Mistake(
        APP,
        'prefix="/v1"',
        'prefix="/v1", dependencies=[Depends(HTTPBearer())]',
        "security-tightened",
        None,
        "async def product",
    ),
    "8 a choice that is answered becomes any text": Mistake(
        MODELS,
        'state: Literal["new", "old"]',
        "state: str",
        "response-widened",
        {"state": ""},
        "async def product",
    ),
    "9 a callback tells more": Mistake(
        MODELS,
        'Literal["paid", "refused"]',
        'Literal["paid", "refused", "open"]',
        "webhook-widened",
        {"state": "open"},
        "async def order",
        breaks=False,
    ),
    "9 an event tells more": Mistake(
        "shop/src/shop/events.py",
        '"card", "cash"',
        '"card", "cash", "cheque"',
        "event-not-understood",
        {"how": "cheque"},
        "class Sold",
    ),
    "10 null is left out": Mistake(
        APP,
        '@router.get("/products/{slug}")',
        '@router.get("/products/{slug}", response_model_exclude_none=True)',
        "response-widened",
        {"slug": "a"},
        "async def product",
    ),
    "10 names of Python are answered": Mistake(
        APP,
        '@router.get("/products/{slug}")',
        '@router.get("/products/{slug}", response_model_by_alias=False)',
        "response-widened",
        {"net": 0},
        "async def product",
    ),
    "11 a text no longer stands for a number": Mistake(
        MODELS,
        "packed_by: int",
        "packed_by: Annotated[int, Field(strict=True)]",
        "request-stricter",
        {"packed_by": "1"},
        "async def keep",
        breaks=False,
    ),
    "12 a rule is written in Python": Mistake(
        MODELS,
        "weight: int",
        "weight: Annotated[int, AfterValidator(even)]",
        "request-stricter",
        {"weight": 1},
        "async def keep",
        breaks=False,
    ),
    "13 a moment must have a zone": Mistake(
        MODELS,
        "sold_from: datetime",
        "sold_from: AwareDatetime",
        "request-stricter",
        {"sold_from": "2026-01-31T12:00:00"},
        "async def keep",
    ),
    "14 a path takes the requests of another": Mistake(
        APP,
        '@router.get("/products/{slug}")',
        '@router.get("/products/latest")\n'
        "@public\n"
        "def latest() -> None:\n"
        '    """Find the newest product."""\n\n\n'
        '@router.get("/products/{slug}")',
        "path-shadowed",
        "GET /v1/products/latest",
        "async def product",
        breaks=False,
    ),
    "15 what cannot be read is answered differently": Mistake(
        APP,
        "    return mount(app, service)",
        "    app.exception_handler(RequestValidationError)(complain)\n"
        "    return mount(app, service)",
        "response-media-type-removed",
        None,
        "async def order",
        breaks=False,
    ),
}


@pytest.fixture(scope="module")
def fleet_of_traders(made_once: "Traders") -> "Traders":
    """Give the fleet, after making sure that it fits together."""
    fleet = discover(made_once.root)
    found = verify(fleet, frozen(fleet.services.values()))

    assert [one.finding for one in found.unmet if one.fails] == []
    assert found.edges == 2
    return made_once


def line_of(traders: "Traders", file: str, text: str) -> int:
    """Return the first line of a file that has a text in it."""
    lines = traders.path(file).read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_caught_with_a_value_and_the_consumers_line(
    fleet_of_traders: "Traders", mistake: Mistake
) -> None:
    """The change of the code alone, frozen and compared with what was committed."""
    traders = fleet_of_traders
    fleet = discover(traders.root)
    with traders.changed(mistake.file, (mistake.old, mistake.new)):
        extraction = extract(fleet, [fleet.services["shop"]])
        extraction.require()
        for stale in drift(fleet, extraction):
            stale.mend()
        changes = evolution(fleet, frozen(fleet.services.values()), "HEAD")

    file = EVENTS if mistake.user.startswith("class") else CLIENTS
    place = f"services/{file}", line_of(traders, file, mistake.user)
    found = [
        (one.finding, user)
        for one in changes
        for user in one.callers
        if one.fails and (user.file, user.line) == place
    ]
    [(finding, user)] = [it for it in found if it[0].rule == mistake.rule]
    assert_shows(finding, mistake.witness)
    assert (user.unmet is not None) is mistake.breaks


def assert_shows(finding: Finding, some: Any) -> None:
    """Require a witness with some of its members, or none where no value can be one."""
    if some is None:
        assert finding.witness is None
        return
    assert finding.witness is not None
    value = finding.witness.value
    if isinstance(some, dict):
        assert isinstance(value, dict)
        assert some.items() <= value.items()
    else:
        assert value == some
