"""Logs set up once: JSON or console, ids on every line, secrets masked."""

import logging
import sys
import time
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final

import structlog
from pydantic import SecretStr

from fleetwright import _log_level
from fleetwright._answered import Answer
from fleetwright._clock import clock
from fleetwright._context import Call, current_call
from fleetwright._json import escaped, to_json
from fleetwright._log_writer import LineWriter
from fleetwright._secrets import MASK, is_secret_name, mask
from fleetwright._settings import Settings

RECORD_BYTES: Final = 16 * 1024
_LONGEST_VALUE = 2_000
_DEEPEST = 6
_LEVELS = {"warn": "warning", "exception": "error", "fatal": "critical"}
_URGENT = frozenset(("error", "critical"))

# Headers whose values may be shown; of any other only the name is.
SHOWN_HEADERS: Final = frozenset(
    (
        "accept",
        "accept-encoding",
        "content-encoding",
        "content-length",
        "content-type",
        "fleet-call-id",
        "fleet-caller",
        "fleet-criticality",
        "fleet-deadline-ms",
        "host",
        "retry-after",
        "traceparent",
        "user-agent",
    )
)

Render = Callable[[dict[str, Any]], bytes]


class Lines:
    """Where finished log events go: rendered once, then to the one writer.

    Attributes:
        service: Put on every line.
        named: The same as JSON.
        writer: What writes the lines.
        render: Makes the line of an event.
        info: Whether lines of level INFO are wanted.
    """

    def __init__(self, service: str, writer: LineWriter, render: Render) -> None:
        """Write the lines of one service.

        Args:
            service: Its name.
            writer: What writes the lines.
            render: Makes the line of an event.
        """
        self.info = True
        self.service = service
        self.named = escaped(to_json(service)).decode()
        self.writer = writer
        self.render = render

    def put(self, level: str, event: object, fields: Mapping[str, Any]) -> None:
        """Write one event with the ids of the current call.

        Args:
            level: In lower case.
            event: What happened.
            fields: Everything else; secrets in it are masked here.
        """
        line: dict[str, Any] = {
            "time": timestamp(clock().now()),
            "level": level,
            "event": mask(str(event)),
            "service": self.service,
        }
        call = current_call()
        if call is not None:
            line["call_id"] = call.id
            line["trace_id"] = call.trace_id
            line["span_id"] = call.span_id
        said = {n: shown(n, value) for n, value in fields.items() if n not in line}
        if exporting is not None:
            exporting(level, line["event"], said, call, None)
        line |= said
        self.writer.write(self.render(line), urgent=level in _URGENT)


_lines: Lines | None = None
# Takes what each line says that is written, the call it belongs to, and how long that
# took if this is its canonical line, to send it on.
exporting: (
    Callable[[str, str, Mapping[str, Any], Call | None, float | None], None] | None
) = None


def timestamp(now: float, _seen: list[Any] = [0, ""]) -> str:  # noqa: B006 - a cache
    """Return a time of day as RFC 3339 in UTC with milliseconds.

    Args:
        now: Seconds since 1970.

    Returns:
        For example `2026-11-24T05:06:40.123Z`.
    """
    second = int(now)
    # The text of a second is the same a thousand times: one pair, replaced as a whole.
    if _seen[0] != second:
        _seen[:] = [second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))]
    return f"{_seen[1]}.{int(now % 1 * 1000):03d}Z"


def shown(name: str, value: object, depth: int = 0) -> Any:
    """Return a value that may be shown, in types JSON knows.

    Args:
        name: Of the field; one that names a secret is masked whatever it holds.
        value: Anything; secrets in texts are masked.
        depth: How deep it lies; below some levels nothing is shown.
    """
    if value is None or value is True or value is False:
        return value
    if isinstance(value, SecretStr) or is_secret_name(name):
        return MASK
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, int | float):
        return value
    if depth >= _DEEPEST:
        return "..."
    if name.lower() in ("headers", "request_headers", "response_headers"):
        return _shown_headers(value)
    if isinstance(value, Mapping):
        return {str(k): shown(str(k), v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [shown("", item, depth + 1) for item in value]
    return mask(str(value))


def _shown_headers(headers: object) -> Any:
    """Return headers, however they are kept, with the values that may be shown."""
    try:
        # Whatever it is: what is no list of pairs ends in the `except`.
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)  # type: ignore[call-overload]
        return {_text(n).lower(): _header(_text(n), _text(v)) for n, v in pairs}
    except (TypeError, ValueError):  # no headers after all
        return MASK


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _header(name: str, value: str) -> str:
    return mask(value) if name.lower() in SHOWN_HEADERS else MASK


def render_json(line: dict[str, Any]) -> bytes:
    """Return an event as one line of JSON of at most 16 KiB.

    Args:
        line: The event; line breaks in it are escaped by JSON itself.

    Returns:
        The line with its line feed.
    """
    data = to_json(line)
    if len(data) >= RECORD_BYTES:
        cut: dict[str, Any] = {"truncated": True}
        for name, value in line.items():
            text = value if isinstance(value, str) else str(value)
            cut[name] = value if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE]
            if len(to_json(cut)) >= RECORD_BYTES:
                del cut[name]
                break
        data = to_json(cut)
    return escaped(data) + b"\n"


