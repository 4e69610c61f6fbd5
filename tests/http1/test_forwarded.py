"""What the backend is told about the client."""

from ipaddress import ip_network

import pytest

from cors_gateway.http1.forwarded import (
    Peer,
    client_address,
    forwarding_lines,
    is_within,
    passed_here_before,
    via_line,
)
from cors_gateway.http1.request_fields import ReadField, read_field

LOCAL = (ip_network("127.0.0.0/8"), ip_network("::1/128"), ip_network("10.0.0.0/8"))


def fields(*lines: bytes) -> list[ReadField]:
    return [field for field in map(read_field, lines) if isinstance(field, ReadField)]


SPOOFED = fields(
    b"X-Forwarded-For: 1.1.1.1",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Host: evil.test",
    b"Forwarded: for=1.1.1.1",
)


def test_an_untrusted_peer_is_taken_by_its_address_alone() -> None:
    peer = Peer("192.0.2.7", LOCAL, is_tls=False)
    assert b"".join(forwarding_lines(peer, SPOOFED, b"gw.test", b"")).splitlines() == [
        b"X-Forwarded-For: 192.0.2.7",
        b"X-Real-IP: 192.0.2.7",
        b"X-Forwarded-Proto: http",
        b"X-Forwarded-Host: gw.test",
    ]
    assert client_address(peer, SPOOFED, LOCAL) == "192.0.2.7"


def test_a_trusted_peer_is_believed_and_its_lists_continued() -> None:
    peer = Peer("10.0.0.2", LOCAL, is_tls=True)
    received = fields(
        b"X-Forwarded-For: 192.0.2.7",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-For: 10.0.0.9",
        b"Forwarded: for=192.0.2.7",
        b"X-Real-IP: 6.6.6.6",
    )
    assert b"".join(forwarding_lines(peer, received, b"gw.test", b"/api")).splitlines() == [
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-For: 192.0.2.7, 10.0.0.9, 10.0.0.2",
        b"X-Real-IP: 192.0.2.7",
        b"X-Forwarded-Host: gw.test",
        b"X-Forwarded-Prefix: /api",
        b'Forwarded: for=192.0.2.7, for=10.0.0.2;proto=https;host="gw.test"',
    ]


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (b"192.0.2.7", "192.0.2.7"),
        (b"6.6.6.6, 192.0.2.7, 10.1.1.1", "192.0.2.7"),
        (b"10.3.3.3, 10.2.2.2", "10.3.3.3"),
        (b"6.6.6.6, garbage, 10.1.1.1", "10.1.1.1"),
        (b"192.0.2.7:1234", "192.0.2.7"),
        (b"[2001:db8::7]:443", "2001:db8::7"),
        (b"::ffff:192.0.2.7", "192.0.2.7"),
        (b"", "127.0.0.1"),
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_trusted_proxy(
    received: bytes, expected: str
) -> None:
    peer = Peer("127.0.0.1", LOCAL, is_tls=False)
    assert client_address(peer, fields(b"X-Forwarded-For: " + received), LOCAL) == expected


def test_only_so_many_hops_are_read() -> None:
    peer = Peer("127.0.0.1", LOCAL, is_tls=False)
    hops = b", ".join([b"6.6.6.6"] + [b"10.0.0.1"] * 40)
    assert client_address(peer, fields(b"X-Forwarded-For: " + hops), LOCAL) == "10.0.0.1"


def test_ipv6_addresses_are_quoted_in_forwarded() -> None:
    peer = Peer("::1", LOCAL, is_tls=False)
    lines = forwarding_lines(peer, fields(b"Forwarded: for=x"), b"", b"")
    assert lines[-1] == b'Forwarded: for=x, for="[::1]";proto=http\r\n'


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("192.0.2.1", False), ("", False)],
)
def test_which_addresses_are_trusted(address: str, expected: bool) -> None:
    assert is_within(address, LOCAL) is expected


def test_lines_of_an_untrusted_peer_follow_the_host() -> None:
    peer = Peer("192.0.2.7", LOCAL, is_tls=False)
    assert peer.lines((), b"one", b"") is peer.lines(SPOOFED, b"one", b"")
    assert peer.lines((), b"two", b"")[-1] == b"X-Forwarded-Host: two\r\n"
    assert peer.lines((), b"two", b"/p")[-1] == b"X-Forwarded-Prefix: /p\r\n"


