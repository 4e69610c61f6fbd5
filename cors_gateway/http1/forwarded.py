"""Who asked, told to the backend: X-Forwarded-*, Forwarded (RFC 7239) and Via (RFC 9110 7.6.3).

A peer outside `trusted_proxies` is taken by its socket address alone and whatever it says about others is removed;
a trusted one is believed and its lists are continued.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from cors_gateway.http1.grammar import list_elements
from cors_gateway.http1.request_fields import ReadField

MAX_HOPS = 32
MAX_REMEMBERED_HOST = 255
"""Bytes of a Host with which the lines about a peer are remembered."""
HTTP10, HTTP11, HTTP2 = "HTTP/1.0", "HTTP/1.1", "HTTP/2.0"
"""Protocols, as logs and Via (without the name) write them."""

Networks = tuple[IPv4Network | IPv6Network, ...]

_CONTINUED = frozenset({b"x-forwarded-for", b"forwarded"})
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?\Z")


class Peer:
    """The other end of a client connection: its address as text, and whether it is a trusted proxy.

    Connections from the same address may share one.
    """

    __slots__ = ("_host", "_lines", "_prefix", "address", "is_tls", "is_trusted", "protocol", "trusted")

    def __init__(
        self,
        address: str,
        trusted: Networks,
        *,
        is_tls: bool,
        trusts_unix: bool = False,
        protocol: str = HTTP11,
    ) -> None:
        """`address` is empty for the peer of a Unix socket, which is trusted if `trusts_unix`.

        `protocol` is what the connection speaks. A single request may be of HTTP/1.0.
        """
        self.address = address
        self.trusted = trusted
        self.is_tls = is_tls
        self.protocol = protocol
        self.is_trusted = is_within(address, trusted) if address else trusts_unix
        self._host = b""
        self._prefix = b""
        self._lines: list[bytes] = []

    def lines(self, fields: Sequence[ReadField], host: bytes, prefix: bytes) -> list[bytes]:
        """As `forwarding_lines`; those of an untrusted peer, which do not depend on its fields, are remembered."""
        if self.is_trusted:
            return forwarding_lines(self, fields, host, prefix)
        if not self._lines or host != self._host or prefix != self._prefix:
            lines = forwarding_lines(self, (), host, prefix)
            if len(host) > MAX_REMEMBERED_HOST:
                return lines
            self._host = host
            self._prefix = prefix
            self._lines = lines
        return self._lines


def is_within(address: str, networks: Networks) -> bool:
    """Whether an address belongs to one of the networks. A Unix socket's peer (an empty address) never does."""
    parsed = _parse_address(address)
    return parsed is not None and any(parsed in network for network in networks)


def client_address(peer: Peer, fields: Sequence[ReadField], trusted: Networks) -> str:
    """The client's address: the right-most one in X-Forwarded-For that is no trusted proxy, else the peer's."""
    if not peer.is_trusted:
        return peer.address
    hops = _values(fields, b"x-forwarded-for")[-MAX_HOPS:]
    nearest = peer.address
    for hop in reversed(hops):
        text = hop.decode("latin-1")
        parsed = _parse_address(text)
        if parsed is None:
            return nearest
        nearest = str(parsed)
        if not any(parsed in network for network in trusted):
            return nearest
    return nearest


def forwarding_lines(peer: Peer, fields: Sequence[ReadField], host: bytes, prefix: bytes) -> list[bytes]:
    """The lines, each with its CRLF, that tell the backend about the client, the host it asked for and the scheme.

    X-Real-IP is the client's address as `client_address` gives it; where a trusted proxy sent only that one, its own.
    `prefix` is the path prefix that was removed (`strip_prefix`), or empty.
    """
    address = peer.address.encode("ascii", "replace") or b"unknown"
    own = {
        b"X-Forwarded-For": address,
        b"X-Real-IP": client_address(peer, fields, peer.trusted).encode("ascii", "replace"),
        b"X-Forwarded-Proto": b"https" if peer.is_tls else b"http",
        b"X-Forwarded-Host": host,
        b"X-Forwarded-Prefix": prefix,
    }
    if not peer.is_trusted:
        return [b"%b: %b\r\n" % (name, value) for name, value in own.items() if value]
    names = {field.name for field in fields}
    replaced = _CONTINUED | {b"x-real-ip"} if b"x-forwarded-for" in names else _CONTINUED
    lines = [field.line + b"\r\n" for field in fields if field.name not in replaced]
    hops = _values(fields, b"x-forwarded-for")
    # The peer of a Unix socket has no address to add: `unknown` would hide the hops before it.
    own[b"X-Forwarded-For"] = b", ".join([*hops, address] if peer.address or not hops else hops)
    for name, value in own.items():
        if value and (name.lower() not in names or name.lower() in replaced):
            lines.append(b"%b: %b\r\n" % (name, value))
    if b"forwarded" in names:
        element = b"for=" + _forwarded_node(address) + b";proto=" + own[b"X-Forwarded-Proto"]
        if host:
            element += b';host="' + host + b'"'
        lines.append(b"Forwarded: " + b", ".join([*_values(fields, b"forwarded"), element]) + b"\r\n")
    return lines


def via_line(received: Sequence[bytes], protocol: str, pseudonym: bytes) -> bytes:
    """One Via line with its CRLF: what came, and this gateway appended. `protocol` is that of the request."""
    own = protocol.removeprefix("HTTP/").encode("ascii") + b" " + pseudonym
    return b"Via: " + b", ".join([*received, own]) + b"\r\n"


def passed_here_before(received: Sequence[bytes], pseudonym: bytes) -> bool:
    """Whether Via already names this gateway: the request goes round in a loop."""
    return any(pseudonym in value for value in received) and any(
        element.split()[1:2] == [pseudonym] for value in received for element in list_elements(value)
    )


def _values(fields: Sequence[ReadField], name: bytes) -> list[bytes]:
    return [element for field in fields if field.name == name for element in list_elements(field.value)]


def _forwarded_node(address: bytes) -> bytes:
    return b'"[' + address + b']"' if b":" in address else address


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    if match := _ADDRESS.match(text):
        text = match[1] or match[2]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed
