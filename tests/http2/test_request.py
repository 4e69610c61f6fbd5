"""What a request on a stream becomes, and what is no request."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.refused import read_refused
from cors_gateway.http1.request import RequestReader
from cors_gateway.http2.request import RequestWriter, check_trailers, sketch

Fields = tuple[tuple[bytes, bytes], ...]
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


def _fields(text: str) -> Fields:
    """`name value` a line; pseudo-header fields that are not there are those of a plain GET."""
    lines = [line.strip().partition(" ") for line in text.split("|") if line.strip()]
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, _, value in lines)


SOCKET = ":method CONNECT|:scheme https|:authority a.test|:path /x|:protocol websocket"
PLAIN = ":method GET|:scheme https|:authority a.test|:path /x"


@pytest.mark.parametrize(
    ("text", "is_ended", "line", "block"),
    [
        (PLAIN, True, "GET /x HTTP/1.1", "|Host: a.test||"),
        (f"{PLAIN}|accept */*", True, "GET /x HTTP/1.1", "|Host: a.test|accept: */*||"),
        (":path /?a=b|:authority a.test:8443|:method POST|:scheme http", False, "POST /?a=b HTTP/1.1", "|Host: a.test:8443|Transfer-Encoding: chunked||"),
        (f"{PLAIN}|content-length 3", False, "GET /x HTTP/1.1", "|Host: a.test|content-length: 3||"),
        (f"{PLAIN}|content-length 0", True, "GET /x HTTP/1.1", "|Host: a.test|content-length: 0||"),
        (f"{PLAIN}|cookie a=b|x y|cookie c=d|cookie e=f", True, "GET /x HTTP/1.1", "|Host: a.test|cookie: a=b; c=d; e=f|x: y||"),
        (f"{PLAIN}|host A.test:443", True, "GET /x HTTP/1.1", "|Host: a.test||"),
        (":method GET|:scheme https|:path /x|host b.test", True, "GET /x HTTP/1.1", "|host: b.test||"),
        (f"{PLAIN}|te trailers", True, "GET /x HTTP/1.1", "|Host: a.test|te: trailers||"),
        (":method OPTIONS|:scheme https|:authority a.test|:path *", True, "OPTIONS * HTTP/1.1", "|Host: a.test||"),
        (":method CONNECT|:authority a.test:443", True, "CONNECT a.test:443 HTTP/1.1", "|Host: a.test:443||"),
        (f"{PLAIN}|x", True, "GET /x HTTP/1.1", "|Host: a.test|x: ||"),
    ],
)  # fmt: skip
def test_a_request_becomes_what_it_would_be_in_http_1_1(
    text: str, is_ended: bool, line: str, block: str
) -> None:
    written = RequestWriter(lambda: KEY).write(_fields(text), is_ended=is_ended)

    assert (written.line.decode(), written.block.decode().replace("\r\n", "|")) == (line, block)


def test_a_websocket_becomes_the_handshake_that_it_would_be_in_http_1_1() -> None:
    writer = RequestWriter(lambda: KEY)
    plain = writer.write(_fields(PLAIN), is_ended=False)
    fields = _fields(f"{SOCKET}|origin https://a.test|sec-websocket-key mine|sec-websocket-version 13")
    handshakes = [writer.write(fields, is_ended=is_ended) for is_ended in (False, True)]

    assert {(one.line, one.is_handshake) for one in handshakes} == {(b"GET /x HTTP/1.1", True)}
    own = f"Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Key: {KEY.decode()}||"
    assert {one.block.decode().replace("\r\n", "|") for one in handshakes} == {
        f"|Host: a.test|origin: https://a.test|sec-websocket-version: 13|{own}"
    }
    assert writer.write(_fields(PLAIN), is_ended=False) == plain


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        (_fields(":scheme https|:authority a|:path /"), Cause.PSEUDO_FIELDS),
        (_fields(":method GET|:authority a|:path /"), Cause.PSEUDO_FIELDS),
        (_fields(":method GET|:scheme https|:authority a"), Cause.PSEUDO_FIELDS),
        (_fields(":method GET|:scheme ftp|:authority a|:path /"), Cause.PSEUDO_FIELDS),
        (_fields(f"{PLAIN}|:path /y"), Cause.PSEUDO_FIELDS),
        (_fields(f"{PLAIN}|x y|:path /y"), Cause.PSEUDO_FIELDS),
        (_fields(f"{PLAIN}|:protocol websocket"), Cause.PSEUDO_FIELDS),
        (_fields(f"{SOCKET}|:protocol websocket"), Cause.PSEUDO_FIELDS),
        (_fields(f"{SOCKET}|:method GET"), Cause.PSEUDO_FIELDS),
        (_fields(f"{SOCKET}|x y|:protocol websocket"), Cause.PSEUDO_FIELDS),
        (_fields(SOCKET.replace(":authority a.test|", "")), Cause.PSEUDO_FIELDS),
        (_fields(SOCKET.replace(":scheme https|", "")), Cause.PSEUDO_FIELDS),
        (_fields(SOCKET.replace(":path /x|", "")), Cause.PSEUDO_FIELDS),
        (_fields(SOCKET.replace("/x", "*")), Cause.TARGET),
        (_fields(SOCKET.replace("websocket", "connect-ip")), Cause.PROTOCOL_UNKNOWN),
        (_fields(f"{SOCKET}|content-length 3"), Cause.LENGTH_MISMATCH),
        (_fields(f"{SOCKET}|upgrade websocket"), Cause.CONNECTION_FIELD),
        (_fields(":method GET|:scheme https|:authority a|:path x"), Cause.TARGET),
        (_fields(":method GET|:scheme https|:authority a|:path *"), Cause.TARGET),
        (_fields(":method GET|:scheme https|:authority a|:path http://b/"), Cause.TARGET),
        (_fields(":method GET|:scheme https|:authority a|:path"), Cause.TARGET),
        (_fields(f"{PLAIN}|Accept x"), Cause.NAME),
        (_fields(f"{PLAIN}|x: y"), Cause.NAME),
        (_fields(f"{PLAIN}|connection close"), Cause.CONNECTION_FIELD),
        (_fields(f"{PLAIN}|transfer-encoding chunked"), Cause.CONNECTION_FIELD),
        (_fields(f"{PLAIN}|upgrade h2c"), Cause.CONNECTION_FIELD),
        (_fields(f"{PLAIN}|keep-alive 1"), Cause.CONNECTION_FIELD),
        (_fields(f"{PLAIN}|proxy-connection x"), Cause.CONNECTION_FIELD),
        (_fields(f"{PLAIN}|te gzip"), Cause.CONNECTION_FIELD),
        (_fields(f"{PLAIN}|host b.test"), Cause.AUTHORITY),
        (_fields(f"{PLAIN}|host a.test|host a.test"), Cause.HOST_REPEATED),
        (_fields(f"{PLAIN}|content-length 5"), Cause.LENGTH_MISMATCH),
        ((*_fields(PLAIN), (b"", b"x")), Cause.NAME),
        ((*_fields(PLAIN), (b"x", b"a\r\ny: z")), Cause.CONTROL_BYTE),
        ((*_fields(PLAIN), (b"x", b"a\nz")), Cause.CONTROL_BYTE),
        ((*_fields(PLAIN), (b"x", b"a\0")), Cause.CONTROL_BYTE),
        ((*_fields(PLAIN), (b"x", b" a")), Cause.CONTROL_BYTE),
        ((*_fields(PLAIN), (b"x", b"a\t")), Cause.CONTROL_BYTE),
        ((*_fields(":method GET|:scheme https|:path /"), (b":authority", b"a\r\nx: y")), Cause.HOST),
        ((*_fields(":scheme https|:path /"), (b":method", b"GET / HTTP/1.1\r\nx: y\r\n")), Cause.PSEUDO_FIELDS),
        ((*_fields(":method GET|:scheme https"), (b":path", b"/ HTTP/1.1\r\nx: y")), Cause.TARGET),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_with_its_cause(fields: Fields, cause: Cause) -> None:
    with pytest.raises(ProtocolFault) as refused:
        RequestWriter(lambda: KEY).write(fields, is_ended=True)

    assert refused.value.cause is cause


@pytest.mark.parametrize(
    ("text", "host"),
    [
        (f"{PLAIN}|connection close", b"a.test"),
        (f"{PLAIN}|host A.test:443|connection close", b"a.test"),
        (":method GET|:scheme https|:path /x|host b.test|connection close", b"b.test"),
        (f"{PLAIN}|host b.test", None),
        (f"{PLAIN}|host a.test|host a.test", None),
        (f"{PLAIN}|:authority b.test|host b.test", None),
        (":method GET|:scheme https|:authority a.test|:authority a.test|:path /x", None),
        (":method GET|:scheme https|:path /x|host a.test|host A.test", None),
        (":method GET|:scheme https|:path /x", None),
    ],
)
def test_a_refused_request_belongs_to_a_host_only_if_it_names_one(text: str, host: bytes | None) -> None:
    assert read_refused(sketch(_fields(text))).host == host


def test_a_refused_request_has_a_path_only_if_it_names_one() -> None:
    assert read_refused(sketch(_fields(f"{PLAIN}|connection close"))).path == b"/x"
    assert read_refused(sketch(_fields(f"{PLAIN}|:path /y"))).path == b""


_BYTES = st.binary(max_size=12)


@given(
    method=st.one_of(st.just(b"GET"), _BYTES),
    path=st.one_of(st.just(b"/x"), _BYTES),
    fields=st.lists(st.tuples(st.one_of(st.sampled_from([b"host", b"cookie", b"te", b"x"]), _BYTES), _BYTES), max_size=5),
)  # fmt: skip
def test_no_bytes_become_more_lines_than_there_are_fields(
    method: bytes, path: bytes, fields: list[tuple[bytes, bytes]]
) -> None:
    pseudo = ((b":method", method), (b":scheme", b"https"), (b":authority", b"a.test"), (b":path", path))
    try:
        line, block, _ = RequestWriter(lambda: KEY).write((*pseudo, *fields), is_ended=True)
    except ProtocolFault:
        return

    assert not {0x0A, 0x0D} & set(line)
    assert len(block.split(b"\r\n")) <= len(fields) + 4
    assert block.count(b"\n") == block.count(b"\r") == block.count(b"\r\n")
    try:
        section = RequestReader(max_bytes=0, max_fields=0).read(block[2:-4])
    except ProtocolFault:
        return
    assert section.head.host == b"a.test"


def test_a_repeated_section_is_written_as_the_first_time() -> None:
    writer = RequestWriter(lambda: KEY)
    texts = [PLAIN, f"{PLAIN}|a b", f"{PLAIN}|a c", f"{PLAIN}|connection close"]
    for text, is_ended in product([*texts, *texts[::-1], *texts], [True, False]):
        outcomes = []
        for one in (writer, RequestWriter(lambda: KEY)):
            try:
                outcomes.append(str(one.write(_fields(text), is_ended=is_ended)))
            except ProtocolFault as fault:
                outcomes.append(fault.cause)

        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        (((b"authorization", b"x"),), Cause.TRAILER_PROTECTED),
        (((b"host", b"x"),), Cause.TRAILER_PROTECTED),
        (((b":path", b"/"),), Cause.PSEUDO_FIELDS),
        (((b"X", b"/"),), Cause.NAME),
        (tuple((b"x%d" % n, b"") for n in range(33)), Cause.TRAILERS_TOO_LARGE),
    ],
)
def test_trailers_are_judged_as_in_http_1_1(fields: Fields, cause: Cause) -> None:
    check_trailers(((b"x-checksum", b"1"),))
    with pytest.raises(ProtocolFault) as refused:
        check_trailers(fields)

    assert refused.value.cause is cause
