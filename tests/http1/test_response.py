"""Heads of backends' responses."""

from itertools import compress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.response import CHUNKED, UNTIL_CLOSE, ResponseHead, ResponseReader, ResponseSection


def section(head: bytes) -> ResponseSection:
    return ResponseReader().read(head)


def read(head: bytes) -> ResponseHead:
    return section(head).head


def end_to_end(head: bytes) -> list[bytes]:
    read = section(head)
    return list(compress(read.lines, read.layout.is_end_to_end))


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b"HTTP/1.1 200 OK", 200, b"OK"),
        (b"HTTP/1.0 404 Not Found", 404, b"Not Found"),
        (b"HTTP/1.1 200 ", 200, b""),
        (b"HTTP/1.1 200", 200, b""),
        (b"HTTP/1.1 999 Odd", 999, b"Odd"),
        (b"HTTP/1.1 200 d\xe9j\xe0", 200, b"d\xe9j\xe0"),
    ],
)
def test_a_status_line(line: bytes, status: int, reason: bytes) -> None:
    head = read(line)
    assert (head.status, head.start_line) == (status, b"HTTP/1.1 %d %b" % (status, reason))


@pytest.mark.parametrize(
    "head",
    [
        *(
            b"",
            b"HTTP/1.1 20 OK",
            b"HTTP/1.1 2000 OK",
            b"HTTP/1.1 abc OK",
            b"HTTP/1.1 000 OK",
            b"HTTP/1.1 099 OK",
        ),
        *(b"HTTP/2.0 200 OK", b"HTTP/0.9 200 OK", b"RTSP/1.0 200 OK", b"SSH-2.0-x", b"HTTP/1.1  200 OK"),
        *(b"HTTP/1.1 200 O\x00K", b"HTTP/1.1 200 " + b"a" * 70000),
        *(b"HTTP/1.1 200 OK\r\nX-A : 1", b"HTTP/1.1 200 OK\r\nX-A: 1\r\n folded", b"HTTP/1.1 200 OK\r\n: x"),
        *(b"HTTP/1.1 200 OK\r\nX(A): 1", b"HTTP/1.1 200 OK\r\nX-A: a\x00b", b"HTTP/1.1 200 OK\nX-A: 1"),
        b"HTTP/1.1 200 OK" + b"\r\nX-A: 1" * 201,
        b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 20000,
    ],
)
def test_what_is_no_response_head_is_refused(head: bytes) -> None:
    with pytest.raises(ProtocolFault):
        read(head)


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        (b"", UNTIL_CLOSE),
        (b"\r\nContent-Length: 0", 0),
        (b"\r\nContent-Length: 12", 12),
        (b"\r\nContent-Length: 12\r\nContent-Length: 12", 12),
        (b"\r\nTransfer-Encoding: chunked", CHUNKED),
    ],
)
def test_framing(fields: bytes, length: int) -> None:
    assert read(b"HTTP/1.1 200 OK" + fields).length == length


@pytest.mark.parametrize(
    "fields",
    [
        *(b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Content-Length: 2\r\nContent-Length: 4"),
        *(b"Content-Length: 2, 2", b"Content-Length: foo", b"Content-Length: -2", b"Content-Length:"),
        *(
            b"Content-Length: 99999999999999999999",
            b"Transfer-Encoding: foo",
            b"Transfer-Encoding: gzip, chunked",
        ),
        *(
            b"Transfer-Encoding: chunked, chunked",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        ),
    ],
)
def test_framing_that_could_be_read_in_two_ways_is_refused(fields: bytes) -> None:
    with pytest.raises(ProtocolFault):
        read(b"HTTP/1.1 200 OK\r\n" + fields)


def test_chunked_is_not_for_http10() -> None:
    with pytest.raises(ProtocolFault):
        read(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked")


def test_framing_fields_mean_nothing_on_an_interim_response() -> None:
    assert (
        read(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nTransfer-Encoding: x").length == UNTIL_CLOSE
    )


@pytest.mark.parametrize(
    ("head", "closes"),
    [
        (b"HTTP/1.1 200 OK", False),
        (b"HTTP/1.1 200 OK\r\nConnection: Close", True),
        (b"HTTP/1.0 200 OK", True),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive", False),
    ],
)
def test_whether_the_connection_goes_on(head: bytes, closes: bool) -> None:
    assert read(head).closes is closes


def test_hop_by_hop_fields_and_nominated_ones_are_dropped() -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nConnection: X-Foo\r\nX-Foo: 1\r\nKeep-Alive: timeout=9, max=5\r\nProxy-Authenticate: Basic"
        b"\r\nUpgrade: h2c\r\nTrailer: X-T\r\nX-Keep: 1"
    )
    assert end_to_end(head) == [b"X-Keep: 1"]
    assert read(head).keep_alive == 9


def test_a_backend_cannot_nominate_what_clients_rely_on() -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: Set-Cookie, Content-Type, Vary\r\nSet-Cookie: a\r\nVary: x"
    assert end_to_end(head) == [b"Set-Cookie: a", b"Vary: x"]


def test_fields_keep_their_order_case_and_number() -> None:
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX: caf\xe9\r\nSet-Cookie: c=3"
    assert end_to_end(head) == [b"Set-Cookie: a=1", b"set-cookie: b=2", b"X: caf\xe9", b"Set-Cookie: c=3"]


def test_what_a_policy_decides_about_is_marked() -> None:
    answer = section(b"HTTP/1.1 200 OK\r\naccess-control-ALLOW-origin: *\r\nVary: x\r\nDate: now")
    assert [(field.name, field.is_cors, field.is_vary) for field in answer.head.policy_fields] == [
        (b"access-control-allow-origin", True, False),
        (b"vary", False, True),
    ]
    assert answer.layout.has_date
    assert not read(b"HTTP/1.1 200 OK\r\nX-Access-Control-Allow-Origin: *").policy_fields


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, False), (404, False), (205, False), (204, True), (304, True), (100, True), (199, True)],
)
def test_which_responses_have_no_body(status: int, expected: bool) -> None:
    assert read(b"HTTP/1.1 %d x\r\nContent-Length: 5" % status).has_no_body is expected


@given(st.binary(max_size=80) | st.lists(st.sampled_from(b"aX-:,1 \t\r\n\0\xe9"), max_size=30).map(bytes))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for head in (data, b"HTTP/1.1 200 OK\r\n" + data, b"HTTP/1.1 200 OK\r\nX:" + data):
        try:
            response = section(head)
        except ProtocolFault:
            continue
        assert 100 <= response.head.status <= 999
        assert not any(set(line) & set(b"\r\n\0") for line in response.lines)
