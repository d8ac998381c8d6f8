"""Trace context as W3C has it: requests that come in, and what must go out.

Written after the 41 tests of the harness at github.com/w3c/trace-context, one name a
test; `CASES` is for one call out, `THREE_CALLS` for three within one request. A service
under test answers with the headers of the calls it would make.
"""

from dataclasses import dataclass

TRACE = "12345678901234567890123456789012"
PARENT = "1234567890123456"
VALID = f"00-{TRACE}-{PARENT}-01"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One request and what must become of it.

    Attributes:
        test: The test of the harness it belongs to.
        headers: What the request carries.
        goes_on: Whether the trace is the caller's; else it is a new one.
        state: Members of the tracestate that must go out, in their order.
        flags: The flags that must go out; None for any.
    """

    test: str
    headers: Headers
    goes_on: bool
    state: tuple[str, ...] = ()
    flags: str | None = None


def _parents(test: str, *parents: str, goes_on: bool = False) -> list[Case]:
    return [Case(test, (("traceparent", one),), goes_on) for one in parents]


def _states(test: str, *lines: str, keeps: tuple[str, ...] = ()) -> Case:
    pairs = tuple(("tracestate", line) for line in lines)
    return Case(test, (("traceparent", VALID), *pairs), True, keeps)


def _named(name: str, goes_on: bool, test: str) -> Case:
    return Case(test, ((name, VALID),), goes_on)


_KEY = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
_VALUE = "".join(map(chr, range(0x20, 0x7F))).replace(",", "").replace("=", "")
_THIRTY_TWO = tuple(f"bar{n:02}={n:02}" for n in range(1, 33))
_A, _B, _C = _THIRTY_TWO[:10], _THIRTY_TWO[10:20], _THIRTY_TWO[20:]

CASES: list[Case] = [
    Case("both_traceparent_and_tracestate_missing", (), False),
    *_parents("traceparent_included_tracestate_missing", VALID, goes_on=True),
    Case(
        "traceparent_duplicated",
        (("traceparent", VALID.replace("9012-", "9011-")), ("traceparent", VALID)),
        False,
    ),
    _named("trace-parent", False, "traceparent_header_name"),
    _named("trace.parent", False, "traceparent_header_name"),
    _named("TraceParent", True, "traceparent_header_name_valid_casing"),
    _named("TrAcEpArEnT", True, "traceparent_header_name_valid_casing"),
    _named("TRACEPARENT", True, "traceparent_header_name_valid_casing"),
    *_parents("traceparent_version_0x00", f"{VALID}.", f"{VALID}-what-comes-later"),
    *_parents(
        "traceparent_version_0xcc",
        f"cc{VALID[2:]}",
        f"cc{VALID[2:]}-what-comes-later",
        goes_on=True,
    ),
    *_parents("traceparent_version_0xcc", f"cc{VALID[2:]}.what-comes-later"),
    *_parents("traceparent_version_0xff", f"ff{VALID[2:]}"),
    *_parents(
        "traceparent_version_illegal_characters", f".0{VALID[2:]}", f"0.{VALID[2:]}"
    ),
    *_parents("traceparent_version_too_long", f"0{VALID}", f"00{VALID}"),
    *_parents("traceparent_version_too_short", VALID[1:]),
    *_parents("traceparent_trace_id_all_zero", f"00-{'0' * 32}-{PARENT}-01"),
    *_parents(
        "traceparent_trace_id_illegal_characters",
        f"00-.{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE[:-1]}.-{PARENT}-01",
        f"00-{TRACE[:-1]}A-{PARENT}-01",
    ),
    *_parents("traceparent_trace_id_too_long", f"00-{TRACE}3-{PARENT}-01"),
    *_parents("traceparent_trace_id_too_short", f"00-{TRACE[:-1]}-{PARENT}-01"),
    *_parents("traceparent_parent_id_all_zero", f"00-{TRACE}-{'0' * 16}-01"),
    *_parents(
        "traceparent_parent_id_illegal_characters",
        f"00-{TRACE}-.{PARENT[1:]}-01",
        f"00-{TRACE}-{PARENT[:-1]}.-01",
    ),
    *_parents("traceparent_parent_id_too_long", f"00-{TRACE}-{PARENT}7-01"),
    *_parents("traceparent_parent_id_too_short", f"00-{TRACE}-{PARENT[:-1]}-01"),
    *_parents(
        "traceparent_trace_flags_illegal_characters",
        f"{VALID[:-2]}.0",
        f"{VALID[:-2]}0.",
    ),
    *_parents("traceparent_trace_flags_too_long", f"{VALID[:-2]}001"),
    *_parents("traceparent_trace_flags_too_short", f"{VALID[:-2]}1"),
    *_parents(
        "traceparent_ows_handling",
        f" {VALID}",
        f"\t{VALID}",
        f"{VALID} ",
        f"{VALID}\t",
        f"\t {VALID} \t",
        goes_on=True,
    ),
    Case("tracestate_included_traceparent_missing", (("tracestate", "foo=1"),), False),
    Case(
        "tracestate_included_traceparent_missing",
        (("tracestate", "foo=1,bar=2"),),
        False,
    ),
    _states(
        "tracestate_included_traceparent_included",
        "foo=1,bar=2",
        keeps=("foo=1", "bar=2"),
    ),
    *(
        Case("tracestate_header_name", (("traceparent", VALID), (name, "foo=1")), True)
        for name in ("trace-state", "trace.state")
    ),
    *(
        Case(
            "tracestate_header_name_valid_casing",
            (("traceparent", VALID), (name, "foo=1")),
            True,
            ("foo=1",),
        )
        for name in ("TraceState", "TrAcEsTaTe", "TRACESTATE")
    ),
    _states("tracestate_empty_header", ""),
    _states("tracestate_empty_header", "foo=1", "", keeps=("foo=1",)),
    _states("tracestate_empty_header", "", "foo=1", keeps=("foo=1",)),
    _states(
        "tracestate_multiple_headers_different_keys",
        "foo=1,bar=2",
        "rojo=1,congo=2",
        "baz=3",
        keeps=("foo=1", "bar=2", "rojo=1", "congo=2", "baz=3"),
    ),
    _states("tracestate_duplicated_keys", "foo=1,foo=1", keeps=("foo=1",)),
    _states("tracestate_duplicated_keys", "foo=1,foo=2", keeps=("foo=1",)),
    _states("tracestate_duplicated_keys", "foo=1", "foo=1", keeps=("foo=1",)),
    _states("tracestate_duplicated_keys", "foo=1", "foo=2", keeps=("foo=1",)),
    _states(
        "tracestate_all_allowed_characters",
        f"{_KEY}={_VALUE}",
        keeps=(f"{_KEY}={_VALUE}",),
    ),
    _states(
        "tracestate_all_allowed_characters",
        f"{_KEY}@a-z0-9_-*/={_VALUE}",
        keeps=(f"{_KEY}@a-z0-9_-*/={_VALUE}",),
    ),
    *(
        _states("tracestate_ows_handling", line, keeps=("foo=1", "bar=2", "baz=3"))
        for line in (
            "foo=1 \t , \t bar=2, \t baz=3",
            "foo=1\t \t,\t \tbar=2,\t \tbaz=3",
        )
    ),
    *(
        _states("tracestate_ows_handling", line, keeps=("foo=1",))
        for line in (" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t")
    ),
    _states("tracestate_key_illegal_characters", "foo =1"),
    _states("tracestate_key_illegal_characters", "FOO=1"),
    _states("tracestate_key_illegal_characters", "foo.bar=1"),
    *(
        _states(
            "tracestate_key_illegal_vendor_format",
            f"{key}=1,bar=2",
            keeps=(f"{key}=1", "bar=2"),
        )
        for key in ("foo@", "foo@@bar", "foo@bar@baz")
    ),
    _states("tracestate_key_illegal_vendor_format", "@foo=1,bar=2"),
    _states(
        "tracestate_member_count_limit",
        ",".join(_A),
        ",".join(_B),
        ",".join(_C),
        keeps=_THIRTY_TWO,
    ),
    _states(
        "tracestate_member_count_limit",
        ",".join(_A),
        ",".join(_B),
        ",".join((*_C, "bar33=33")),
    ),
    *(
        _states(
            "tracestate_key_length_limit",
            "foo=1",
            f"{key}=1",
            keeps=("foo=1", f"{key}=1"),
        )
        for key in ("z" * 256, "t" * 241 + "@" + "v" * 14, "t" * 242 + "@v")
    ),
    _states("tracestate_key_length_limit", "foo=1", "z" * 257 + "=1"),
    _states(
        "tracestate_key_length_limit",
        "foo=1",
        "t@" + "v" * 15 + "=1",
        keeps=("foo=1", "t@" + "v" * 15 + "=1"),
    ),
    _states("tracestate_value_illegal_characters", "foo=bar=baz"),
    _states("tracestate_value_illegal_characters", "foo=,bar=3"),
    *(
        Case(
            "propagates_random_flag",
            (("traceparent", f"{VALID[:-2]}{flags}"),),
            True,
            flags=flags,
        )
        for flags in ("00", "01", "02", "03")
    ),
]

THREE_CALLS: list[Case] = [
    *_parents("multiple_requests_with_valid_traceparent", VALID, goes_on=True),
    Case("multiple_requests_without_traceparent", (), False),
    *_parents(
        "multiple_requests_with_illegal_traceparent", f"00-{'0' * 32}-{PARENT}-01"
    ),
]


def faults(case: Case, outgoing: list[dict[str, str]]) -> list[str]:
    """Return what is wrong with the headers of the calls made for a case.

    Args:
        case: The request that came in.
        outgoing: Headers of each call out, names in lower case.

    Returns:
        One line a fault; empty when all is right.
    """
    found, spans = [], set()
    for headers in outgoing:
        version, trace, span, flags = headers.get("traceparent", "---").split("-")
        spans.add(span)
        if (version, len(trace), len(span), len(flags)) != ("00", 32, 16, 2):
            found.append(f"traceparent {headers.get('traceparent')!r}")
        if (trace == TRACE) != case.goes_on or set(trace) == {"0"}:
            found.append(f"trace id {trace}")
        if span == PARENT or set(span) == {"0"}:
            found.append(f"parent id {span}")
        if case.flags is not None and flags != case.flags:
            found.append(f"flags {flags}")
        members = headers.get("tracestate", "")
        if members != ",".join(case.state):
            found.append(f"tracestate {members!r}")
    if len(spans) != len(outgoing):
        found.append("two calls of one parent id")
    return found
