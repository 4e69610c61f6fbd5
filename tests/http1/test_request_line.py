"""Request lines: the forms of a target, methods, versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.request_line import parse_request_line, path_of_options


@pytest.mark.parametrize(
    ("line", "target", "path"),
    [
        (b"GET / HTTP/1.1", b"/", b"/"),
        (b"GET /ok?q=1 HTTP/1.1", b"/ok?q=1", b"/ok"),
        (b"GET /ok? HTTP/1.1", b"/ok?", b"/ok"),
        (b"GET /a%2db%7ec HTTP/1.1", b"/a%2db%7ec", b"/a%2db%7ec"),
        (b"GET /ok?a=%zz&x=[1]|{2} HTTP/1.1", b"/ok?a=%zz&x=[1]|{2}", b"/ok"),
        (b"GET http://gw.test/ok?q=1 HTTP/1.1", b"/ok?q=1", b"/ok"),
        (b"GET HTTPS://gw.test HTTP/1.1", b"/", b"/"),
        (b"GET http://gw.test?q HTTP/1.1", b"/?q", b"/"),
        (b"OPTIONS * HTTP/1.1", b"*", b""),
        (b"OPTIONS http://gw.test HTTP/1.1", b"*", b""),
    ],
)
def test_a_target_goes_on_in_origin_form_byte_for_byte(line: bytes, target: bytes, path: bytes) -> None:
    parsed = parse_request_line(line)
    assert (parsed.target, parsed.path) == (target, path)


@pytest.mark.parametrize("method", [b"GET", b"patch", b"QUERY", b"M-SEARCH", b"X" * 32])
def test_a_method_is_any_token_in_its_own_case(method: bytes) -> None:
    assert parse_request_line(method + b" / HTTP/1.1").method == method


def test_the_version_is_told() -> None:
    assert parse_request_line(b"GET / HTTP/1.1").is_http11
    assert not parse_request_line(b"GET / HTTP/1.0").is_http11


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"", 400),
        (b"GET /ok", 400),
        (b"GET  /ok HTTP/1.1", 400),
        (b"GET /ok HTTP/1.1 ", 400),
        (b" GET /ok HTTP/1.1", 400),
        (b"GET\t/ok HTTP/1.1", 400),
        (b"GET /a b HTTP/1.1", 400),
        (b"G=T /ok HTTP/1.1", 400),
        (b"GET /ok http/1.1", 400),
        (b"GET /ok HTTP/01.1", 400),
        (b"GET /ok HTTP/1", 400),
        (b"GET /ok HTTP/1.10", 400),
        (b"GET /ok HTTP/0.9", 505),
        (b"GET /ok HTTP/1.2", 505),
        (b"GET /ok HTTP/2.0", 505),
        (b"OPTIONS /ok RTSP/1.0", 400),
        (b"GET /a\x00b HTTP/1.1", 400),
        (b"GET /caf\xe9 HTTP/1.1", 400),
        (b"GET /a#b HTTP/1.1", 400),
        (b"GET /a?b#c HTTP/1.1", 400),
        (b"GET * HTTP/1.1", 400),
        (b"OPTIONS */x HTTP/1.1", 400),
        (b"GET admin HTTP/1.1", 400),
        (b"GET http:/gw.test/ HTTP/1.1", 400),
        (b"GET http:///ok HTTP/1.1", 400),
        (b"GET http://a@gw.test/ HTTP/1.1", 400),
        (b"GET ftp://gw.test/ HTTP/1.1", 400),
        (b"GET gw.test:80 HTTP/1.1", 400),
        (b"GET /public/../admin HTTP/1.1", 400),
        (b"GET http://gw.test/%2e%2e/admin HTTP/1.1", 400),
        (b"GET /a\\b HTTP/1.1", 400),
        (b"GET /admin%/x HTTP/1.1", 400),
        (b"CONNECT evil.test:80 HTTP/1.1", 405),
        (b"CONNECT /ok HTTP/1.1", 405),
        (b"X" * 33 + b" / HTTP/1.1", 501),
    ],
)
def test_everything_else_is_refused(line: bytes, status: int) -> None:
    with pytest.raises(ProtocolFault) as caught:
        parse_request_line(line)
    assert caught.value.status == status


def test_a_line_may_be_as_long_as_its_limit_and_no_longer() -> None:
    line = b"GET /" + b"a" * 20000 + b" HTTP/1.1"
    for limit in (0, len(line)):
        assert parse_request_line(line, limit).path == b"/" + b"a" * 20000
    with pytest.raises(ProtocolFault) as caught:
        parse_request_line(line, len(line) - 1)
    assert (caught.value.status, caught.value.cause, caught.value.limit) == (
        *(414, Cause.REQUEST_LINE_TOO_LONG),
        len(line) - 1,
    )


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(line: bytes) -> None:
    try:
        parsed = parse_request_line(line)
    except ProtocolFault as fault:
        assert fault.status in {400, 405, 414, 501, 505}
    else:
        assert (
            b" ".join([parsed.method, parsed.target]) == line.rpartition(b" ")[0]
            or parsed.authority is not None
        )


@given(
    st.one_of(st.binary(max_size=60), st.from_regex(rb"OPTIONS [!-~]{1,20} HTTP/1\.[01]", fullmatch=True)),
    st.integers(0, 40),
)
def test_a_path_of_options_is_what_the_whole_line_says(line: bytes, limit: int) -> None:
    path = path_of_options(line, limit)
    if path:
        parsed = parse_request_line(line, limit)
        assert parsed.is_plain
        assert parsed.method == b"OPTIONS"
        assert parsed.readings == (parsed.path,) == (path,)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (b"OPTIONS /orders/1?x=%2f HTTP/1.1", b"/orders/1"),
        (b"OPTIONS / HTTP/1.1", b"/"),
        (b"OPTIONS /orders/%31 HTTP/1.1", b""),
        (b"OPTIONS /orders/1 HTTP/1.0", b""),
        (b"GET /orders/1 HTTP/1.1", b""),
        (b"OPTIONS http://gw.test/ HTTP/1.1", b""),
        (b"OPTIONS /longer/than/it/may/be HTTP/1.1", b""),
    ],
)
def test_only_what_nearly_every_client_sends_is_plain(line: bytes, path: bytes) -> None:
    assert path_of_options(line, 35) == path
