"""Responses: statuses, media types, headers, and what is in them."""

from collections.abc import Iterable, Iterator

from fleetwright_contracts._declared import lost_properties
from fleetwright_contracts._findings import Severity
from fleetwright_contracts.openapi._description import Operation
from fleetwright_contracts.openapi._talk import Talk, covers, media_type_for
from fleetwright_contracts.schemas import Place


def compare_responses(talk: Talk, asked: Operation, answered: Operation) -> None:
    """Find what changed in the responses of an operation.

    Args:
        talk: The conversation.
        asked: The operation as requests are made.
        answered: The operation as they are answered.
    """
    known = talk.asks.table(asked.place, "responses")
    given = talk.answers.table(answered.place, "responses")
    _compare_statuses(talk, known, given, answered.place)
    for status, expected in _paired(known, given):
        part = talk.about(f"{talk.where} response {status}")
        compare_contents(part, known[expected], given[status])
        _compare_headers(part, known[expected], given[status])


def _paired(known: dict[str, Place], given: dict[str, Place]) -> list[tuple[str, str]]:
    """Return each status that is given, with what is known of it.

    A range that takes the place of a status is what that status is from now on.
    """
    pairs = {status: status_for(status, known) for status in given}
    found = [(status, it) for status, it in pairs.items() if it is not None]
    for status in known:
        wider = status_for(status, given)
        is_range = wider is not None and wider.lower().endswith("xx")
        if wider is not None and is_range and (wider, status) not in found:
            found.append((wider, status))
    return found


def status_for(status: str, known: dict[str, Place]) -> str | None:
    """Return the entry that says what a status means, None where none does.

    Args:
        status: A status, a range of them, or `default`.
        known: What is described.
    """
    for candidate in (status, f"{status[:1]}XX", f"{status[:1]}xx", "default"):
        if candidate in known:
            return candidate
    return None


def _compare_statuses(
    talk: Talk, known: dict[str, Place], given: dict[str, Place], place: Place
) -> None:
    """Compare which statuses there are."""
    for status, response in known.items():
        if status.startswith("2") and status_for(status, given) is None:
            talk.tell(
                "status-removed",
                Severity.ERROR,
                f"{status} is no longer answered",
                response,
                mend=f"go on answering {status}",
            )
    kept = any(status.startswith("2") and status in given for status in known)
    for status, response in given.items():
        if status_for(status, known) is not None:
            continue
        expected = status.startswith(("4", "5")) or not known
        severity = Severity.NOTE if expected else Severity.WARNING
        if status.startswith(("2", "3")) and not kept and known:
            severity = Severity.ERROR
        talk.tell("status-added", severity, f"{status} is answered, too", response)


def compare_contents(talk: Talk, known: Place, given: Place) -> None:
    """Compare the bodies of a response.

    Args:
        talk: The conversation.
        known: The response as it is expected.
        given: The response as it is given.
    """
    expected = talk.asks.table(known, "content")
    offered = talk.answers.table(given, "content")
    lost = [one for one in expected if not _is_offered(one, offered)]
    if lost:
        what = " or ".join(f"`{one}`" for one in lost) if offered else "a body"
        talk.tell(
            "response-media-type-removed",
            Severity.ERROR,
            f"{what} is no longer answered",
            given,
            mend="go on answering what was answered",
        )
    if offered and not expected:
        talk.tell("response-body-added", Severity.WARNING, "it has a body", given)
    for media_type, wanted in _exchanged(expected, offered):
        sent = talk.answers.schema(given, "content", media_type, "schema")
        read = talk.asks.schema(known, "content", wanted, "schema")
        part = talk.about(f"{talk.where} {wanted}")
        if read is not None:
            _compare_schemas(part, sent, read)


def _is_offered(wanted: str, offered: Iterable[str]) -> bool:
    """Return whether who asks for a media type, or for one of a range, is answered."""
    return any(covers(one, wanted) or covers(wanted, one) for one in offered)


def _exchanged(
    expected: Iterable[str], offered: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Yield each media type that is answered with the one by which it is read."""
    known, ranges = list(expected), [one for one in offered if "*" in one]
    for one in offered:
        wanted = media_type_for(one, known)
        if wanted is not None:
            yield one, wanted
    for wanted in known:
        # Who asks for one of a range is answered with what the range says.
        if media_type_for(wanted, offered) in ranges and wanted not in ranges:
            yield str(media_type_for(wanted, offered)), wanted


def _compare_schemas(talk: Talk, sent: Place | None, read: Place) -> None:
    """Compare what is in a response."""
    if sent is None:
        message = "it is no longer said what is answered"
        talk.tell("response-widened-unknown", Severity.UNKNOWN, message, read)
        return
    judgement = talk.response_fits(sent, read)
    message = "a value is answered that was not answered before"
    mend = "answer only what was promised, or offer the change under a new path"
    talk.report(judgement, "response-widened", message, sent, mend)
    for path, place in lost_properties(talk, sent, read):
        talk.tell(
            "response-property-removed",
            Severity.ERROR,
            f"`{path}` is no longer answered, and somebody may read it",
            place,
            mend=f"go on answering `{path}`",
        )


def _compare_headers(talk: Talk, known: Place, given: Place) -> None:
    """Compare the headers of a response."""
    offered = {
        name.lower(): one for name, one in talk.answers.table(given, "headers").items()
    }
    for name, header in talk.asks.table(known, "headers").items():
        found = offered.get(name.lower())
        part = talk.about(f"{talk.where} header {name}")
        is_promised = header.schema.get("required") is True
        if found is None or (is_promised and not found.schema.get("required")):
            part.tell(
                "header-removed",
                Severity.ERROR if is_promised else Severity.WARNING,
                "it is no longer sent" if found is None else "it may be missing",
                header,
                mend="go on sending it",
            )
            continue
        sent = talk.answers.schema(found, "schema")
        read = talk.asks.schema(header, "schema")
        if sent is not None and read is not None:
            judgement = part.response_fits(sent, read)
            message = "a value is sent that was not sent before"
            mend = "send only what was promised"
            part.report(judgement, "header-widened", message, sent, mend)