def test_a_peer_holds_no_lines_with_a_host_that_is_beyond_all_names() -> None:
    peer = Peer("192.0.2.7", LOCAL, is_tls=False)
    kept = peer.lines((), b"one", b"")
    assert peer.lines((), b"x" * 60_000, b"")[-1] == b"X-Forwarded-Host: %b\r\n" % (b"x" * 60_000)
    assert peer.lines((), b"one", b"") is kept


def test_via_is_continued() -> None:
    assert via_line((b"1.0 a, 1.1 b",), "HTTP/1.1", b"me") == b"Via: 1.0 a, 1.1 b, 1.1 me\r\n"
    assert via_line((), "HTTP/1.0", b"me") == b"Via: 1.0 me\r\n"
    assert via_line((), "HTTP/2.0", b"me") == b"Via: 2.0 me\r\n"


@pytest.mark.parametrize(
    ("received", "expected"),
    [((b"1.1 me",), True), ((b"1.0 a", b"1.1 b, 1.1 me (x)"), True), ((b"1.1 menot",), False), ((), False)],
)
def test_a_loop_is_recognised_by_the_own_name(received: tuple[bytes, ...], expected: bool) -> None:
    assert passed_here_before(received, b"me") is expected


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ((b"X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.0.0.9",), b"192.0.2.7"),
        ((b"X-Forwarded-For: 192.0.2.7", b"X-Real-IP: 6.6.6.6"), b"192.0.2.7"),
        ((b"X-Real-IP: 192.0.2.8",), b"192.0.2.8"),
        ((), b"10.0.0.2"),
        ((b"X-Forwarded-For: garbage",), b"10.0.0.2"),
    ],
)
def test_the_real_address_is_the_first_that_is_believed(received: tuple[bytes, ...], expected: bytes) -> None:
    lines = forwarding_lines(Peer("10.0.0.2", LOCAL, is_tls=False), fields(*received), b"gw", b"")
    assert [line for line in lines if line.startswith(b"X-Real-IP")] == [b"X-Real-IP: " + expected + b"\r\n"]


STRANGERS = (
    *(b"X-Forwarded-Ssl", b"X-Forwarded-Scheme", b"X-Forwarded-User", b"X-Forwarded-Client-Cert"),
    *(b"x-forwarded-whatever-comes", b"X-Cluster-Client-IP", b"True-Client-IP", b"CF-Connecting-IP"),
    *(b"Forwarded", b"X-Real-IP", b"Fastly-Client-IP", b"Client-IP", b"X-Url-Scheme", b"Front-End-Https"),
)


@pytest.mark.parametrize("name", STRANGERS)
def test_what_a_stranger_says_about_the_client_ends_here(name: bytes) -> None:
    said = fields(name + b": 6.6.6.6")
    assert not said[0].is_kept
    stranger = b"".join(Peer("192.0.2.7", LOCAL, is_tls=False).lines(said, b"gw", b""))
    assert b"6.6.6.6" not in stranger
    trusted = b"".join(Peer("10.0.0.2", LOCAL, is_tls=False).lines(said, b"gw", b""))
    assert b"6.6.6.6" in trusted


def test_the_peer_of_a_unix_socket_is_believed_where_it_is_trusted() -> None:
    said = fields(b"X-Forwarded-For: 6.6.6.6, 192.0.2.7", b"X-Forwarded-Proto: https")
    stranger, trusted = (Peer("", LOCAL, is_tls=False, trusts_unix=trusts) for trusts in (False, True))
    assert client_address(stranger, said, LOCAL) == ""
    assert client_address(trusted, said, LOCAL) == "192.0.2.7"
    lines = b"".join(forwarding_lines(trusted, said, b"", b"")).splitlines()
    assert lines == [
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-For: 6.6.6.6, 192.0.2.7",
        b"X-Real-IP: 192.0.2.7",
    ]
    assert forwarding_lines(stranger, (), b"", b"")[0] == b"X-Forwarded-For: unknown\r\n"
