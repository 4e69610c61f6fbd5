"""Where a redirect leads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.redirect import MAX_ORIGIN, other_origin

CASES = [
    (b"https://login.example.net/a?b#c", b"https://login.example.net"),
    (b"HTTPS://Login.Example.Net:8443", b"https://login.example.net:8443"),
    (b"//login.example.net/a", b"https://login.example.net"),
    (b"/\\login.example.net/a", b"https://login.example.net"),
    (b"https://user:secret@login.example.net/", b"https://login.example.net"),
    (b"http://api.example.com/", b"http://api.example.com"),
    (b"https://api.example.com:8443/", b"https://api.example.com:8443"),
    (b"myapp://callback?code=1", b"myapp:"),
    (b"https://api.example.com:443/a", b""),
    (b"https://API.example.com:/a", b""),
    (b"/a", b""),
    (b"a?b=https://login.example.net", b""),
    (b"", b""),
]


@pytest.mark.parametrize(("location", "origin"), CASES)
def test_only_another_origin_is_told(location: bytes, origin: bytes) -> None:
    assert other_origin(location, b"https", b"api.example.com") == origin


@given(st.binary(), st.binary())
def test_any_bytes_have_an_answer_of_bounded_length(location: bytes, host: bytes) -> None:
    assert len(other_origin(b"https://" + location, b"http", host)) <= MAX_ORIGIN
    other_origin(location, b"http", host)
