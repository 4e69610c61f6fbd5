"""The PROXY protocol, versions 1 and 2: what a balancer says about a connection before its first byte.

Pure: bytes in, `ProxyHeader` out, or None while more must come. Who may say it, and until when, is decided elsewhere.
https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
"""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault

MAX_VERSION_1 = 107
"""Bytes of a version 1 header with its CRLF (section 2.1)."""
MAX_VERSION_2 = 2048
"""Bytes after the fixed part of a version 2 header: the longest addresses, and room for TLVs such as certificates."""

_SIGNATURE_1 = b"PROXY "
_SIGNATURE_2 = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED = 16
_LOCAL, _PROXY = 0x20, 0x21
_ADDRESS_BYTES = {0x00: 0, 0x10: 12, 0x20: 36, 0x30: 216}
"""By family: unspecified, IPv4, IPv6, Unix."""
_PORT = re.compile(rb"0|[1-9][0-9]{0,4}")
_FAMILIES_1: dict[bytes, type[IPv4Address] | type[IPv6Address]] = {b"TCP4": IPv4Address, b"TCP6": IPv6Address}


class ProxyHeader(NamedTuple):
    """Who is at the other end of a connection, as its balancer says."""

    address: str | None
    """The client's address. Empty if it came through a Unix socket; None if the balancer says nothing about it, as in
    its own health checks (LOCAL, UNKNOWN): then the peer of the socket is meant."""
    port: int
    size: int
    """Bytes of the header: what follows is the first request, or the beginning of TLS."""


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header at the beginning of a connection; None if it is not complete.

    What can no longer become one is refused at once. Raises ProtocolFault.
    """
    if data[:12] == _SIGNATURE_2[: len(data)]:
        return _read_version_2(data)
    if data[:6] == _SIGNATURE_1[: len(data)]:
        return _read_version_1(data)
    raise ProtocolFault(Cause.PROXY_HEADER)


def _read_version_1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\n", 0, MAX_VERSION_1)
    if end < 0:
        if b"\r" in data[: min(len(data), MAX_VERSION_1) - 1]:
            raise ProtocolFault(Cause.PROXY_HEADER)
        if len(data) >= MAX_VERSION_1:
            raise ProtocolFault(Cause.PROXY_HEADER_TOO_LONG, limit=MAX_VERSION_1)
        return None
    if data.find(b"\r", 0, end) != end - 1:
        raise ProtocolFault(Cause.PROXY_HEADER)
    parts = data[: end - 1].split(b" ")
    if parts[1] == b"UNKNOWN":  # whatever follows is to be ignored
        return ProxyHeader(None, 0, end + 1)
    family = _FAMILIES_1.get(parts[1])
    if family is None or len(parts) != 6 or b"%" in parts[2] + parts[3] or not all(map(_is_port, parts[4:])):
        raise ProtocolFault(Cause.PROXY_HEADER)
    try:
        source, _ = (family(part.decode("ascii")) for part in parts[2:4])
    except ValueError:
        raise ProtocolFault(Cause.PROXY_HEADER) from None
    return ProxyHeader(_text(source), int(parts[4]), end + 1)


def _read_version_2(data: bytes) -> ProxyHeader | None:
    if len(data) > 12 and data[12] not in {_LOCAL, _PROXY}:
        raise ProtocolFault(Cause.PROXY_HEADER)
    if len(data) < _FIXED:
        return None
    size = int.from_bytes(data[14:16], "big")
    family, transport = data[13] & 0xF0, data[13] & 0x0F
    is_local = data[12] == _LOCAL
    needed = 0 if is_local else _ADDRESS_BYTES.get(family)
    # Section 2.2: a receiver takes a command LOCAL with any family, and of PROXY refuses what is not defined.
    if needed is None or size < needed or (transport > 2 and not is_local):
        raise ProtocolFault(Cause.PROXY_HEADER)
    if size > MAX_VERSION_2:
        raise ProtocolFault(Cause.PROXY_HEADER_TOO_LONG, limit=MAX_VERSION_2)
    if len(data) < _FIXED + size:
        return None
    addresses = data[_FIXED : _FIXED + needed]
    after = _FIXED + size
    if family == 0x10 and needed:
        return ProxyHeader(str(IPv4Address(addresses[:4])), int.from_bytes(addresses[8:10], "big"), after)
    if family == 0x20 and needed:
        return ProxyHeader(_text(IPv6Address(addresses[:16])), int.from_bytes(addresses[32:34], "big"), after)
    return ProxyHeader("" if needed else None, 0, after)


def _is_port(text: bytes) -> bool:
    return _PORT.fullmatch(text) is not None and int(text) <= 65535


def _text(address: IPv4Address | IPv6Address) -> str:
    """An address as text; one of IPv4 in IPv6 as that of IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
