"""What the search concludes from open questions, and when it forgets it."""

from fleetwright_contracts import Exhausted, Verdict, compare_schemas
from fleetwright_contracts._values import Kind
from fleetwright_contracts.shapes import Shape, Shapes
from fleetwright_contracts.solver import Found, Nowhere, Solver, Unsure


def list_of(shapes: Shapes, item: Shape) -> Shape:
    """Return the shape of lists with at least one item, all of one shape."""
    kind = shapes.of_kind(Kind.ARRAY)
    count = shapes.item_count(1, None)
    return shapes.every([kind, count, shapes.items_from(0, item)])


def test_what_rested_on_an_open_question_is_forgotten_when_it_has_a_value() -> None:
    """Inside the search for `a`, `b` has no value; after it, `b` has one."""
    shapes = Shapes()
    a, b = shapes.named("a"), shapes.named("b")
    other = shapes.of_kind(Kind.OBJECT)
    shapes.define("a", 0, lambda: shapes.either([list_of(shapes, b), other]))
    shapes.define("b", 0, lambda: list_of(shapes, a))
    solver = Solver(shapes)

    first = solver.search([a], deepest=20)
    second = solver.search([b], deepest=20)

    assert first == Found({})
    assert second == Found([{}])


def test_circle_without_an_end_has_no_value_whoever_is_asked() -> None:
    """Each needs the other inside, and nothing ends it."""
    shapes = Shapes()
    a, b = shapes.named("a"), shapes.named("b")
    shapes.define("a", 0, lambda: list_of(shapes, b))
    shapes.define("b", 0, lambda: list_of(shapes, a))
    solver = Solver(shapes)

    assert solver.search([a], deepest=20) == Nowhere()
    assert solver.search([b], deepest=20) == Nowhere()


def test_search_that_is_cut_may_be_asked_again_deeper() -> None:
    """Giving up at a depth is no answer for good."""
    shapes = Shapes()
    nested = shapes.of_kind(Kind.OBJECT)
    for _ in range(6):
        nested = list_of(shapes, nested)
    solver = Solver(shapes)

    shallow = solver.search([nested], deepest=3)
    was_cut = solver.was_cut
    deep = solver.search([nested], deepest=10)

    assert isinstance(shallow, Unsure)
    assert was_cut
    assert deep == Found([[[[[[{}]]]]]])


def test_budget_that_ended_in_the_middle_leaves_nothing_wrong_behind() -> None:
    """What rested on questions that were given up is not believed later."""
    shapes = Shapes()
    a, b = shapes.named("a"), shapes.named("b")
    shapes.define(
        "a", 0, lambda: shapes.either([list_of(shapes, b), shapes.of_kind(Kind.OBJECT)])
    )
    shapes.define("b", 0, lambda: list_of(shapes, a))
    for steps in range(1, 8):
        solver = Solver(shapes, steps=steps)
        judged = compare_or_none(solver, a)
        solver.allow(1000)

        assert judged in (None, Found({}))
        assert solver.search([b], deepest=20) == Found([{}])


def test_question_about_the_same_value_proves_nothing() -> None:
    """A circle without a step inside is no smaller value: nobody knows."""
    shapes = Shapes()
    a, b = shapes.named("a"), shapes.named("b")
    never = list_of(shapes, shapes.nothing)
    shapes.define("a", 0, lambda: shapes.either([b, never]))
    shapes.define("b", 0, lambda: shapes.either([a, never]))

    answer = Solver(shapes).search([a], deepest=20)

    assert isinstance(answer, Unsure)
    assert "itself" in answer.reason


def test_what_was_concluded_inside_is_not_believed_about_the_value_itself() -> None:
    """Further inside, `b` needs a smaller `a`; beside it, it needs the same one."""
    shapes = Shapes()
    a, b = shapes.named("a"), shapes.named("b")
    lists = shapes.of_kind(Kind.ARRAY)
    never = list_of(shapes, shapes.nothing)
    ways = [list_of(shapes, shapes.every([lists, b])), shapes.every([lists, b])]
    shapes.define("a", 0, lambda: shapes.either(ways))
    shapes.define("b", 0, lambda: shapes.either([a, never]))

    answer = Solver(shapes).search([lists, a], deepest=20)

    assert isinstance(answer, Unsure)


def test_what_was_held_when_the_budget_ended_is_forgotten() -> None:
    """The next question stands where the interrupted one stood, and is another."""
    shapes = Shapes()
    a, b = shapes.named("a"), shapes.named("b")
    text = shapes.of_kind(Kind.STRING)
    named = shapes.every(
        [
            shapes.of_kind(Kind.OBJECT),
            shapes.having("x"),
            shapes.properties(shapes.among(["x"]), text),
        ]
    )
    shapes.define("a", 0, lambda: shapes.either([list_of(shapes, b), named]))
    shapes.define("b", 0, lambda: list_of(shapes, a))
    for steps in range(1, 12):
        solver = Solver(shapes, steps=steps)
        judged = compare_or_none(solver, a)
        solver.allow(1000)

        assert judged in (None, Found({"x": ""}))
        assert solver.search([list_of(shapes, b)], deepest=20) == Found([[{"x": ""}]])


def compare_or_none(solver: Solver, shape: Shape) -> object:
    """Return what is found for a shape, None where the budget ends before."""
    try:
        return solver.search([shape], deepest=20)
    except Exhausted:
        return None


def test_value_that_the_other_validator_refuses_is_not_shown() -> None:
    """0.3 is three tenths; a validator that divides floats does not know."""
    judgement = compare_schemas({"const": 0.3, "multipleOf": 0.1}, False)

    assert judgement.verdict is Verdict.UNKNOWN
    assert "independent validator" in judgement.reason


def test_budget_of_a_comparison_is_kept() -> None:
    """A question that is too large ends with words."""
    names = {f"p{n}": n for n in range(30)}
    sent = {"properties": {one: {"minimum": n + 0.5} for one, n in names.items()}}
    read = {"properties": {one: {"minimum": n} for one, n in names.items()}}

    judgement = compare_schemas(sent, read, steps=10)

    assert judgement.verdict is Verdict.UNKNOWN
    assert "budget" in judgement.reason
