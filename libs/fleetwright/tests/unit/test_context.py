"""What travels with a call, and its headers."""

import pytest
from processes import printed

from fleetwright import Deadline
from fleetwright._context import bind, current_call, from_headers, new_call, to_headers

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
VALID = f"00-{TRACE}-{PARENT}-01"


def test_call_without_headers_begins_a_trace() -> None:
    """The first call of all makes ids of its own and is recorded."""
    call, deadline = from_headers([(b"accept", b"*/*")], "orders")

    assert len(call.trace_id) == 32
    assert len(call.span_id) == 16
    assert (call.id, call.parent_span_id, call.sampled) == (call.trace_id, None, True)
    assert deadline is None


def test_call_goes_on_with_what_came_in() -> None:
    """Trace, call id, caller and deadline of the caller are taken over."""
    call, deadline = from_headers(
        [
            (b"traceparent", VALID.encode()),
            (b"tracestate", b"a=1, b=2"),
            (b"fleet-call-id", b"call-7"),
            (b"fleet-caller", b"storefront"),
            (b"fleet-deadline-ms", b"250"),
        ],
        "orders",
    )

    assert (call.trace_id, call.parent_span_id) == (TRACE, PARENT)
    assert (call.id, call.caller, call.service) == ("call-7", "storefront", "orders")
    assert call.tracestate == "a=1,b=2"
    assert call.span_id != PARENT
    assert deadline is not None
    assert 0.2 < deadline.left() <= 0.25


@pytest.mark.parametrize(
    "header",
    [
        "",
        VALID.upper(),
        VALID[:-1],
        VALID + "-more",
        "ff" + VALID[2:],
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-0x",
        f"{VALID},{VALID}",
        VALID + "\n",
    ],
)
def test_malformed_traceparent_begins_a_new_trace(header: str) -> None:
    """A header that W3C calls invalid is as good as none."""
    call = new_call("orders", traceparent=header)

    assert call.trace_id != TRACE
    assert call.parent_span_id is None


def test_two_traceparents_are_none() -> None:
    """A repeated header is ambiguous and is not believed."""
    headers = [(b"traceparent", VALID.encode())] * 2

    assert from_headers(headers, "orders")[0].trace_id != TRACE


def test_later_version_may_say_more() -> None:
    """A version after 00 is read as far as it is known."""
    assert new_call("orders", traceparent=f"cc-{TRACE}-{PARENT}-01-x").trace_id == TRACE


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("a=1,a=2", "a=1"),
        ("a=1,,\t b=2", "a=1,b=2"),
        ("A=1", ""),
        ("a=1;b", "a=1;b"),
        ("a", ""),
        (",".join(f"k{n}=1" for n in range(33)), ""),
    ],
)
def test_tracestate_is_kept_as_far_as_it_is_valid(state: str, kept: str) -> None:
    """First of duplicate keys; a malformed member voids the header, not the trace."""
    call = new_call("orders", traceparent=VALID, tracestate=state)

    assert (call.trace_id, call.tracestate) == (TRACE, kept)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"fleet-call-id", b"has space"),
        (b"fleet-call-id", b"x" * 129),
        (b"fleet-caller", b"Evil\x1b"),
        (b"fleet-deadline-ms", b"-5"),
        (b"fleet-deadline-ms", b"1e3"),
    ],
)
def test_malformed_headers_of_ours_are_ignored(name: bytes, value: bytes) -> None:
    """What could break a log line or a clock is not taken over."""
    call, deadline = from_headers([(name, value)], "orders")

    assert call.id == call.trace_id
    assert (call.caller, deadline) == (None, None)


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True)])
def test_sampling_of_the_caller_is_passed_on(flags: str, sampled: bool) -> None:
    """Whether a trace is recorded is decided once, at its beginning."""
    call = new_call("orders", traceparent=f"00-{TRACE}-{PARENT}-{flags}")

    assert call.sampled is sampled
    assert call.traceparent == f"00-{TRACE}-{call.span_id}-{flags}"


def test_headers_of_a_call_out_carry_the_current_call_and_deadline() -> None:
    """A call out says which call it belongs to, who makes it and how long is left."""
    call = new_call("orders", id="call-7", traceparent=VALID, tracestate="a=1")
    with bind(call), Deadline.after(1):
        headers = to_headers(span_id="00f067aa0ba902b7")

    assert headers.pop("Fleet-Deadline-Ms") in ("998", "999", "1000")
    assert headers == {
        "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
        "Fleet-Call-Id": "call-7",
        "Fleet-Caller": "orders",
        "tracestate": "a=1",
    }


def test_how_much_a_call_matters_is_passed_on() -> None:
    """What came in as critical goes out as critical; the ordinary needs no words."""
    urgent, _ = from_headers([(b"fleet-criticality", b"critical")], "orders")
    odd, _ = from_headers([(b"fleet-criticality", b"very")], "orders")

    assert urgent.criticality == "critical"
    assert to_headers(urgent)["Fleet-Criticality"] == "critical"
    assert odd.criticality == "default"
    assert "Fleet-Criticality" not in to_headers(odd)


def test_nothing_is_sent_outside_of_a_call() -> None:
    """A script that calls a service has nothing to pass on."""
    assert to_headers() == {}


def test_forked_process_makes_ids_of_its_own() -> None:
    """Two processes forked from one never make the same trace."""
    script = """
        import os
        from fleetwright._context import new_call

        new_call("orders")
        for _ in range(2):
            child = os.fork()
            if child == 0:
                os.write(1, new_call("orders").trace_id.encode() + b"\\n")
                os._exit(0)
            os.waitpid(child, 0)
        print(new_call("orders").trace_id)
    """

    assert len(set(printed(script))) == 3


def test_call_is_bound_for_the_block_only() -> None:
    """After the block the outer call is current again."""
    outer, inner = new_call("a"), new_call("b")
    with bind(outer):
        with bind(inner):
            assert current_call() is inner
        assert current_call() is outer

    assert current_call() is None
