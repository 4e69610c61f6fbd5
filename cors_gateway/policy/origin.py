"""The serialised origin: what a browser writes in `Origin`, and nothing else.

A value either is byte for byte what a browser would send (Fetch, "Origin"; HTML, "serialization of an origin";
URL, "host serializing") or it is malformed. Nothing is trimmed, folded, decoded or mapped here: a lenient reading is
how look-alike origins get in. Patterns are in `pattern.py`, matching is in `matcher.py`.
"""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

MAX_ORIGIN_LENGTH = 326
"""Scheme of 64 bytes, `://`, host of 253, `:` and a port of five digits."""

MAX_HOST_LENGTH = 253
"""RFC 1035 section 2.3.4."""

DEFAULT_PORTS = {"http": 80, "https": 443}
"""Ports that browsers leave out."""

LOCAL_FILES = "file://"
"""What Chromium with access to files and old webviews send for a page from the disk; other browsers send `null`."""

_ORIGIN = re.compile(
    rb"([a-z][a-z0-9+.-]{0,63})://"
    rb"(\[[0-9a-f:]{2,39}\]|[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?|\.)"
    rb"(?::([1-9][0-9]{0,4}))?"
)
_WEB_SCHEMES = frozenset({"http", "https", "ws", "wss", "ftp", "file"})
"""URL, "special scheme": their hosts are names and addresses. Those of any other scheme are opaque."""
_LOCAL_FILES = LOCAL_FILES.encode("ascii")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")


class Origin(NamedTuple):
    """A tuple origin. The host of an IPv6 origin keeps its brackets; no port means the default port of the scheme.

    The host of `file://` is empty.
    """

    scheme: str
    host: str
    port: int | None = None

    def __str__(self) -> str:
        authority = self.host if self.port is None else f"{self.host}:{self.port}"
        return f"{self.scheme}://{authority}"


def parse_origin(value: bytes) -> Origin | None:
    """Read a serialised tuple origin; None if it is anything else (`null` included). Never raises."""
    if len(value) > MAX_ORIGIN_LENGTH:
        return None
    found = _ORIGIN.fullmatch(value)
    if found is None:
        return Origin("file", "") if value == _LOCAL_FILES else None
    scheme, host = found[1].decode("ascii"), found[2].decode("ascii")
    if not _is_serialised_host(host) or (scheme in _WEB_SCHEMES and not _is_domain(host)):
        return None
    if found[3] is None:
        return Origin(scheme, host)
    port = int(found[3])
    if port > 65535 or port == DEFAULT_PORTS.get(scheme):
        return None
    return Origin(scheme, host, port)


def ends_in_number(host: str) -> bool:
    """Whether a browser would read the host as an IPv4 address (URL, "ends in a number checker")."""
    return _ENDS_IN_NUMBER.fullmatch(host) is not None


def is_ipv4(host: str) -> bool:
    """Whether the host is a dotted quad, the only IPv4 spelling that is ever serialised."""
    return _IPV4.fullmatch(host) is not None


def canonical_ipv6(address: str) -> str | None:
    """The address (without brackets) as browsers compress it; None if it is none, has a zone or maps an IPv4 one."""
    if "%" in address:
        return None
    try:
        parsed = IPv6Address(address)
    except AddressValueError:
        return None
    return None if parsed.ipv4_mapped is not None else parsed.compressed


def _is_domain(host: str) -> bool:
    # An app may be at `app://.`, and some browsers write the identifier of an extension in upper case.
    return host != "." and host == host.lower()


def _is_serialised_host(host: str) -> bool:
    if len(host) > MAX_HOST_LENGTH:
        return False
    if host[0] == "[":
        address = host[1:-1]
        return canonical_ipv6(address) == address
    return not ends_in_number(host) or is_ipv4(host)
