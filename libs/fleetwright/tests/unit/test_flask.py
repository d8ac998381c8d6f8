"""A Flask application on a service: the same story served by us and by others."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_shop import Ask, Paper, by_others, by_us, shop

from fleetwright import Service, Settings, _logs
from fleetwright.flask import mount

JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def paper(logs_put_back: None) -> Paper:
    """Set logs up as JSON on a sheet of paper."""
    paper = Paper()
    _logs.set_up("shop", Settings(log_format="json"), writer=paper)
    return paper


@pytest.fixture(params=[by_us, by_others], ids=["served by us", "served by others"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Ask an application, however it is served."""
    yield request.param


async def test_handler_has_call_deadline_and_open_parts(ask: Ask) -> None:
    """What came in with the request is there without a parameter."""
    headers = {"Fleet-Call-Id": "c-1", "Fleet-Caller": "web"}

    answer = await ask(shop(request_seconds=3), "GET", "/things/tea", headers=headers)

    told = answer.json_
    assert answer.status == 200
    assert (told["id"], told["caller"], told["open"]) == ("c-1", "web", True)
    assert 2 < told["left"] <= 3


async def test_shorter_deadline_of_the_caller_counts(ask: Ask) -> None:
    """What is left of the caller's time is what the handler has."""
    headers = {"Fleet-Deadline-Ms": "1000"}

    answer = await ask(shop(request_seconds=3), "GET", "/things/tea", headers=headers)

    assert answer.json_["left"] <= 1


async def test_call_whose_time_is_over_is_not_begun(ask: Ask) -> None:
    """Nobody waits for the answer any more."""
    headers = {"Fleet-Deadline-Ms": "0"}

    answer = await ask(shop(), "GET", "/things/tea", headers=headers)

    assert (answer.status, answer.json_["kind"]) == (504, "timeout")


@pytest.mark.parametrize(
    ("kind", "status", "title"),
    [
        ("problem", 409, "Sold out"),
        ("unavailable", 503, "Not available now"),
        ("refused", 502, "A provider refused"),
        ("late", 504, "Not answered in time"),
        ("bug", 500, "Internal Server Error"),
        ("abort", 401, "Unauthorized"),
    ],
)
async def test_errors_are_answered_with_problems(
    ask: Ask, kind: str, status: int, title: str
) -> None:
    """Each error of ours and of werkzeug's becomes a problem document."""
    answer = await ask(shop(), "GET", f"/errors/{kind}")

    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json_["title"] == title
    assert len(answer.json_["instance"]) == 32
    assert "canary" not in answer.text


async def test_unknown_path_and_method_are_problems(ask: Ask) -> None:
    """Words of werkzeug are left out, its headers are kept."""
    unknown = await ask(shop(), "GET", "/nothing")
    wrong = await ask(shop(), "DELETE", "/cards")

    assert (unknown.status, unknown.json_["title"]) == (404, "Not Found")
    assert "detail" not in unknown.json_
    assert (wrong.status, "POST" in wrong.headers["allow"]) == (405, True)


async def test_invalid_body_says_what_is_wrong_and_not_what_was_sent(ask: Ask) -> None:
    """What was sent may be a secret."""
    answer = await ask(
        shop(), "POST", "/cards", data=b'{"number": "canary"}', headers=JSON
    )
    broken = await ask(shop(), "POST", "/cards", data=b'{"number":', headers=JSON)
    fine = await ask(shop(), "POST", "/cards", data=b'{"number": 7}', headers=JSON)

    assert (answer.status, answer.json_["kind"]) == (422, "invalid_request")
    assert answer.json_["errors"][0]["at"] == "body.number"
    assert "canary" not in answer.text
    assert (broken.status, broken.json_["kind"]) == (400, "bad_json")
    assert fine.json_ == {"number": 7}


async def test_handlers_of_the_application_are_kept(ask: Ask) -> None:
    """Who answers an error in another way goes on doing so."""
    service = Service("shop", Settings())
    app = Flask("shop")

    @app.errorhandler(404)
    def mine(error: Exception) -> tuple[str, int]:
        return "mine", 404

    answer = await ask(mount(app, service), "GET", "/nothing")

    assert answer.text == "mine"


