"""What a response head of HTTP/1.1 becomes on a stream."""

import pytest

from cors_gateway.http2.response import response_fields


@pytest.mark.parametrize(
    ("head", "fields"),
    [
        ("HTTP/1.1 200 OK||", [":status 200"]),
        ("HTTP/1.1 404||", [":status 404"]),
        ("HTTP/1.1 204 No Content|Vary: Origin|Access-Control-Allow-Origin: https://a||", [":status 204", "vary Origin", "access-control-allow-origin https://a"]),
        ("HTTP/1.1 200 OK|X-A:b|x-a:  c |Set-Cookie: a|Set-Cookie: b||", [":status 200", "x-a b", "x-a c", "set-cookie a", "set-cookie b"]),
        ("HTTP/1.1 200 OK|Connection: close|Keep-Alive: x|Transfer-Encoding: chunked|Upgrade: h2c|A: b||", [":status 200", "a b"]),
        ("HTTP/1.1 103 Early Hints|Link: </a>; rel=preload||", [":status 103", "link </a>; rel=preload"]),
    ],
)  # fmt: skip
def test_a_head(head: str, fields: list[str]) -> None:
    for _ in range(3):  # also from memory
        found = response_fields(head.replace("|", "\r\n").encode())

        assert [f"{name.decode()} {value.decode()}" for name, value in found] == fields
