"""A request as somebody describes it: which page asks for what at which address.

An address is read as a browser reads it (URL standard, for http and https): what is explained is the request that
would be sent, dot segments resolved and odd characters escaped. What comes of it is decided elsewhere.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import quote

from cors_gateway.http1.grammar import has_only_value_bytes, is_token, is_valid_host
from cors_gateway.http1.request_line import MAX_METHOD
from cors_gateway.policy.browser import Call
from cors_gateway.policy.engines import Browser
from cors_gateway.policy.fetch import normalise_method
from cors_gateway.policy.origin import parse_origin
from cors_gateway.policy.pattern import is_loopback
from cors_gateway.policy.quoting import quoted, without_userinfo
from cors_gateway.policy.spelling import repair

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
"""Schemes of URLs that reach a gateway, and those of the origins they belong to."""
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):[/\\]*([^/\\?#]*)(.*)", re.DOTALL)
_BLANK = "".join(map(chr, range(0x21)))
_DROPPED = str.maketrans("", "", "\t\r\n")
_SINGLE_DOT = frozenset({".", "%2e"})
_DOUBLE_DOT = frozenset({"..", ".%2e", "%2e.", "%2e%2e"})
_PATH_SAFE = "!$%&'()*+,-./:;=@[\\]_|~"
_QUERY_SAFE = "!$%&()*+,-./:;=?@[\\]^_`{|}~"


class DescriptionFault(ValueError):
    """The description makes no request that could be sent; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    host: str
    """As in the Host field; empty if it is not known."""
    path: str
    """With its query, as in the request line."""
    origin: str | None = None
    """The gateway's own origin as the browser sees it; None if it is not known."""
    is_websocket: bool = False

    def __str__(self) -> str:
        if self.origin is None:
            return self.host + self.path
        origin = "ws" + self.origin.removeprefix("http") if self.is_websocket else self.origin
        return origin + self.path

    @property
    def tells_site(self) -> bool:
        """Whether browsers add Sec-Fetch-Site: only where nobody on the way can forge the answer (Fetch Metadata)."""
        origin = parse_origin((self.origin or "").encode())
        return origin is None or origin.scheme == "https" or is_loopback(origin.host)


@dataclass(frozen=True, slots=True)
class Request:
    """A call of a script, or the opening of a WebSocket, and the page it happens on."""

    target: Target
    origin: str | None
    """Of the page; None for what is not CORS at all: a navigation, an image, another program."""
    method: str = "GET"
    """As sent: browsers correct the case of some."""
    headers: tuple[tuple[str, str | None], ...] = ()
    credentials: bool = False
    asks_first: bool = False
    browser: Browser | None = None
    """The engine; None for one that keeps to the standard."""

    @property
    def call(self) -> Call:
        """The call as the browser's rules want it."""
        return Call(
            self.origin or "",
            self.method,
            self.target.path,
            self.headers,
            self.credentials,
            self.asks_first,
            self.browser,
        )


def describe(
    url: str,
    *,
    origin: str | None,
    method: str = "GET",
    headers: Iterable[str] = (),
    credentials: bool = False,
    browser: Browser | None = None,
) -> Request:
    """Put a description into its final form. `headers` are `Name` or `Name: value`. Raises DescriptionFault."""
    target = parse_target(url)
    read = tuple(parse_header(header) for header in headers)
    return replace(_request(target, origin, method, read, credentials), browser=browser)


def describe_parts(
    path: str,
    *,
    host: str | None,
    origin: str | None,
    method: str = "GET",
    headers: Iterable[str] = (),
    credentials: bool = False,
) -> Request:
    """As `describe`, for a host without scheme and the names of headers. Raises DescriptionFault."""
    if host is not None and not is_valid_host(_ascii(host)):
        raise DescriptionFault(f"{quoted(host)} is not a host")
    target = Target(host or "", _sent_path(path))
    return _request(target, origin, method, tuple((name, None) for name in headers), credentials)


def parse_target(url: str) -> Target:
    """Read an absolute URL, or a path at an address that is not known. Raises DescriptionFault."""
    url = url.strip(_BLANK).translate(_DROPPED)
    if url.startswith("/") and url[1:2] not in ("/", "\\"):
        return Target("", _sent_path(url))
    found = _URL.fullmatch(url)
    if found is None:
        raise DescriptionFault(
            f"{quoted(url)} is no URL: write https://host/path, or a path that begins with /"
        )
    scheme = found[1].lower()
    if scheme not in _SCHEMES:
        hint = "write http://, https://, ws:// or wss:// before the host"
        raise DescriptionFault(f"{quoted(url)} does not lead to a gateway: {hint}")
    if "@" in found[2]:
        raise DescriptionFault(
            f"{quoted(without_userinfo(url))} has a user name, with which browsers refuse to call"
        )
    origin = repair(f"{_SCHEMES[scheme]}://{found[2]}")
    if parse_origin(_ascii(origin)) is None:
        raise DescriptionFault(f"{quoted(url)} has no host that a browser could call")
    host = origin.partition("://")[2]
    return Target(host, _sent_path(found[3]), origin, is_websocket=scheme.startswith("ws"))


def parse_header(text: str) -> tuple[str, str | None]:
    """Read `Name` or `Name: value`. Raises DescriptionFault."""
    name, colon, value = text.partition(":")
    value = value.strip(" \t")
    if not is_token(_ascii(name)):
        raise DescriptionFault(f"{quoted(text)} is no header: write Name, or Name: value")
    if not value.isascii() or not has_only_value_bytes(value.encode()):
        raise DescriptionFault(f"{quoted(text)} cannot be sent: its value is not printable ASCII")
    return name, value if colon else None


def _request(
    target: Target,
    origin: str | None,
    method: str,
    headers: tuple[tuple[str, str | None], ...],
    credentials: bool,
) -> Request:
    if origin is not None and (not origin or origin != origin.strip(" \t") or not origin.isprintable()):
        raise DescriptionFault(f"{quoted(origin)} cannot be sent as an origin")
    method = normalise_method(method)
    if not is_token(_ascii(method)) or len(method) > MAX_METHOD:
        raise DescriptionFault(f"{quoted(method)} is not a method")
    if target.is_websocket and (method != "GET" or headers):
        raise DescriptionFault("scripts choose neither method nor headers of a WebSocket")
    return Request(target, origin, method, headers, credentials)


def _ascii(text: str) -> bytes:
    """The text as bytes, with a question mark for what is not ASCII: no host, method or name has one."""
    return text.encode("ascii", "replace")


def _sent_path(text: str) -> str:
    """Path and query as browsers put them into the request line (URL, "path state" and "query state")."""
    path, question, query = text.partition("#")[0].partition("?")
    written = path.replace("\\", "/").removeprefix("/").split("/")
    segments: list[str] = []
    for segment in written:
        if segment.lower() in _DOUBLE_DOT:
            del segments[-1:]
        elif segment.lower() not in _SINGLE_DOT:
            segments.append(segment)
    if written[-1].lower() in _SINGLE_DOT | _DOUBLE_DOT:
        segments.append("")
    sent = "/" + quote("/".join(segments), safe=_PATH_SAFE, errors="replace")
    return sent + question + quote(query, safe=_QUERY_SAFE, errors="replace")
