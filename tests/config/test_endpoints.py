"""Addresses as operators write them."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.config.syntax.endpoints import (
    LOOPBACK,
    PRIVATE,
    EndpointFault,
    is_host,
    overlap,
    parse_listener,
    parse_networks,
    parse_server,
)
from cors_gateway.snapshot import Listener, ServerAddress, TcpListener, UnixListener


@pytest.mark.parametrize(
    ("text", "listener"),
    [
        ("0.0.0.0:8080", TcpListener("0.0.0.0", 8080)),
        ("127.0.0.1:0", TcpListener("127.0.0.1", 0)),
        ("[::]:8080", TcpListener("::", 8080)),
        ("[0:0::1]:65535", TcpListener("::1", 65535)),
        ("unix:/run/gw.sock", UnixListener("/run/gw.sock")),
    ],
)
def test_an_address_to_listen_on(text: str, listener: Listener) -> None:
    assert parse_listener(text) == listener


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("8080", 'write "0.0.0.0:8080"'),
        (":8080", 'write "0.0.0.0:8080"'),
        ("localhost:8080", 'write "127.0.0.1:8080"'),
        ("::1:8080", "an IPv6 address stands in brackets: [::]:8080"),
        ("[::1]", "write address:port or unix:/path"),
        ("0.0.0.0", "write address:port or unix:/path"),
        ("0.0.0.0:65536", "write address:port or unix:/path"),
        ("0.0.0.0:http", "write address:port or unix:/path"),
        ("example.com:80", "write address:port or unix:/path"),
        ("[fe80::1%eth0]:80", "write address:port or unix:/path"),
        ("127.1:80", "write address:port or unix:/path"),
        ("http://0.0.0.0:80", 'write "0.0.0.0:80"'),
        ("*:8080", 'write "0.0.0.0:8080"'),
        ("*:99999", "write address:port or unix:/path"),
        ("unix:run/gw.sock", 'write "unix:/run/gw.sock"'),
        ("unix:///run/gw.sock", 'write "unix:/run/gw.sock"'),
        ("unix:", 'write "unix:/"'),
        ("unix:/" + "x" * 107, "use a shorter path"),
        ("", "write address:port or unix:/path"),
    ],
)
def test_no_address_to_listen_on(text: str, hint: str) -> None:
    fault = parse_listener(text)

    assert isinstance(fault, EndpointFault)
    assert fault.hint == hint


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("http://backend:8000", ServerAddress("backend", 8000)),
        ("http://backend", ServerAddress("backend", 80)),
        ("https://Api.Example.COM", ServerAddress("api.example.com", 443, tls=True)),
        ("https://10.0.0.1:8443", ServerAddress("10.0.0.1", 8443, tls=True)),
        ("http://[2001:DB8::1]", ServerAddress("2001:db8::1", 80)),
        ("http://my_service.ns.svc.cluster.local.:80", ServerAddress("my_service.ns.svc.cluster.local.", 80)),
        ("unix:/run/app.sock", ServerAddress(unix_path="/run/app.sock")),
    ],
)
def test_a_server(text: str, server: ServerAddress) -> None:
    assert parse_server(text) == server
    assert parse_server(str(server)) == server


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("backend:8000", 'write "http://backend:8000"'),
        ("backend", 'write "http://backend"'),
        ("ftp://backend", "write http://host:port, https://host:port or unix:/path"),
        ("HTTP://backend", "write http://host:port, https://host:port or unix:/path"),
        ("http://backend/", 'write "http://backend"; use replace_prefix to change paths'),
        ("http://backend:80/app?x", 'write "http://backend:80"; use replace_prefix to change paths'),
        ("http://user:pw@backend", "credentials do not belong in this URL"),
        ("http://user@backend", "credentials do not belong in this URL"),
        ("http://:80", "write a name, an IPv4 address or an IPv6 address in brackets"),
        ("http://backend:", "ports are 1 to 65535"),
        ("http://backend:0", "ports are 1 to 65535"),
        ("http://backend:65536", "ports are 1 to 65535"),
        ("http://backend:999999999999999999999", "ports are 1 to 65535"),
        ("http://a..b", "write a name, an IPv4 address or an IPv6 address in brackets"),
        ("http://-a", "write a name, an IPv4 address or an IPv6 address in brackets"),
        ("http://1.2.3.256", "write a name, an IPv4 address or an IPv6 address in brackets"),
        ("http://0x7f000001", "write a name, an IPv4 address or an IPv6 address in brackets"),
        ("http://[::1", "write a name, an IPv4 address or an IPv6 address in brackets"),
        ("http://[::g]", "write a name, an IPv4 address or an IPv6 address in brackets"),
        ("http://bücher", "write the name in its punycode form (xn--...)"),
        ("http://a b", "write a name, an IPv4 address or an IPv6 address in brackets"),
        ("http://" + "a" * 64, "write a name, an IPv4 address or an IPv6 address in brackets"),
        ("http://a\n", "write a name, an IPv4 address or an IPv6 address in brackets"),
        ("unix:app.sock", 'write "unix:/app.sock"'),
    ],
)
def test_no_server(text: str, hint: str) -> None:
    fault = parse_server(text)

    assert isinstance(fault, EndpointFault)
    assert fault.hint == hint


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("10.0.0.0/8", (ip_network("10.0.0.0/8"),)),
        ("192.0.2.1", (ip_network("192.0.2.1/32"),)),
        ("2001:db8::/32", (ip_network("2001:db8::/32"),)),
        ("::1", (ip_network("::1/128"),)),
        ("loopback", LOOPBACK),
        ("private", PRIVATE),
    ],
)
def test_a_trusted_network(text: str, networks: tuple[object, ...]) -> None:
    assert parse_networks(text) == networks


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("10.0.0.1/8", 'write "10.0.0.0/8"'),
        ("10.0.0.0/33", "write 10.0.0.0/8, one address, loopback, private or unix"),
        ("proxy.example.com", "write 10.0.0.0/8, one address, loopback, private or unix"),
        ("Private", "write 10.0.0.0/8, one address, loopback, private or unix"),
        ("*", "write 10.0.0.0/8, one address, loopback, private or unix"),
    ],
)
def test_no_trusted_network(text: str, hint: str) -> None:
    fault = parse_networks(text)

    assert isinstance(fault, EndpointFault)
    assert fault.hint == hint


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("0.0.0.0:80", "0.0.0.0:80", True),
        ("0.0.0.0:80", "127.0.0.1:80", True),
        ("127.0.0.1:80", "127.0.0.2:80", False),
        ("0.0.0.0:80", "0.0.0.0:81", False),
        ("0.0.0.0:80", "[::]:80", False),
        ("[::1]:80", "[::]:80", True),
        ("127.0.0.1:0", "127.0.0.1:0", False),
        ("unix:/a", "unix:/a", True),
        ("unix:/a", "unix:/b", False),
        ("unix:/a", "0.0.0.0:80", False),
    ],
)
def test_two_listeners_that_cannot_both_be_opened(one: str, other: str, both: bool) -> None:
    first, second = parse_listener(one), parse_listener(other)
    assert not isinstance(first, EndpointFault)
    assert not isinstance(second, EndpointFault)

    assert overlap(first, second) is overlap(second, first) is both


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("a.example", True),
        ("[::1]", True),
        ("10.0.0.1", True),
        ("a:80", False),
        ("", False),
        ("a b", False),
        ("::1", False),
    ],
)
def test_a_host(text: str, is_one: bool) -> None:
    assert is_host(text) is is_one


@given(st.text(alphabet="http:/unix[]@.%-_0123456789abcXé \n*", max_size=40))
def test_no_text_makes_a_parser_raise(text: str) -> None:
    for parse in (parse_listener, parse_server, parse_networks):
        parse(text)
