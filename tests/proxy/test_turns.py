"""Work in turns: what one peer sends in small pieces takes many turns of the loop, and arrives the same."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cors_gateway.http1.body import ChunkedDecoder, SizedBody
from cors_gateway.proxy.turns import MAX_FRAMING, MAX_REQUESTS, SLICE, Kept
from tests.proxy.bench import Bench, snapshot, written

OPEN = {"open": {"allow_origins": ["https://app.example.com"]}}
ROUTES = [{"name": "all", "path": "/app/", "cors": "open"}]
LARGE = 256 * 1024
BYTE = b"1\r\nx\r\n"
MOST_CHUNKS = (MAX_FRAMING + SLICE) // 5
"""One-byte chunks of a turn: five bytes of framing for each."""
END = b"0\r\n\r\n"
CHUNKED = {"Transfer-Encoding": "chunked"}


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    quiet, other = socket.socketpair()
    with quiet, other:
        yield Bench(snapshot(tmp_path, OPEN, ROUTES), asyncio.get_running_loop(), quiet)


async def turn() -> None:
    """Let the loop go round once."""
    await asyncio.sleep(0)


async def at_rest(bench: Bench) -> int:
    """Go on until nothing is held back; how many turns that took."""
    turns = 0
    while not (bench.near().reads and bench.far.reads):
        await turn()
        turns += 1
        assert turns < 10_000
    return turns


# -- requests


async def test_pipelined_requests_are_answered_a_few_in_a_turn(bench: Bench) -> None:
    asked = written("OPTIONS *", {})
    bench.send(asked * 1000)
    assert bench.near().written.count(b"HTTP/1.1 204") <= MAX_REQUESTS
    assert not bench.near().reads

    await turn()
    assert bench.near().written.count(b"HTTP/1.1 204") <= 2 * MAX_REQUESTS
    await at_rest(bench)

    assert bench.near().written.count(b"HTTP/1.1 204") == 1000


@pytest.mark.parametrize("cut", [1, 7, SLICE - 1, SLICE, SLICE + 1, 3 * SLICE])
async def test_requests_are_the_same_wherever_a_turn_ends(bench: Bench, cut: int) -> None:
    """One is larger than a slice."""
    heads = [written("OPTIONS *", {"X-Long": "x" * (cut % 20_000), "X-Number": f"{n}"}) for n in range(40)]
    data = b"".join(heads)
    for start in range(0, len(data), max(cut, 200)):
        bench.send(data[start : start + max(cut, 200)])
    await at_rest(bench)

    assert bench.near().written.count(b"HTTP/1.1 204") == len(heads)


async def test_one_byte_chunks_go_on_in_few_pieces_and_many_turns(bench: Bench) -> None:
    count = LARGE // len(BYTE)
    bench.send(written("POST /app/", CHUNKED) + BYTE * count + END)
    head, _, body = bench.far.written.partition(b"\r\n\r\n")
    assert (head.startswith(b"POST /app/ "), body.count(b"x") <= MOST_CHUNKS) == (True, True)
    assert not bench.near().reads

    turns = await at_rest(bench)
    body = bench.far.written.partition(b"\r\n\r\n")[2]

    assert (body.count(b"x"), body.endswith(END)) == (count, True)
    assert body.count(b"\r\n") < 4 * (turns + 2)


async def test_large_chunks_are_one_piece_of_work(bench: Bench) -> None:
    """Bytes that only pass through cost next to nothing."""
    bench.send(written("POST /app/", CHUNKED) + b"20000\r\n%b\r\n" % bytes(1 << 17) + END)

    assert bench.near().reads
    assert bench.far.written.count(bytes(1 << 17)) == 1


async def test_what_follows_a_body_in_one_byte_chunks_is_the_next_request(bench: Bench) -> None:
    bench.send(written("POST /app/", CHUNKED) + BYTE * 20_000 + END + written("GET /app/next", {}))
    for _ in range(100):
        await turn()
    bench.reply("200 OK|Content-Length: 0")
    assert b"GET /app/next" not in bench.far.written
    for _ in range(3):
        await turn()

    assert bench.far.written.count(b"GET /app/next") == 1


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (written("POST /nowhere", {"Content-Length": "3"}) + b"abc", b"404"),
        (written("POST /nowhere", CHUNKED) + b"3\r\nabc\r\n" + END, b"404"),
        (written("OPTIONS *", {"Content-Length": "3"}) + b"abc", b"204"),
        (written("POST /nowhere", {"Content-Length": "0"}), b"404"),
    ],
)
async def test_any_number_of_bodies_that_nobody_wants_is_read_past(
    bench: Bench, request_: bytes, status: bytes
) -> None:
    """However many come at once, and on however deep a stack Python stands."""
    count = 2000
    bench.send(request_ * count)
    await at_rest(bench)

    assert bench.near().written.count(b"HTTP/1.1 " + status) == count


async def test_an_unwanted_body_in_one_byte_chunks_takes_its_turns(bench: Bench) -> None:
    bench.send(written("POST /nowhere", CHUNKED) + BYTE * 40_000 + END + written("OPTIONS *", {}))
    assert not bench.near().reads
    assert await at_rest(bench) > 5

    assert bench.near().written.count(b"HTTP/1.1 204") == 1


async def test_a_client_that_leaves_while_something_is_kept_is_gone(bench: Bench) -> None:
    bench.send(written("OPTIONS *", {}) * 1000)
    bench.leave()
    await turn()

    assert bench.far.written == b""


# -- responses


async def test_a_response_in_one_byte_chunks_takes_its_turns(bench: Bench) -> None:
    count = LARGE // len(BYTE)
    bench.send(written("GET /app/", {}))
    bench.reply("200 OK|Transfer-Encoding: chunked")
    bench.near().written = b""
    bench.upstream.data_received(BYTE * count + END)
    assert bench.near().written.count(b"x") <= MOST_CHUNKS
    assert not bench.far.reads

    turns = await at_rest(bench)
    body = bench.near().written

    assert (body.count(b"x"), body.endswith(END)) == (count, True)
    assert body.count(b"\r\n") < 4 * (turns + 2)
    assert bench.upstream.is_usable()


async def test_a_client_that_does_not_read_holds_up_what_is_kept(bench: Bench) -> None:
    bench.send(written("GET /app/", {}))
    bench.reply("200 OK|Transfer-Encoding: chunked")
    bench.near().written = b""
    client = bench.client()
    client.pause_writing()
    bench.upstream.data_received(BYTE * 40_000)
    seen = len(bench.near().written)
    for _ in range(20):
        await turn()
    assert len(bench.near().written) == seen
    client.resume_writing()
    bench.upstream.data_received(END)
    await at_rest(bench)

    assert (bench.near().written.count(b"x"), bench.near().written.endswith(END)) == (40_000, True)


async def test_a_fault_in_what_is_kept_cuts_the_response_off(bench: Bench) -> None:
    bench.send(written("GET /app/", {}))
    bench.reply("200 OK|Transfer-Encoding: chunked")
    bench.upstream.data_received(BYTE * 40_000 + b"nonsense\r\n")
    for _ in range(100):
        await turn()

    assert (bench.near().ended, bench.near().written.endswith(END)) == ("closed", False)
    assert bench.far.ended == "aborted"


# -- bytes kept


@pytest.mark.parametrize("body", [lambda: ChunkedDecoder(is_request=True), lambda: SizedBody(20_000)])
def test_what_follows_a_body_stays_kept(body: object) -> None:
    reader = body()  # type: ignore[operator]
    data = BYTE * 20_000 + END if isinstance(reader, ChunkedDecoder) else b"x" * 20_000
    kept = Kept(data + b"next")
    pieces = []
    while not reader.is_done:
        pieces.append(kept.feed(reader))

    assert (b"".join(pieces), kept.take_all(), len(kept)) == (b"x" * 20_000, b"next", 0)


def test_slices_and_what_is_put_back_are_in_order() -> None:
    kept = Kept(bytes(range(256)) * 256)
    first = kept.take_slice()
    kept.put_back(first[100:])
    kept.append(b"end")

    assert first[:100] + kept.take_all() == bytes(range(256)) * 256 + b"end"
