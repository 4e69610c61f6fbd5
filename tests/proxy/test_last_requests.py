"""The end of a connection whose client said that it sends no more: nobody waits, and nobody loses an answer."""

from pathlib import Path

import pytest

from tests.proxy.bench import Bench, snapshot, written
from tests.proxy.stage import Starter, listening, request, until, upstream
from tests.proxy.test_memory import APP, LISTED, TWINS, Benches
from tests.wire.raw_backend import RawBackend

CLOSE = "Connection: close\r\n"
LAST = [request(fields=CLOSE), request().replace(b"HTTP/1.1", b"HTTP/1.0")]
ANSWERED_HERE = {"Origin": LISTED, "Access-Control-Request-Method": "PUT", "Connection": "close"}


@pytest.mark.parametrize("sent", LAST, ids=["Connection: close", "HTTP/1.0"])
async def test_a_client_that_asks_no_more_is_not_waited_for(
    serving: Starter, backend: RawBackend, sent: bytes
) -> None:
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        stage.gateway.clock.stop()  # time would end it as well
        await client.send(sent)
        assert (await client.read_response()).status == 200
        await until(lambda: not stage.gateway.service.connections)
        assert await client.wait_closed() == "fin"


@pytest.fixture(name="bench")
def _bench(benches: Benches, tmp_path: Path) -> Bench:
    return benches(snapshot(tmp_path, {"app": APP}, TWINS))


@pytest.mark.parametrize(
    ("data", "is_waited_for"),
    [
        (written("GET /a/x", {"Connection": "close"}), False),
        (written("OPTIONS /a/x", ANSWERED_HERE), False),
        (written("GET /nowhere", {"Connection": "close"}), False),
        (written("GET /a/x", {"Connection": "close"}) + b"G", True),
        (written("POST /a/x", {"Connection": "close", "Content-Length": "1"}) + b"x", True),
        (written("POST /nowhere", {"Connection": "close", "Content-Length": "1"}) + b"x", True),
        (b"nonsense\r\n\r\n", True),
    ],
    ids=[
        "forwarded",
        "preflight",
        "answered here",
        "it sent more",
        "a body",
        "a body, answered here",
        "refused",
    ],
)
def test_who_may_still_be_sending_is_read_before_the_close(
    bench: Bench, data: bytes, is_waited_for: bool
) -> None:
    """To close with bytes unread resets the connection, and the answer is lost (RFC 9112 9.6)."""
    bench.send(data)
    bench.reply("200 OK|Content-Length: 0")
    near = bench.near()
    assert near.written.startswith(b"HTTP/1.1 ")
    assert (near.has_sent_eof, bool(near.ended)) == (is_waited_for, not is_waited_for)


def test_an_answer_that_is_on_its_way_for_long_is_not_risked(bench: Bench) -> None:
    """Who breaks its word and goes on meanwhile would have it cut off by a reset."""
    bench.send(written("GET /a/x", {"Connection": "close"}))
    bench.reply("200 OK|Content-Length: 20000")
    bench.upstream.data_received(bytes(20000))
    near = bench.near()
    assert (near.has_sent_eof, near.ended) == (True, "")


def test_a_drain_waits_for_who_does_not_know_that_the_answer_is_the_last(bench: Bench) -> None:
    bench.send(written("GET /a/x", {}))
    bench.gateway.begin_draining()
    bench.reply("200 OK|Content-Length: 0")
    near = bench.near()
    assert b"\r\nConnection: close\r\n" in near.written
    assert (near.has_sent_eof, near.ended) == (True, "")
