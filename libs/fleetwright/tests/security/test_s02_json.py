"""S2: JSON that is broken, ambiguous or built to hurt is answered 400, never 5xx."""

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
import pytest_asyncio
from fastapi import Body, FastAPI, Request
from httpx2 import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from fleetwright import Problem, Service, Settings
from fleetwright._body import JSON_DEPTH, JSON_NODES, Incoming, check_json
from fleetwright.fastapi import mount
from fleetwright.testing import serving

REFUSED: dict[str, bytes] = {
    "depth 65": b"[" * 65 + b"]" * 65,
    "depth 65 of objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "depth 100,000": b"[" * 100_000 + b"]" * 100_000,
    "depth 500,000, not closed": b"[" * 500_000,
    "depth of objects, not closed": b'{"a":' * 100_000,
    "depth behind a string with brackets": b'["]]]]",' + b"[" * 65 + b"]" * 66,
    "100,001 nodes": b"[" + b"0," * 100_000 + b"0]",
    "100,001 empty arrays": b"[" + b"[]," * 100_000 + b"[]]",
    "integer of 21 digits": b"[123456789012345678901]",
    "negative integer of 21 digits": b'{"a":-123456789012345678901}',
    "integer of 5,000 digits": b"9" * 5_000,
    "integer of 500,000 digits": b"9" * 500_000,
    "many long integers": b"[" + b"9" * 4_000 + b"]",
    "NaN": b"NaN",
    "NaN in an object": b'{"name":NaN}',
    "Infinity": b"[Infinity]",
    "-Infinity": b"[-Infinity]",
    "1e999": b"[1e999]",
    "-1e999": b"[-1e+999]",
    "float of 400 digits": b"[" + b"9" * 400 + b".0]",
    "two members of one name": b'{"name":"a","name":"b"}',
    "two members, one escaped": b'{"name":"a","n\\u0061me":"b"}',
    "two empty names": b'{"":1,"":2}',
    "two members, far down": b'[{"a":{"b":1,"b":2}}]',
    "half a surrogate pair": b'["\\ud800"]',
    "half a surrogate pair as a name": b'{"\\udfff":1}',
    "surrogates in the wrong order": b'["\\udc00\\ud800"]',
    "not UTF-8": b'["\xff"]',
    "overlong UTF-8": b'["\xc0\xaf"]',
    "surrogate in UTF-8": b'["\xed\xa0\x80"]',
    "truncated UTF-8": b'["\xe0\xff"]',
    "Latin-1": '{"name":"é"}'.encode("latin-1"),
    "UTF-16": '{"name":"a"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"name":"a"}'.encode("utf-16-le"),
    "UTF-32": '{"name":"a"}'.encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"name":"a"}',
    "only spaces": b"   ",
    "zero byte": b"\x00",
    "comma at the end of an array": b"[1,]",
    "comma at the end of an object": b'{"a":1,}',
    "comma before": b"[,1]",
    "two commas": b"[1,,2]",
    "no comma": b"[1 2]",
    "no colon": b'{"a" 1}',
    "name without quotes": b"{a:1}",
    "name is a number": b"{1:1}",
    "single quotes": b"{'a':1}",
    "comment": b'{"a":1/*x*/}',
    "comment of a line": b'{"a":1}// x',
    "something behind": b'{"a":1}x',
    "two values": b"1 2",
    "array not closed": b"[1",
    "object not closed": b'{"a":1',
    "string not closed": b'["a',
    "closed by the other": b"[1}",
    "closing first": b"]",
    "control character in a string": b'["\x00"]',
    "line feed in a string": b'["a\nb"]',
    "tab in a string": b'["a\tb"]',
    "unknown escape": b'["\\a"]',
    "incomplete escape": b'["\\u12"]',
    "escape at the end": b'["\\',
    "hexadecimal number": b"[0x1]",
    "leading zero": b"[012]",
    "leading plus": b"[+1]",
    "leading point": b"[.5]",
    "trailing point": b"[1.]",
    "only a sign": b"[-]",
    "exponent without digits": b"[1e]",
    "number with a space": b"[1 000]",
    "full-width digit": "[\uff11]".encode(),
    "True": b"[True]",
    "undefined": b"undefined",
    "nul": b"[nul]",
    "form feed": b"[\x0c]",
    "no-break space": "[\u00a0]".encode(),
}
ACCEPTED: dict[str, bytes] = {
    "depth 64": b"[" * 64 + b"]" * 64,
    "100,000 nodes": b"[" + b"0," * (JSON_NODES - 2) + b"0]",
    "brackets in a string": json.dumps("[{" * 1000).encode(),
    "escaped quotes and brackets": b'["\\"[[[", "\\\\", "[[[' + b"[" * 99 + b'"]',
    "digits in a string": b'["' + b"9" * 5_000 + b'"]',
    "exponent in a string": b'["1e999"]',
    "NaN in a string": b'["NaN", "Infinity"]',
    "integer of 20 digits": b"[12345678901234567890]",
    "float of many digits": b"[0." + b"1" * 60 + b"]",
    "whole pair of surrogates": b'["\\ud83d\\ude00"]',
    "one name in two objects": b'[{"a":1},{"a":2}]',
    "small exponent": b"[1e-999]",
    "number": b"1",
    "string": b'"a"',
    "null": b"null",
    "spaces around": b" \t\r\n[ ] ",
}


