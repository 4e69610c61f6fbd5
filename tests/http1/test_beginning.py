"""Heads that come in pieces: what is refused at once, and that the cuts decide nothing."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cors_gateway.http1.beginning import after_empty_lines, check_beginning, first_of
from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.request import RequestReader, check_version
from cors_gateway.http1.request_line import parse_request_line

LIMIT = 60


def verdict(data: bytes, cuts: tuple[int, ...], limit: int = LIMIT) -> tuple[object, ...]:
    """What a connection makes of a head that comes cut at these places, as far as the pure part goes."""
    reader = RequestReader(max_bytes=limit, max_fields=3)
    kept = b""
    for start, end in itertools.pairwise((0, *cuts, len(data))):
        kept += data[start:end]
        fresh = end - start
        try:
            begins = after_empty_lines(kept)
            if begins < 0:
                continue
            kept = kept[begins:]
            line_end, head_end = kept.find(b"\r\n"), kept.find(b"\r\n\r\n")
            if head_end < 0:
                check_beginning(kept, limit, fresh)
                continue
            head = reader.read(kept[line_end + 2 : head_end]).head
            line = parse_request_line(kept[:line_end], limit)
            check_version(head, line.is_http11)
        except ProtocolFault as fault:
            fault = first_of(fault, kept, limit)
            return fault.status, fault.cause, fault.line, fault.field, fault.limit
        return line.method, line.target, head.host
    return ("incomplete",)


parts = st.sampled_from(
    [
        *(
            b"GET ",
            b"/",
            b"/x ",
            b"HTTP/1.1",
            b"HTTP/2.0",
            b"\r\n",
            b"\r\n",
            b"\r\n",
            b"\r",
            b"\n",
            b" ",
            b"\t",
        ),
        *(
            b"Host: x",
            b"Host: y\r\n",
            b"X : y",
            b"X: \0",
            b"\0",
            b"a" * 20,
            b"X: " + b"a" * 56,
            b"\xe9",
            b"M" * 33,
        ),
        *(b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.2\r\n", b"Host: x\r\n\r\n", b"X: 1\r\n" * 4, b"a" * LIMIT),
    ]
)


@given(st.lists(parts, max_size=8).map(b"".join), st.sets(st.integers(1, 120), max_size=6))
@example(b"GET / HTTP/2.0\r\nX: \0\r\n\r\n", {16})
@example(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 48 + b"\r\n\r\n", set())
@example(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 49 + b"\r\n\r\n", set())
@example(b"GET /" + b"a" * 46 + b" HTTP/1.1\r\nHost: x\r\n\r\n", set())
@example(b"GET /" + b"a" * 47 + b" HTTP/1.1\r\nHost: x\r\n\r\n", set())
@example(b"\r\n" * 6, {3, 4, 5, 8})
@example(b"\r\n\r\n\r\n\r\n\r\rGET / HTTP/1.1", {9})
def test_the_answer_does_not_depend_on_the_cuts(data: bytes, cuts: set[int]) -> None:
    whole = verdict(data, ())
    some = verdict(data, tuple(sorted(cut for cut in cuts if cut < len(data))))
    assert some == verdict(data, tuple(range(1, len(data)))) == whole


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/2.0\r\nHost : x\r\nX: \0\r\n\r\n",
        b"GET /" + b"a" * 80 + b"\0 HTTP/1.1\r\n\r\n",
        b"GET /\0" + b"a" * 80 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: \0" + b"a" * 80 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 80 + b"\0\r\n\r\n",
        b"\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_every_pair_of_cuts_gives_the_same_answer(data: bytes) -> None:
    whole = verdict(data, ())
    assert whole != ("incomplete",)
    for cuts in itertools.combinations(range(1, len(data)), 2):
        assert verdict(data, cuts) == whole


@pytest.mark.parametrize(
    ("data", "status", "cause"),
    [
        (b"GET / HTTP/1.1\n", 400, Cause.BARE_LF),
        (b"\x16\x03\x01", 400, Cause.CONTROL_BYTE),
        (b"GET /\x00", 400, Cause.CONTROL_BYTE),
        (b"GET / HTTP/1.1\rX", 400, Cause.BARE_CR),
        (b" GET /", 400, Cause.LEADING_BLANK),
        (b"SSH-2.0-OpenSSH_9.6\r\n", 400, Cause.REQUEST_LINE),
        (b"GET /ok\r\nHost", 400, Cause.REQUEST_LINE),
        (b"GET /" + b"a" * 32768, 414, Cause.REQUEST_LINE_TOO_LONG),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 32768, 431, Cause.HEAD_TOO_LARGE),
        (b"GET / HTTP/3.0\r\nX: " + b"a" * 32768, 505, Cause.VERSION),
    ],
)
def test_a_beginning_that_cannot_become_good_is_refused_at_once(
    data: bytes, status: int, cause: Cause
) -> None:
    with pytest.raises(ProtocolFault) as caught:
        check_beginning(data, 32768)
    assert (caught.value.status, caught.value.cause) == (status, cause)


@pytest.mark.parametrize(
    "data",
    [
        *(b"G", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET /\xe9", b"\r\n\r\n\r"),
        b"GET /" + b"a" * 20000,
        b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nX: " + b"b" * 20000,
    ],
)
def test_a_beginning_that_may_become_good_is_waited_for(data: bytes) -> None:
    check_beginning(data, 32768)
    check_beginning(data, 0)


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (b"GET", 0),
        (b"\r\nGET", 2),
        (b"\r\n\r\n\r\n\r\nG", 8),
        (b"\r\n", -1),
        (b"\r\n\r", -1),
        (b"\r", -1),
        (b"", -1),
        (b"\r\n\rX", 2),
    ],
)
def test_up_to_four_empty_lines_are_overlooked(data: bytes, start: int) -> None:
    assert after_empty_lines(data) == start


def test_a_fifth_empty_line_is_refused() -> None:
    with pytest.raises(ProtocolFault) as caught:
        after_empty_lines(b"\r\n" * 5)
    assert caught.value.cause is Cause.EMPTY_LINES
