"""A Flask application in a process: served by us, by gunicorn, by werkzeug."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from flask_served import (
    BY_US,
    OTHERS,
    PRELOADED,
    committed,
    port_of,
    readiness,
    running,
)
from httpx2 import AsyncClient

PATIENCE_SECONDS = 60.0  # only for what hangs: a busy machine gives no CPU for seconds

# -- served by us


async def test_request_in_flight_is_finished_when_told_to_stop(tmp_path: Path) -> None:
    """SIGTERM under sync handlers: they are answered, parts closed, the code is 0."""
    async with (
        running(tmp_path) as service,
        AsyncClient(timeout=PATIENCE_SECONDS) as http,
    ):
        slow = [
            asyncio.create_task(http.get(f"{service.url}/slow?seconds=0.5"))
            for _ in range(4)
        ]
        await service.until("slow.begun", 4)
        service.process.terminate()
        answers = await asyncio.gather(*slow)

        assert [answer.text for answer in answers] == ["finished"] * 4
        assert await service.ended() == 0
        assert len(service.named("part.closed")) == 1
        assert service.events[-1]["event"] == "service.stopped"


async def test_handler_that_never_ends_does_not_hold_the_stop(tmp_path: Path) -> None:
    """Nobody can cut it: its caller is told, and the process ends without it."""
    async with (
        running(tmp_path, DRAIN_SECONDS="0.2") as service,
        AsyncClient(timeout=PATIENCE_SECONDS) as http,
    ):
        slow = asyncio.create_task(http.get(f"{service.url}/slow?seconds=60"))
        await service.until("slow.begun")
        service.process.terminate()
        answer = await slow

        assert (answer.status_code, answer.json()["kind"]) == (503, "not_serving")
        assert await service.ended() == 0
        assert service.named("part.closed")
        assert not service.named("service.stop_forced")


async def test_open_stream_does_not_hold_the_stop(tmp_path: Path) -> None:
    """A stream of events is ended, although its thread waits for ever."""
    async with (
        running(tmp_path, DRAIN_SECONDS="300") as service,
        AsyncClient(timeout=PATIENCE_SECONDS) as http,
    ):
        async with http.stream("GET", f"{service.url}/events") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "data: 1"
            service.process.terminate()
            told = time.monotonic()
            rest = [line async for line in lines]

        assert rest == [""]
        assert await service.ended() == 0
        assert time.monotonic() - told < 120  # and not DRAIN_SECONDS
        assert service.named("threads.abandoned")[0]["count"] == 1


async def test_caller_is_answered_in_time_and_nothing_is_committed_after(
    tmp_path: Path,
) -> None:
    """504 at the deadline; the handler finds out at its next transaction."""
    async with (
        running(tmp_path) as service,
        AsyncClient(timeout=PATIENCE_SECONDS) as http,
    ):
        answer = await http.post(
            f"{service.url}/late?seconds=6", headers={"Fleet-Deadline-Ms": "2000"}
        )
        told = await service.until("call.answered")
        info = (await http.get(f"{service.url}/info")).json()
        refused = await service.until("late.refused")
        service.process.terminate()
        code = await service.ended()

    assert (answer.status_code, answer.json()["kind"]) == (504, "timeout")
    assert (told["status"], told["outcome"], told["route"]) == (504, "timeout", "/late")
    assert 1900 <= told["duration_ms"] < 6000
    assert info["parts"]["Threads"]["abandoned"] == 1
    assert refused["by"] == "DeadlineExceeded"
    assert (committed(tmp_path), code) == (0, 0)
    assert not service.named("call.failed")


async def test_call_of_a_client_that_is_gone_commits_nothing(tmp_path: Path) -> None:
    """Who hangs up is noticed while the handler is at work, and has nothing done."""
    async with running(tmp_path) as service:
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(service))
        writer.write(b"POST /late?seconds=4 HTTP/1.1\r\nhost: shelf\r\n")
        writer.write(b"content-length: 0\r\n\r\n")
        await service.until("late.begun")
        writer.close()
        told = await service.until("call.answered")
        refused = await service.until("late.refused")

    assert (told["status"], told["outcome"]) == (499, "gone")
    assert refused["by"] == "DeadlineExceeded"
    assert committed(tmp_path) == 0


async def test_probes_are_answered_while_all_threads_are_busy(tmp_path: Path) -> None:
    """They are answered on the loop; a call too many is turned away at once."""
    async with (
        running(tmp_path, MAX_IN_FLIGHT="2") as service,
        AsyncClient(timeout=PATIENCE_SECONDS) as http,
    ):
        slow = [
            asyncio.create_task(http.get(f"{service.url}/slow?seconds=6"))
            for _ in range(2)
        ]
        await service.until("slow.begun", 2)
        alive = await http.get(f"{service.url}/livez")
        info = (await http.get(f"{service.url}/info")).json()
        more = await http.get(f"{service.url}/things/tea")
        still_busy = not any(one.done() for one in slow)
        await asyncio.gather(*slow)

    assert alive.status_code == 200
    assert info["parts"]["Threads"]["busy"] == 2
    assert (more.status_code, more.json()["kind"]) == (503, "overloaded")
    assert still_busy


async def test_full_pool_is_not_ready_until_a_thread_is_free(tmp_path: Path) -> None:
    """Threads left behind by their callers keep others waiting: readiness says so."""
    async with (
        running(tmp_path, MAX_IN_FLIGHT="2") as service,
        AsyncClient(timeout=PATIENCE_SECONDS) as http,
    ):
        hurried = {"Fleet-Deadline-Ms": "2000"}
        late = [
            http.get(f"{service.url}/slow?seconds=8", headers=hurried) for _ in range(2)
        ]
        assert [one.status_code for one in await asyncio.gather(*late)] == [504, 504]
        waiting = asyncio.create_task(
            http.get(f"{service.url}/things/tea", timeout=PATIENCE_SECONDS)
        )
        full = await readiness(http, service, 503)
        answer = await waiting
        again = await readiness(http, service, 200)

    assert "all 2 threads are busy" in full["parts"]["Threads"]
    assert answer.status_code == 200
    assert again["parts"]["Threads"] == "ok"


async def test_answer_is_made_no_faster_than_it_is_taken(tmp_path: Path) -> None:
    """A client that reads nothing has its thread wait; one that leaves frees it."""
    async with (
        running(tmp_path) as service,
        AsyncClient(timeout=PATIENCE_SECONDS) as http,
    ):
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port_of(service), limit=65536
        )
        writer.write(b"GET /endless HTTP/1.1\r\nhost: shelf\r\n\r\n")
        now, before = 0, -1
        while now == 0 or now != before:
            await asyncio.sleep(0.3)  # in which many pieces more could be made
            now, before = (await http.get(f"{service.url}/made")).json()["pieces"], now
        writer.transport.abort()
        await service.until("endless.closed")
        info = (await http.get(f"{service.url}/info")).json()

    assert 0 < now < 1_000
    assert info["parts"]["Threads"]["abandoned"] == 0


async def test_answer_that_breaks_off_is_not_taken_for_whole(tmp_path: Path) -> None:
    """The connection is closed without the end of the body."""
    async with running(tmp_path) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(service))
        writer.write(b"GET /broken-lines HTTP/1.1\r\nhost: shelf\r\n\r\n")
        async with asyncio.timeout(PATIENCE_SECONDS):
            raw = await reader.read()
        writer.close()
        failed = await service.until("call.failed")

    assert raw.startswith(b"HTTP/1.1 200")
    assert not raw.endswith(b"0\r\n\r\n")
    assert "KeyError" in failed["exception"]


@pytest.mark.parametrize("how", [BY_US, *OTHERS])
async def test_body_of_unknown_length_is_bounded(tmp_path: Path, how: str) -> None:
    """Chunked or not, 1 MiB goes through whole and one byte more is refused."""

    async def pieces(count: int) -> AsyncIterator[bytes]:
        for start in range(0, count, 65_536):
            yield b"x" * min(65_536, count - start)

    async with (
        running(tmp_path, how) as service,
        AsyncClient(timeout=PATIENCE_SECONDS) as http,
    ):
        url = f"{service.url}/bytes"
        fits = await http.post(url, content=pieces(1024 * 1024))
        longer = await http.post(url, content=pieces(1024 * 1024 + 1))
        announced = await http.post(url, content=b"x" * (1024 * 1024 + 1))

    assert fits.json() == {"bytes": 1024 * 1024}
    assert (longer.status_code, longer.json()["kind"]) == (413, "body_too_long")
    assert (announced.status_code, announced.json()["kind"]) == (413, "body_too_long")


@pytest.mark.parametrize("how", [BY_US, *OTHERS])
async def test_the_same_is_told_of_a_call(tmp_path: Path, how: str) -> None:
    """Probes, the call's id, the line with the rule, whoever's server it is."""
    async with (
        running(tmp_path, how) as service,
        AsyncClient(timeout=PATIENCE_SECONDS) as http,
    ):
        ready = await http.get(f"{service.url}/readyz")
        answer = await http.get(
            f"{service.url}/things/tea", headers={"Fleet-Call-Id": "c-1"}
        )
        told = await service.until("call.answered")

    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert answer.json() == {"name": "tea", "call": "c-1"}
    assert (told["route"], told["status"]) == ("/things/<name>", 200)
    assert (told["call_id"], told["outcome"]) == ("c-1", "answered")


@pytest.mark.parametrize("how", ["by gunicorn", PRELOADED])
async def test_worker_of_another_server_opens_at_first_use_and_closes_at_its_end(
    tmp_path: Path, how: str
) -> None:
    """Each worker has its parts, opened once it has forked and closed as it ends."""
    async with (
        running(tmp_path, how) as service,
        AsyncClient(timeout=PATIENCE_SECONDS) as http,
    ):
        slow = asyncio.create_task(http.get(f"{service.url}/slow?seconds=1"))
        await service.until("slow.begun")
        opened_at_first = len(service.named("part.opened"))
        service.process.send_signal(signal.SIGTERM)
        answer = await slow
        code = await service.ended()

    assert opened_at_first == 1
    assert answer.text == "finished"
    assert len(service.named("part.closed")) == 1
    assert code == 0


@pytest.mark.parametrize("how", ["by gunicorn", "by werkzeug"])
async def test_late_handler_of_another_server_commits_nothing(
    tmp_path: Path, how: str
) -> None:
    """Nobody can answer for it, but its next transaction is refused with a 504."""
    async with (
        running(tmp_path, how) as service,
        AsyncClient(timeout=PATIENCE_SECONDS) as http,
    ):
        answer = await http.post(
            f"{service.url}/late?seconds=4", headers={"Fleet-Deadline-Ms": "2000"}
        )
        told = await service.until("call.answered")

    assert (answer.status_code, answer.json()["kind"]) == (504, "timeout")
    assert told["status"] == 504
    assert committed(tmp_path) == 0


@pytest.mark.parametrize("how", ["by gunicorn", "by werkzeug"])
async def test_client_that_leaves_another_server_ends_the_answer(
    tmp_path: Path, how: str
) -> None:
    """The generator is closed, and the line says that nobody was there."""
    async with running(tmp_path, how) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(service))
        writer.write(b"GET /endless HTTP/1.1\r\nhost: shelf\r\n\r\n")
        await reader.read(100_000)
        writer.transport.abort()
        await service.until("endless.closed")
        told = await service.until("call.answered")

    assert (told["status"], told["outcome"]) == (499, "gone")


@pytest.mark.parametrize("how", [BY_US, "by gunicorn"])
async def test_stop_under_load_breaks_no_answer_off(tmp_path: Path, how: str) -> None:
    """Whoever got in is answered whole; then nobody gets in."""
    whole, turned_away = 0, 0

    async def buyer() -> None:
        nonlocal whole, turned_away
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                return  # nobody listens, or it waited when the last one was let in
            try:
                writer.write(REQUEST)
                raw = await reader.read()
            except ConnectionError:
                raw = b""  # it came after the last one was accepted
            writer.close()
            if not raw:
                turned_away += 1
                return
            assert raw.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503")), raw
            assert raw.endswith(b"}\n") or b"503" in raw[:20], raw
            whole += 1

    async with running(tmp_path, how, LAME_DUCK_SECONDS="0.2") as service:
        port = port_of(service)
        buyers = [asyncio.create_task(buyer()) for _ in range(6)]
        await service.until("call.answered", 40)
        service.process.send_signal(signal.SIGTERM)
        code, _ = await asyncio.gather(service.ended(), asyncio.gather(*buyers))

    answered = [one for one in service.named("call.answered") if one["status"] == 200]
    assert code == 0
    assert whole >= len(answered) > 30
    assert turned_away <= len(buyers)
    assert {one["outcome"] for one in answered} == {"answered"}


REQUEST = b"GET /things/tea HTTP/1.1\r\nhost: shelf\r\nconnection: close\r\n\r\n"