class Thing(BaseModel):
    """A body of declared shape."""

    name: str
    size: float = 0


def api() -> FastAPI:
    """Return an API that reads JSON in every way FastAPI has."""
    app = FastAPI()

    @app.post("/typed")
    async def typed(thing: Thing) -> Thing:
        return thing

    @app.post("/any")
    async def any_body(body: Annotated[Any, Body()]) -> Any:
        return body

    @app.post("/request")
    async def request_json(request: Request) -> Any:
        return await request.json()

    return mount(app, Service("json", Settings(auth="off")))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def http() -> AsyncIterator[AsyncClient]:
    """Give a client of the API."""
    async with serving(api()) as client:
        yield client


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("path", ["/typed", "/any", "/request"])
@pytest.mark.parametrize("case", REFUSED)
async def test_bad_json_is_a_problem(http: AsyncClient, case: str, path: str) -> None:
    """Status 400 with a reason, however the handler reads its body."""
    headers = {"Content-Type": "application/json"}
    answer = await http.post(path, content=REFUSED[case], headers=headers)

    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["kind"] == "bad_json"


@pytest.mark.parametrize("case", ACCEPTED)
async def test_odd_but_good_json_is_read(http: AsyncClient, case: str) -> None:
    """What the limits are not about passes, and comes back as it went in."""
    headers = {"Content-Type": "application/vnd.shop+json; charset=utf-8"}
    answer = await http.post("/request", content=ACCEPTED[case], headers=headers)

    assert answer.status_code == 200, answer.text
    assert answer.json() == json.loads(ACCEPTED[case])


@pytest.mark.parametrize("kind", ["text/plain", "application/x-thing", None])
@pytest.mark.parametrize("case", ["1e999", "depth 100,000", "not UTF-8", "only spaces"])
async def test_bad_json_of_another_content_type_is_no_failure_of_ours(
    http: AsyncClient, case: str, kind: str | None
) -> None:
    """Whoever calls it something else does not get a 5xx out of `request.json()`."""
    headers = {"Content-Type": kind} if kind else {}
    answer = await http.post("/request", content=REFUSED[case], headers=headers)

    assert answer.status_code in (200, 400), answer.text


@pytest.mark.parametrize("kind", ["text/plain", "text/json5", "application/xml"])
async def test_wrong_content_type_is_told(http: AsyncClient, kind: str) -> None:
    """A typed body in another format: 415, and which one is wanted."""
    headers = {"Content-Type": kind}
    answer = await http.post("/typed", content=b'{"name":"a"}', headers=headers)

    assert answer.status_code == 415
    assert answer.headers["accept"] == "application/json"
    assert answer.json()["kind"] == "unsupported_media_type"


async def test_checking_a_large_body_does_not_hold_the_loop() -> None:
    """A megabyte built to be slow is refused or read in a tenth of a second."""
    mib = 1024 * 1024
    slow = [
        b"[" * mib,
        b"[]" * (mib // 2),
        b'["' + b"[" * (mib - 4) + b'"]',
        b'["' + b'\\"' * (mib // 2 - 2) + b'"]',
        b'"' * mib,
        b'"' + b"\\" * mib,
        b'"\\' * (mib // 2),
        b"9" * mib,
        b"[" + b"0," * (mib // 2),
    ]
    took = []
    for body in slow:
        began = time.thread_time()
        try:
            check_json(body)
        except Problem as problem:
            assert problem.status == 400
        took.append(time.thread_time() - began)

    assert max(took) < 0.25, took


@pytest.mark.parametrize(
    "kinds",
    [
        [b"application/json\xa0"],
        [b"application/json\x85; charset=utf-8"],
        [b"\xa0application/JSON\x1f"],
        [b"application/json", b"text/plain"],
        [b"text/plain", b"application/json"],
    ],
)
async def test_json_by_any_reading_is_checked(kinds: list[bytes]) -> None:
    """Whatever a parser strips, and whichever of two headers it believes."""
    assert Incoming([(b"content-type", kind) for kind in kinds]).is_json


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(values, st.sampled_from([None, 2]))
async def test_what_json_dumps_writes_is_accepted(value: object, indent: Any) -> None:
    """No value that fits the limits is refused."""
    check_json(json.dumps(value, indent=indent).encode())
    check_json(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@given(st.integers(1, 200), st.text(alphabet='[]{}"\\', max_size=30))
async def test_depth_is_exact(depth: int, text: str) -> None:
    """64 levels pass, 65 do not, whatever the strings between them look like."""
    string = json.dumps(text)
    body = f"[{string}," * depth + "0" + "]" * depth
    if depth <= JSON_DEPTH:
        check_json(body.encode())
    else:
        with pytest.raises(Problem, match="400"):
            check_json(body.encode())
