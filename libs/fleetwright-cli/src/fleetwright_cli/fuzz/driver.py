"""Asks one running service by Schemathesis; run by its own environment's Python.

It reads what to do from stdin and writes what it found to stdout, both as JSON. It
imports nothing of the tool, which is not installed where it runs.
"""

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import requests
import schemathesis
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure, ServerError
from schemathesis.engine import events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData

KEY = "Idempotency-Key"
# A request that is valid may still be refused, for what the service knows beside it.
_REFUSED = (400, 422)
_AGAIN = (503, 504)
_OF_THE_RUNTIME = frozenset(("overloaded", "timeout"))  # any operation may say so
_MOST_AGAIN = 5
_ANSWER_SECONDS = 30
_UNREAD = frozenset(("invalid_request", "bad_json"))
_KIND = re.compile(r"`(\w+)`")


def main() -> None:
    """Do what stdin asks for."""
    asked = json.load(sys.stdin)
    schema = schemathesis.openapi.from_dict(asked["document"], config=_config(asked))
    schemathesis.hook("before_call")(_freshly(asked["seed"]))
    schemathesis.hook("filter_failure")(_is_a_fault)
    stream = from_schema(schema).execute()
    # `max-time` would go on until the time is over, however few examples are wanted.
    limit = threading.Timer(asked["seconds"], stream.stop)
    limit.daemon = True
    limit.start()
    json.dump(found_by(stream), sys.stdout)
    limit.cancel()


def _config(asked: dict[str, Any]) -> SchemathesisConfig:
    """Return how to ask: all checks, no memory of earlier runs, one thing at a time."""
    examples = asked["examples"]
    told: dict[str, Any] = {
        "base-url": asked["url"],
        "seed": asked["seed"],
        "continue-on-failure": True,
        "workers": 1,
        "request-timeout": _ANSWER_SECONDS,
        "generation": {"max-examples": examples, "database": "none"},
        # One example of these is a sequence of up to six requests.
        "phases": {"stateful": {"generation": {"max-examples": -(-examples // 6)}}},
        "output": {
            "sanitization": {"enabled": False},
            "truncation": {"enabled": False},
        },
    }
    if asked["token"]:
        told["headers"] = {"Authorization": f"Bearer {asked['token']}"}
    return SchemathesisConfig.from_dict(told)


def _freshly(seed: int) -> Callable[[Any, Any, Any], None]:
    """Return what makes requests such as a client makes them.

    A key is used for one request, or all after the first would only be refused. A whole
    number is written without a fraction: 7.0 is an integer to JSON Schema, which cannot
    say otherwise, and is none to a field that is strict.

    Args:
        seed: What the keys begin with.
    """
    keys = (f"{seed:x}-{number}" for number in count(1))

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        is_good = case.meta is None or case.meta.generation.mode.is_positive
        if is_good and KEY in case.headers:
            case.headers[KEY] = next(keys)
        body = _whole(case.body)
        if repr(body) != repr(case.body):
            case.body = body

    return before_call


def _whole(value: Any) -> Any:
    """Return a value with its whole numbers as integers."""
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_a_fault(context: Any, failure: Failure, case: Any, response: Any) -> bool:
    """Return whether a failure is one, by the words of the contract.

    A refusal whose kind is named beside its status (`bad_lines`) is what the contract
    promises for a request that is well formed and cannot be carried out; that it could
    not be read (`invalid_request`) is none. What is promised to be there again
    (`unavailable`) is asked for again, and so is a service that had no time.
    """
    status, kind = response.status_code, _kind_of(response)
    is_named = kind in _named(case, status)
    if status in _AGAIN and (is_named or kind in _OF_THE_RUNTIME):
        is_another = is_named and not isinstance(failure, ServerError)
        return is_another or not _is_there_again(response)
    is_refusal = isinstance(failure, RejectedPositiveData) and status in _REFUSED
    return not (is_refusal and is_named)


def _kind_of(response: Any) -> str:
    """Return the kind of a problem; empty for another answer."""
    try:
        return str(response.json().get("kind", ""))
    except (ValueError, AttributeError):
        return ""


def _named(case: Any, status: int) -> set[str]:
    """Return the kinds that the contract names beside a status."""
    answers = case.operation.definition.raw.get("responses", {})
    promised = answers.get(str(status), {}).get("description", "")
    return set(_KIND.findall(promised)) - _UNREAD


def _is_there_again(response: Any) -> bool:
    """Return whether a request is answered when it is sent again, as it is."""
    for _ in range(_MOST_AGAIN):
        waited = response.headers.get("retry-after", ["1"])[0]
        time.sleep(min(float(waited) if waited.isdecimal() else 1.0, 5.0))
        answer = requests.Session().send(response.request, timeout=_ANSWER_SECONDS)
        if answer.status_code not in _AGAIN:
            return answer.status_code < 500
    return False


def found_by(stream: Any) -> dict[str, Any]:
    """Return what the engine's events say, each fault once.

    Args:
        stream: The events of one run.
    """
    found: dict[str, Any] = {"requests": 0, "stopped": "", "errors": []}
    faults: dict[tuple[str, ...], dict[str, Any]] = {}
    for event in stream:
        if isinstance(event, events.ScenarioFinished):
            found["requests"] += len(event.recorder.interactions)
            for fault in _faults(event):
                key = (fault["check"], fault["operation"], fault["title"])
                faults.setdefault(key, fault)["times"] += 1
        elif isinstance(event, events.NonFatalError):
            found["errors"].append(f"{event.label}: {event.value}")
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.EngineFinished):
            found["stopped"] = event.stop_reason.value
    found["checks"] = sorted(CHECKS.get_all_names())
    found["faults"] = list(faults.values())
    return found


def _faults(event: events.ScenarioFinished) -> Iterator[dict[str, Any]]:
    """Yield the faults of a scenario."""
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is None:
                continue
            failure = check.failure_info.failure
            said = event.recorder.interactions[failure.case_id or case_id].response
            yield {
                "check": check.name,
                "operation": failure.operation or event.label or "",
                "title": failure.title,
                "message": failure.message,
                "status": said.status_code if said is not None else 0,
                "answer": said.text[:2000] if said is not None else "",
                "curl": check.failure_info.code_sample,
                "phase": event.phase.value,
                "times": 0,
            }


if __name__ == "__main__":
    main()