async def test_one_line_tells_of_the_call_with_the_rule_that_matched(
    ask: Ask, paper: Paper
) -> None:
    """The route is a name with few values, as it is in the code."""
    await ask(shop(), "GET", "/things/tea")

    answered = paper.lines_of("call.answered")
    assert [(one["route"], one["status"], one["outcome"]) for one in answered] == [
        ("/things/<name>", 200, "answered")
    ]


async def test_unexpected_error_is_logged_once_with_its_place(
    ask: Ask, paper: Paper
) -> None:
    """Flask's own line about it is not written a second time."""
    await ask(shop(), "GET", "/errors/bug")

    (failed,) = paper.lines_of("call.failed")
    answered = paper.lines_of("call.answered")
    assert failed["route"] == "/errors/<kind>"
    assert "KeyError" in failed["exception"]
    assert [(one["status"], one["outcome"]) for one in answered] == [(500, "failed")]


async def test_probes_are_answered(ask: Ask) -> None:
    """A Flask service is watched like any other."""
    alive = await ask(shop(), "GET", "/livez")
    ready = await ask(shop(), "GET", "/readyz")
    info = await ask(shop(), "GET", "/info")

    assert alive.json_ == {"service": "shop", "alive": True}
    assert (ready.status, ready.json_["ready"]) == (200, True)
    assert info.json_["parts"]["Shelf"] == {}


async def test_too_long_body_is_refused(ask: Ask) -> None:
    """A body is at most 1 MiB, unless the application says otherwise."""
    answer = await ask(shop(), "POST", "/length", data=b"x" * (1024 * 1024 + 1))
    fits = await ask(shop(), "POST", "/length", data=b"x" * 1024 * 1024)

    assert (answer.status, answer.json_["kind"]) == (413, "body_too_long")
    assert fits.json_ == {"bytes": 1024 * 1024}


async def test_json_of_two_meanings_is_refused(ask: Ask) -> None:
    """Two members of one name: whoever reads it next may take the other."""
    headers = {"Content-Type": "application/json"}
    twice = b'{"number": 1, "number": 2}'

    answer = await ask(shop(), "POST", "/cards", data=twice, headers=headers)
    once = await ask(shop(), "POST", "/cards", data=b'{"number": 1}', headers=headers)

    assert (answer.status, answer.json_["kind"]) == (400, "bad_json")
    assert once.json_ == {"number": 1}


async def test_answer_of_unknown_length_arrives_whole(ask: Ask) -> None:
    """A generator is sent piece by piece."""
    answer = await ask(shop(), "GET", "/lines")

    assert answer.text == "0\n1\n2\n"


async def test_head_is_answered_without_a_body(ask: Ask) -> None:
    """Also a problem has no body then."""
    fine = await ask(shop(), "HEAD", "/things/tea")
    unknown = await ask(shop(), "HEAD", "/nothing")

    assert (fine.status, fine.text) == (200, "")
    assert (unknown.status, unknown.text) == (404, "")


async def test_call_without_a_place_is_turned_away(ask: Ask) -> None:
    """A full service refuses at once, and says that nothing was done."""
    app = shop(max_in_flight=1)
    service: Service = app.extensions["fleetwright"]
    assert service.admission.admit()

    answer = await ask(app, "GET", "/things/tea")

    assert (answer.status, answer.json_["kind"]) == (503, "overloaded")
    assert answer.headers["fleet-not-processed"] == "1"


@pytest.mark.parametrize("content_type", ["text/plain", ""])
async def test_body_that_is_not_said_to_be_json_is_not_parsed(
    ask: Ask, content_type: str
) -> None:
    """Only what says JSON has been checked: this has two meanings."""
    sent = b'{"number": 1, "number": 2}'
    given = {"headers": {"Content-Type": content_type}} if content_type else {}

    answer = await ask(shop(), "POST", "/cards", data=sent, **given)

    assert answer.status == 415
    assert answer.json_["kind"] == "unsupported_media_type"
