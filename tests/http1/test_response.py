"""Heads of backends' responses."""

from itertools import compress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.response import CHUNKED, UNTIL_CLOSE, ResponseHead, ResponseReader, ResponseSection
from cors_gateway.http1.status_line import check_response_beginning


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
        b"HTTP/1.1 200 O\x00K",
        *(b"HTTP/1.1 200 OK\r\nX-A : 1", b"HTTP/1.1 200 OK\r\nX-A: 1\r\n folded", b"HTTP/1.1 200 OK\r\n: x"),
        *(b"HTTP/1.1 200 OK\r\nX(A): 1", b"HTTP/1.1 200 OK\r\nX-A: a\x00b", b"HTTP/1.1 200 OK\nX-A: 1"),
        b"HTTP/1.1 200 OK" + b"\r\nX-A: 1" * 201,
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


@pytest.mark.parametrize(
    ("head", "cause", "line"),
    [
        (b"HTTP/1.1 200 OK\r\nX-A: 1\r\n folded", Cause.FOLDED_LINE, 3),
        (b"HTTP/1.1 200 OK\nX-A: 1", Cause.BARE_LF, 1),
        (b"HTTP/1.1 200\nX-A: 1", Cause.BARE_LF, 1),
        (b"HTTP/1.1 200 OK\r\nX-A: 1\nX-B: 2", Cause.BARE_LF, 2),
        (b"HTTP/1.1 200 OK\r\nX-A : 1", Cause.BLANK_IN_NAME, 2),
        (b"HTTP/1.1 20 OK", Cause.STATUS_LINE, 1),
        (b"SSH-2.0-OpenSSH", Cause.NOT_HTTP, 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", Cause.TWO_FRAMINGS, 0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2", Cause.CONTENT_LENGTH_REPEATED, 0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x", Cause.CONTENT_LENGTH, 0),
        (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked", Cause.TRANSFER_ENCODING_HTTP10, 0),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip", Cause.TRANSFER_CODING, 0),
        (b"HTTP/1.1 200 OK" + b"\r\nX-A: 1" * 201, Cause.TOO_MANY_FIELDS, 0),
    ],
)
def test_a_fault_says_what_it_is_and_where(head: bytes, cause: Cause, line: int) -> None:
    with pytest.raises(ProtocolFault) as caught:
        read(head)
    assert (caught.value.cause, caught.value.line) == (cause, line)


def test_a_line_may_be_as_long_as_the_head() -> None:
    assert end_to_end(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 60000) == [b"X-A: " + b"a" * 60000]


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"HTTP/2", Cause.NOT_HTTP),
        (b"SSH", Cause.NOT_HTTP),
        (b"HTTP/1.1 200 OK\nX", Cause.BARE_LF),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100, Cause.HEAD_TOO_LARGE),
    ],
)
def test_a_beginning_that_cannot_become_good_is_refused_at_once(data: bytes, cause: Cause) -> None:
    with pytest.raises(ProtocolFault) as caught:
        check_response_beginning(data, 100)
    assert (caught.value.cause, caught.value.limit) == (cause, 100 if cause is Cause.HEAD_TOO_LARGE else 0)


def test_a_head_of_the_very_size_is_waited_for() -> None:
    head = b"HTTP/1.1 200 OK\r\nX: 1"
    for end in range(len(head) + 4):
        check_response_beginning((head + b"\r\n\r\n")[:end], len(head))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"WWW-Authenticate: NTLM", True),
        (b"www-authenticate: Negotiate YII=", True),
        (b'WWW-Authenticate: Basic realm="x", negotiate', True),
        (b'WWW-Authenticate: Digest realm="a, b",NTLM', True),
        (b"WWW-Authenticate: kerberos", True),
        (b"Persistent-Auth: true", True),
        (b"Persistent-Auth: false", False),
        (b'WWW-Authenticate: Basic realm="NTLM"', False),
        (b"WWW-Authenticate: Bearer", False),
        (b"Proxy-Authenticate: NTLM", False),
        (b"X-Other: NTLM", False),
    ],
)
def test_a_login_of_the_connection_is_noticed(line: bytes, expected: bool) -> None:
    reader = ResponseReader()
    before = reader.read(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic")
    for previous in (None, before):
        answer = reader.read(b"HTTP/1.1 401 No\r\n" + line, previous)
        assert answer.head.is_connection_login is expected
    assert end_to_end(b"HTTP/1.1 401 No\r\n" + line) == ([] if line.startswith(b"Proxy") else [line])


def test_connection_options_are_bounded_over_all_lines() -> None:
    lines = [b"Connection: a%d, b%d" % (n, n) for n in range(17)]
    with pytest.raises(ProtocolFault) as caught:
        read(b"\r\n".join([b"HTTP/1.1 200 OK", *lines]))
    assert caught.value.cause is Cause.TOO_MANY_OPTIONS


def test_all_protocols_to_upgrade_to_are_known() -> None:
    assert read(b"HTTP/1.1 426 No\r\nUpgrade: HTTP/3.0\r\nUpgrade: foo").upgrade == b"HTTP/3.0, foo"
