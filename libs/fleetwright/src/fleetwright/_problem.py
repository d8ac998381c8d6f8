"""Problem (RFC 9457), Answered, and which error becomes which answer."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fleetwright._json import to_json
from fleetwright.errors import FleetwrightError, Refused, Unavailable

MEDIA_TYPE: Final = "application/problem+json"


class Problem(FleetwrightError):  # noqa: N818 - the word of RFC 9457
    """An answer that says no, and why; raise it in a handler.

    Attributes:
        status: HTTP status of the answer, 400 to 599.
        title: What is wrong, the same words for every case of it.
        detail: What is wrong in this case.
        type: URI of a page about this kind of problem, if there is one.
        headers: Headers of the answer.
        extensions: Further members of the document, for programs to read.
    """

    def __init__(
        self,
        status: int,
        title: str,
        *,
        detail: str | None = None,
        type: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        """Keep the parts of the answer.

        Args:
            status: HTTP status of the answer.
            title: What is wrong, the same words for every case of it.
            detail: What is wrong in this case; shown to the caller.
            type: URI of a page about this kind of problem.
            headers: Headers of the answer, for example Retry-After.
            **extensions: Further members, for example `kind="bad_lines"`.
        """
        super().__init__(f"{status} {title}", where=detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.type = type
        self.headers = dict(headers or {})
        self.extensions = extensions

    def document(self, instance: str | None = None) -> dict[str, Any]:
        """Return the members of the problem document.

        Args:
            instance: What identifies this occurrence; the trace id of the call.

        Returns:
            Members in the order of the RFC, extensions last.
        """
        members: dict[str, Any] = {"type": self.type or "about:blank"}
        members["title"] = self.title
        members["status"] = self.status
        if self.detail is not None:
            members["detail"] = self.detail
        if instance is not None:
            members["instance"] = instance
        return members | self.extensions

    def body(self, instance: str | None = None) -> bytes:
        """Return the document as JSON.

        Args:
            instance: What identifies this occurrence; the trace id of the call.

        Returns:
            UTF-8 bytes.
        """
        return to_json(self.document(instance))


class Answered(FleetwrightError):  # noqa: N818 - an answer, raised to end a handler
    """The answer a request was given before; it ends the handler and is given again.

    Attributes:
        status: HTTP status of the answer.
        body: The answer.
        headers: Headers of the answer.
        media_type: What the body is.
    """

    def __init__(
        self,
        status: int,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        media_type: str = "application/json",
    ) -> None:
        """Keep the parts of the answer.

        Args:
            status: HTTP status of the answer.
            body: The answer.
            headers: Headers of the answer.
            media_type: What the body is.
        """
        super().__init__(f"answered before with {status}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.media_type = media_type


def invalid_request(errors: Iterable[Mapping[str, Any]]) -> Problem:
    """Return the answer to a request that cannot be read.

    Says which parts are wrong and why; never what was sent, it may be a secret.

    Args:
        errors: What pydantic found, each with `loc`, `msg` and `type`.

    Returns:
        A 422.
    """
    wrong = [
        {"at": ".".join(map(str, one["loc"])), "why": one["msg"], "type": one["type"]}
        for one in errors
    ]
    return Problem(
        422,
        "The request is not valid",
        detail=f"{len(wrong)} part(s) of it are wrong.",
        kind="invalid_request",
        errors=wrong,
    )


def phrase(status: int) -> str:
    """Return the words of an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def problem_of(error: BaseException) -> Problem:
    """Return the answer an error becomes.

    Args:
        error: What left the handler.

    Returns:
        The problem itself; 504 for an answer that came too late, 503 for a provider
        that is unavailable, 502 for one that refused; else 500 without any detail.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, Unavailable):
        return _unavailable(error)
    if isinstance(error, Refused):
        provider = error.provider or "a provider"
        return Problem(
            502,
            "A provider refused",
            detail=f"{provider} refused a call this answer needs",
            kind="provider_refused",
        )
    return Problem(500, phrase(500), kind="internal_error")


def _unavailable(error: Unavailable) -> Problem:
    headers = {}
    if error.sends > 1:  # we tried again in vain: layers must not multiply that
        headers["Fleet-Retry"] = "no"
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
    if error.reason in ("timeout", "deadline"):
        detail = f"{error.provider} did not answer in time" if error.provider else None
        return Problem(
            504, "Not answered in time", detail=detail, headers=headers, kind="timeout"
        )
    detail = f"{error.provider} is not available" if error.provider else None
    return Problem(
        503, "Not available now", detail=detail, headers=headers, kind="unavailable"
    )
