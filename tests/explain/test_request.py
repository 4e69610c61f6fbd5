"""A described request is the one that a browser would send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.explain.described_request import (
    DescriptionFault,
    Target,
    describe,
    describe_parts,
    parse_header,
    parse_target,
)
from cors_gateway.policy.origin import parse_origin


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://api.example.com/x?y=1#z", Target("api.example.com", "/x?y=1", "https://api.example.com")),
        ("HTTPS://API.Example.COM:443", Target("api.example.com", "/", "https://api.example.com")),
        ("http://api.example.com:80/", Target("api.example.com", "/", "http://api.example.com")),
        ("http://localhost:8080?x", Target("localhost:8080", "/?x", "http://localhost:8080")),
        ("https://bücher.example/ä", Target("xn--bcher-kva.example", "/%C3%A4", "https://xn--bcher-kva.example")),
        ("http://[0:0::1]:81/", Target("[::1]:81", "/", "http://[::1]:81")),
        ("http://2130706433/", Target("127.0.0.1", "/", "http://127.0.0.1")),
        ("  https:\\\\api.example.com\\x\n", Target("api.example.com", "/x", "https://api.example.com")),
        ("wss://api.example.com/s", Target("api.example.com", "/s", "https://api.example.com", is_websocket=True)),
        ("ws://localhost:80/s", Target("localhost", "/s", "http://localhost", is_websocket=True)),
        ("/api/x?y", Target("", "/api/x?y")),
        ("/", Target("", "/")),
    ],
)  # fmt: skip
def test_an_address_is_read_as_a_browser_reads_it(url: str, target: Target) -> None:
    assert parse_target(url) == target


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/a/../b", "/b"),
        ("/a/..", "/"),
        ("/a/./b/.", "/a/b/"),
        ("/../../a", "/a"),
        ("/a/%2E%2e/b", "/b"),
        ("/a/.%2e", "/"),
        ("/a/%2e/b", "/a/b"),
        ("/a/..%2fb", "/a/..%2fb"),
        ("/a\\b", "/a/b"),
        ("/a//b/", "/a//b/"),
        ("/a b<c>^{d}`e", "/a%20b%3Cc%3E%5E%7Bd%7D%60e"),
        ("/a;b='c'!|[d]", "/a;b='c'!|[d]"),
        ("/100%", "/100%"),
        ("/a?b=c/../d", "/a?b=c/../d"),
        ("/a?b=\"c'd e{f}", "/a?b=%22c%27d%20e{f}"),
        ("/a?b=?#c?d", "/a?b=?"),
        ("/%E2%82%AC/€", "/%E2%82%AC/%E2%82%AC"),
        ("/a\tb\n", "/ab"),
    ],
)
def test_a_path_is_sent_as_browsers_send_it(written: str, sent: str) -> None:
    assert parse_target(written).path == sent
    assert parse_target(f"https://x.example{written}").path == sent


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "is no URL"),
        ("api/x", "is no URL"),
        ("//api.example.com/x", "is no URL"),
        ("localhost:8080/x", "write http://"),
        ("ftp://api.example.com/", "write http://"),
        ("file:///etc/passwd", "write http://"),
        ("https://user:secret@api.example.com/", "user name"),
        ("https://", "no host"),
        ("https:///?x", "no host"),
        ("https://a b/", "no host"),
        ("https://api.example.com:99999/", "no host"),
        ("https://*.example.com/", "no host"),
        ("https://\udcff.example/", "no host"),
    ],
)
def test_what_no_browser_could_call_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(DescriptionFault, match=complaint):
        parse_target(url)


@given(st.text())
def test_whatever_is_accepted_can_be_sent(text: str) -> None:
    for url in (text, f"https://{text}", f"https://x.example/{text}", f"/{text}"):
        try:
            target = parse_target(url)
        except DescriptionFault:
            continue
        assert target.path.startswith("/")
        assert target.path.isascii()
        assert " " not in target.path
        assert target.origin is None or parse_origin(target.origin.encode()) is not None
        assert b" ".join([b"GET", target.path.encode(), b"HTTP/1.1"]).count(b" ") == 2


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("X-A", ("X-A", None)),
        ("X-A:", ("X-A", "")),
        ("X-A:  1 \t", ("X-A", "1")),
        ("X-A: b:c", ("X-A", "b:c")),
    ],
)
def test_a_header_is_a_name_with_or_without_a_value(text: str, header: tuple[str, str | None]) -> None:
    assert parse_header(text) == header


@pytest.mark.parametrize("text", ["", ": x", "X A", "X-Ä", "X-A: ä", "X-A: \x00", "X-A: b\nc", "X\udcff"])
def test_what_is_no_header_is_refused(text: str) -> None:
    with pytest.raises(DescriptionFault):
        parse_header(text)


@pytest.mark.parametrize(
    ("url", "options", "complaint"),
    [
        ("/", {"origin": ""}, "cannot be sent as an origin"),
        ("/", {"origin": "https://a.example\r\nX: y"}, "cannot be sent as an origin"),
        ("/", {"origin": " https://a.example"}, "cannot be sent as an origin"),
        ("/", {"origin": "null", "method": "GE T"}, "is not a method"),
        ("/", {"origin": "null", "method": ""}, "is not a method"),
        ("/", {"origin": "null", "method": "A" * 33}, "is not a method"),
        ("wss://a.example/", {"origin": "null", "method": "POST"}, "neither method nor headers"),
        ("wss://a.example/", {"origin": "null", "headers": ["X-A"]}, "neither method nor headers"),
    ],
)
def test_what_cannot_be_sent_is_refused(url: str, options: dict[str, str], complaint: str) -> None:
    with pytest.raises(DescriptionFault, match=complaint):
        describe(url, **options)  # type: ignore[arg-type]  # a table of keywords


def test_malformed_origins_can_be_described() -> None:
    assert describe("/", origin="https://BÜCHER.example/").origin == "https://BÜCHER.example/"


def test_the_method_is_sent_in_the_spelling_of_browsers() -> None:
    assert [describe("/", origin="null", method=method).method for method in ("put", "patch")] == [
        "PUT",
        "patch",
    ]


def test_a_test_describes_host_and_path_apart() -> None:
    request = describe_parts("/a/../b", host="api.example.com:8080", origin=None, headers=["X-A"])

    assert request.target == Target("api.example.com:8080", "/b")
    assert str(request.target) == "api.example.com:8080/b"
    assert request.headers == (("X-A", None),)


@pytest.mark.parametrize("host", ["", "a b", "a/b", "a@b", "ä.example"])
def test_a_test_for_an_impossible_host_is_refused(host: str) -> None:
    with pytest.raises(DescriptionFault, match="is not a host"):
        describe_parts("/", host=host, origin=None)


@pytest.mark.parametrize(
    ("url", "tells"),
    [
        ("https://api.example.com/", True),
        ("http://api.example.com/", False),
        ("http://localhost:8080/", True),
        ("http://127.0.0.1/", True),
        ("http://[::1]:8080/", True),
        ("/", True),
    ],
)
def test_browsers_say_which_site_asks_where_nobody_can_forge_it(url: str, tells: bool) -> None:
    assert parse_target(url).tells_site == tells
