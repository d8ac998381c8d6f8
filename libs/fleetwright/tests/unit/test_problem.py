"""Which error becomes which answer."""

import json

import pytest

from fleetwright import DeadlineExceeded, Problem, Refused, Unavailable
from fleetwright._problem import phrase, problem_of


def test_document_has_the_members_of_the_rfc() -> None:
    """Members stand in the order of RFC 9457, extensions after them."""
    problem = Problem(
        409,
        "Out of stock",
        detail="tea",
        type="https://x/stock",
        kind="sold_out",
        left=0,
    )

    assert json.loads(problem.body("trace-1")) == {
        "type": "https://x/stock",
        "title": "Out of stock",
        "status": 409,
        "detail": "tea",
        "instance": "trace-1",
        "kind": "sold_out",
        "left": 0,
    }


def test_document_leaves_out_what_is_not_known() -> None:
    """Without detail and instance neither stands there; the type is about:blank."""
    assert Problem(404, "Not found").document() == {
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
    }


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Problem(418, "Teapot"), 418),
        (DeadlineExceeded(), 504),
        (Unavailable("x", reason="timeout", provider="catalog"), 504),
        (Unavailable("x", reason="connect"), 503),
        (Unavailable("x", reason="rejected", provider="catalog"), 503),
        (Refused("x", status=404, provider="catalog"), 502),
        (ValueError("canary"), 500),
    ],
)
def test_errors_become_statuses(error: Exception, status: int) -> None:
    """Too late is 504, not there 503, a provider's no 502, everything else 500."""
    assert problem_of(error).status == status


def test_unexpected_error_tells_nothing() -> None:
    """The answer to an unexpected error holds nothing of it."""
    assert "canary" not in problem_of(ValueError("canary")).body().decode()


def test_retry_after_of_a_provider_is_passed_on() -> None:
    """Who may ask again later is told when."""
    error = Unavailable("x", reason="status", retry_after_seconds=2.4)

    assert problem_of(error).headers == {"Retry-After": "2"}


def test_unknown_status_has_a_phrase() -> None:
    """A status that HTTP does not name is an error."""
    assert (phrase(404), phrase(599)) == ("Not Found", "Error")