def _console() -> Render:
    """Return what renders for people; imported here because only they pay for it."""
    from structlog.dev import ConsoleRenderer

    colours = sys.stdout.isatty()
    renderer = ConsoleRenderer(colors=colours, timestamp_key="time")

    def render(line: dict[str, Any]) -> bytes:
        exception = line.pop("exception", None)
        line["event"] = _one_line(line["event"])
        text = str(renderer(None, "", line))
        if exception:
            text += f"\n{exception}"
        return f"{text}\n".encode("utf-8", "replace")

    return render


def _one_line(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()


class _Emitter:
    """The end of structlog's chain: a finished event becomes a line."""

    __slots__ = ("name",)

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def msg(self, **event: Any) -> None:
        if _lines is not None:
            level = event.pop("level")
            if self.name and self.name != "fleetwright":
                event.setdefault("logger", self.name)
            _lines.put(level, event.pop("event", ""), event)

    debug = info = warning = error = critical = exception = fatal = warn = log = msg


def _finished(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[()], dict[str, Any]]:
    """Name the level and turn an exception into text; then nothing is left to do."""
    event["level"] = _LEVELS.get(method, method)
    error = event.pop("exc_info", None)
    if error:
        event["exception"] = _exception_text(error)
    return (), dict(event)


def _exception_text(error: object) -> str:
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if not isinstance(error, BaseException):
        return ""
    return mask("".join(traceback.format_exception(error)))


class _StandardRecords(logging.Handler):
    """Records of the standard library's logging come out like our own."""

    def emit(self, record: logging.LogRecord) -> None:
        if _lines is None:
            return
        fields: dict[str, Any] = {"logger": record.name}
        for name, value in record.__dict__.items():
            if name not in _STANDARD_FIELDS:
                fields[name] = value
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = _exception_text(record.exc_info)
        try:
            message = record.getMessage()
        except Exception:  # a wrong format string must not fail the call it reports
            message = str(record.msg)
        _lines.put(record.levelname.lower(), message, fields)


_STANDARD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "color_message",
}
_NOISY = ("uvicorn", "aiosqlite", "asyncio", "httpx2", "httpcore2", "alembic")


def set_up(
    service: str, settings: Settings, *, writer: LineWriter | None = None
) -> Lines:
    """Send every log line of this process through one writer.

    Args:
        service: Put on every line.
        settings: `log_level` and `log_format`.
        writer: What writes; the standard output when left out.

    Returns:
        Where lines go.
    """
    global _lines
    people = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stdout.isatty()
    )
    render = _console() if people else render_json
    settings.remember_secrets()
    _lines = Lines(service, writer or LineWriter(), render)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _finished],
        wrapper_class=_log_level.Logger,
        logger_factory=_Emitter,
        cache_logger_on_first_use=True,
    )
    logging.getLogger().handlers[:] = [_StandardRecords()]
    use_level(settings.log_level)
    logging.captureWarnings(True)
    return _lines


def use_level(name: str) -> None:
    """Write lines from a level up from now on.

    Args:
        name: Of the level, `DEBUG` to `ERROR`.
    """
    level = logging.getLevelNamesMapping()[name]
    _log_level.filter_at(level)
    if _lines is not None:
        _lines.info = level <= logging.INFO
    logging.getLogger().setLevel(level)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def canonical(call: Call, answer: Answer, seconds: float) -> None:
    """Write the one line of a call that is done; the cheap way.

    Args:
        call: Whose line it is.
        answer: Plain values without secrets; masked only for people to read.
        seconds: How long it took.
    """
    took = round(seconds * 1000, 3)
    if _lines is None:
        said = {**answer, "duration_ms": took}
        structlog.get_logger("fleetwright").info("call.answered", **said)
    elif not _lines.info:
        return
    elif _lines.render is not render_json:
        _lines.put("info", "call.answered", {**answer, "duration_ms": took})
    else:
        parent = call.parent_span_id
        above = "null" if parent is None else f'"{parent}"'
        # All ids are of plain letters: nothing in them has to be escaped.
        line = (
            f'{{"time":"{timestamp(clock().now())}","level":"info",'
            f'"event":"call.answered","service":{_lines.named},"call_id":"{call.id}",'
            f'"trace_id":"{call.trace_id}","span_id":"{call.span_id}",'
            f'"parent_span_id":{above},{answer.text},"duration_ms":{took}}}\n'
        )
        if exporting is not None:
            exporting("info", "call.answered", answer, call, took)
        _lines.writer.write(line.encode())


def lines() -> Lines | None:
    """Return where lines go, or None before `set_up`."""
    return _lines


def flush() -> None:
    """Write what is waiting, now."""
    if _lines is not None:
        _lines.writer.flush()


def tear_down() -> None:
    """Forget the set-up; for tests, which share one process."""
    global _lines
    flush()
    _lines = None
    structlog.reset_defaults()
    root = logging.getLogger()
    root.handlers[:] = [
        one for one in root.handlers if not isinstance(one, _StandardRecords)
    ]
    logging.captureWarnings(False)
