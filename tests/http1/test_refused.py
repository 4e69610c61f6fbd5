"""What is certain about a head that is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.refused import read_refused

FIELDS = b"Host: gw.test\r\nOrigin: https://a.example\r\n"


@pytest.mark.parametrize(
    ("head", "path", "host", "origin"),
    [
        (b"GET /a HTTP/1.1\r\n" + FIELDS + b"X : bad\r\n\r\n", b"/a", b"gw.test", b"https://a.example"),
        (b"GET /a HTTP/1.1\r\n" + FIELDS + b"Cookie: aaaa", b"/a", b"gw.test", b"https://a.example"),
        (b"GET /a HTTP/3.0\r\n" + FIELDS + b"\r\n", b"/a", b"gw.test", b"https://a.example"),
        (b"GET /a?" + b"q" * 9000, b"/a", None, None),
        (b"GET /a", b"", None, None),
        (b"GET /a HTT", b"", None, None),
        (b"GET /a HTTP/1.1\r\nOrigin: https://a.exam", b"/a", None, None),
        (b"GET /a HTTP/1.1\r\n" + FIELDS + b"host: other\r\n\r\n", b"/a", None, b"https://a.example"),
        (b"GET /a HTTP/1.1\r\n" + FIELDS + b"Origin: null\r\n\r\n", b"/a", b"gw.test", None),
        (b"GET /a HTTP/1.1\r\n" + FIELDS + b"Origin : null\r\n\r\n", b"/a", b"gw.test", None),
        (b"GET /a HTTP/1.1\r\n" + FIELDS + b"Host\r\n\r\n", b"/a", None, b"https://a.example"),
        (b"GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", b"/a", None, None),
        (b"GET /a HTTP/1.1\r\nHost: gw\r\nX: a\nOrigin: https://evil.example\r\n\r\n", b"/a", b"gw", None),
        (b"GET /a HTTP/1.1\r\nHost: gw\r\nOrigin: https://a\0b\r\n\r\n", b"/a", b"gw", None),
        (b"GET /../a HTTP/1.1\r\n" + FIELDS + b"\r\n", b"", b"gw.test", b"https://a.example"),
        (b"GET http://GW.test:80/a HTTP/1.1\r\n" + FIELDS + b"\0", b"/a", b"gw.test", b"https://a.example"),
        (b"GET http://other/a HTTP/1.1\r\n" + FIELDS + b"\r\n", b"/a", None, b"https://a.example"),
        (b"\x16\x03\x01\r\n" + FIELDS + b"\r\n", b"", b"gw.test", b"https://a.example"),
    ],
)
def test_only_what_is_certain_is_told(
    head: bytes, path: bytes, host: bytes | None, origin: bytes | None
) -> None:
    said = read_refused(head)
    assert (said.path, said.host, said.origin) == (path, host, origin)
    assert said.is_routable is (bool(path) and host is not None)


def test_a_refused_preflight_is_told_from_other_requests() -> None:
    asked = b"Access-Control-Request-Method: PUT\r\n"
    assert read_refused(b"OPTIONS /a HTTP/1.1\r\n" + FIELDS + asked + b"\0").is_preflight
    assert read_refused(b"OPTIONS /a HTTP/1.1\r\n" + FIELDS + asked).method_asked == b"PUT"
    assert not read_refused(b"OPTIONS /a HTTP/1.1\r\n" + FIELDS + asked + asked).is_preflight
    assert not read_refused(b"GET /a HTTP/1.1\r\n" + FIELDS + asked).is_preflight


def test_all_readings_of_the_path_are_told() -> None:
    assert set(read_refused(b"GET //x/a HTTP/1.1\r\n").readings) == {b"//x/a", b"/x/a", b"/a"}


@given(st.binary(max_size=80), st.integers(0, 200))
def test_any_bytes_are_read(data: bytes, cut: int) -> None:
    head = b"GET /a HTTP/1.1\r\nHost: x\r\n" + data + b"\r\n" + FIELDS
    for part in (data, head[:cut]):
        said = read_refused(part)
        for value in (said.host, said.origin, said.method_asked):
            assert value is None or not set(value) & set(b"\r\n\0")
