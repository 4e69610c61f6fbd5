"""Addresses as operators write them: where to listen, which servers to call, which proxies to trust.

Syntax only: nothing is resolved or opened.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from cors_gateway.policy.quoting import quoted, without_userinfo
from cors_gateway.policy.spelling import braced
from cors_gateway.snapshot import ServerAddress, TcpListener, UnixListener

Network = IPv4Network | IPv6Network

MAX_SOCKET_PATH = 107
"""`sun_path` of Linux, less the final zero byte."""

LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
PRIVATE = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("fc00::/7"),
)
"""RFC 1918 and RFC 4193."""

UNIX = "unix"
"""Stands for the peers of Unix sockets among trusted proxies."""

_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]*):([0-9]{1,5})")
_URL = re.compile(r"(https?)://(\[[^\]]*\]|[^:/?#@\[\]]*)(?::([0-9]*))?(.*)", re.DOTALL)
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?")


@dataclass(frozen=True, slots=True)
class EndpointFault:
    message: str
    hint: str


def parse_listener(text: str, mode: int = 0o660) -> TcpListener | UnixListener | EndpointFault:
    """`0.0.0.0:8080`, `[::]:8080` or `unix:/run/gw.sock`. Port 0 lets the system choose, which tests like."""
    if text.startswith("unix:"):
        fault = _socket_path_fault(text)
        return fault or UnixListener(text.removeprefix("unix:"), mode)
    match = _HOST_PORT.fullmatch(text)
    if match is None or int(match[2]) > 65535:
        return EndpointFault(f"{quoted(text)} is not an address to listen on", _listener_hint(text))
    host = match[1]
    if host == "localhost":
        return EndpointFault(
            f"{quoted(text)}: a name can mean several addresses", f'write "127.0.0.1:{match[2]}"'
        )
    address = parse_address(host)
    if address is None:
        return EndpointFault(f"{quoted(text)} is not an address to listen on", _listener_hint(text))
    return TcpListener(address, int(match[2]))


def parse_server(text: str) -> ServerAddress | EndpointFault:
    """`http://host`, `https://host:port` or `unix:/run/app.sock`: a server, not a resource on it."""
    if text.startswith("unix:"):
        fault = _socket_path_fault(text)
        return fault or ServerAddress(unix_path=text.removeprefix("unix:"))
    match = _URL.fullmatch(text)
    if match is None:
        return EndpointFault(
            f"{quoted(without_userinfo(text))} is not the URL of a server", _server_hint(text)
        )
    scheme, written_host, written_port, rest = match.groups()
    host = parse_address(written_host) or _name(written_host)
    if host is None and "@" not in rest:
        return EndpointFault(f"{quoted(written_host)} is not a host", _host_hint(written_host))
    if rest or host is None:
        base = text[: len(text) - len(rest)]
        if "@" in rest:
            return EndpointFault(
                f"{quoted(without_userinfo(text))} holds a user name or password",
                "credentials do not belong in this URL",
            )
        return EndpointFault(
            f"{quoted(text)} has more than scheme, host and port",
            f"write {quoted(base)}; use replace_prefix to change paths",
        )
    if written_port is None:
        return ServerAddress(host, 443 if scheme == "https" else 80, scheme == "https")
    if not written_port or not 0 < int(written_port[:6]) <= 65535:
        return EndpointFault(f"{quoted(text)} has no valid port", "ports are 1 to 65535")
    return ServerAddress(host, int(written_port), scheme == "https")


def parse_networks(text: str) -> tuple[Network, ...] | EndpointFault:
    """A network, a single address, or one of the words `loopback`, `private` and `unix`, which is no network."""
    if text == UNIX:
        return ()
    if text == "loopback":
        return LOOPBACK
    if text == "private":
        return PRIVATE
    try:
        return (ip_network(text),)
    except ValueError:
        pass
    try:
        return EndpointFault(
            f"{quoted(text)} has bits set beyond its prefix length",
            f'write "{ip_network(text, strict=False)}"',
        )
    except ValueError:
        return EndpointFault(
            f"{quoted(text)} is not a network", "write 10.0.0.0/8, one address, loopback, private or unix"
        )


def parse_address(text: str) -> str | None:
    """An IPv4 address, or an IPv6 address in brackets, in its canonical form without brackets."""
    if text.startswith("["):
        try:
            address = IPv6Address(text[1:-1])
        except AddressValueError:
            return None
        return None if address.scope_id else str(address)
    try:
        return str(ip_address(text)) if ":" not in text else None
    except ValueError:
        return None


def is_host(text: str) -> bool:
    """A host as it may stand in a `Host` field: a name, an IPv4 address, or an IPv6 address in brackets."""
    return parse_address(text) is not None or _name(text) is not None


def overlap(one: TcpListener | UnixListener, other: TcpListener | UnixListener) -> bool:
    """True if the system would refuse to open both."""
    if isinstance(one, UnixListener) or isinstance(other, UnixListener):
        return isinstance(one, UnixListener) and isinstance(other, UnixListener) and one.path == other.path
    if one.port != other.port or one.port == 0:
        return False
    every = {"0.0.0.0", "::"}
    same_family = (":" in one.host) == (":" in other.host)
    return one.host == other.host or (same_family and bool(every & {one.host, other.host}))


def _name(text: str) -> str | None:
    lowered = text.lower()
    if len(lowered) > 254 or not _NAME.fullmatch(lowered):
        return None
    # "127.1" and "1.2.3.256" are read as addresses by some resolvers
    return None if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", lowered.rstrip(".").rpartition(".")[2]) else lowered


def _socket_path_fault(text: str) -> EndpointFault | None:
    path = text.removeprefix("unix:")
    if not path.startswith("/") or path.startswith("//") or "\0" in path:
        return EndpointFault(f"{quoted(text)} has no absolute path", f'write "unix:/{path.lstrip("/")}"')
    if len(path.encode()) > MAX_SOCKET_PATH:
        return EndpointFault(
            f"the path of a socket has at most {MAX_SOCKET_PATH} bytes", "use a shorter path"
        )
    return None


def _server_hint(text: str) -> str:
    if braced(text) != text:
        return f"write it with braces: {quoted(braced(text))}"
    guess = f"http://{text}"
    if re.fullmatch(r"[\w.-]+(:[0-9]+)?", text) and isinstance(parse_server(guess), ServerAddress):
        return f"write {quoted(guess)}"
    return "write http://host:port, https://host:port or unix:/path"


def _listener_hint(text: str) -> str:
    if braced(text) != text:
        return f"write it with braces: {quoted(braced(text))}"
    port = re.fullmatch(r"(?:https?://)?(?:\*|0\.0\.0\.0)?:?([0-9]{1,5})/?", text)
    if port and int(port[1]) <= 65535:
        return f'write "0.0.0.0:{port[1]}"'
    if text.count(":") > 1 and not {"[", "/"} & set(text):
        return "an IPv6 address stands in brackets: [::]:8080"
    return "write address:port or unix:/path"


def _host_hint(text: str) -> str:
    if not text.isascii():
        return "write the name in its punycode form (xn--...)"
    return "write a name, an IPv4 address or an IPv6 address in brackets"
