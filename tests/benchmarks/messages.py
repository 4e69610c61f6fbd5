"""The requests that clients send, byte for byte as Chrome 140 writes them, and how they vary.

A *template* is a request in which `MARK` stands for a number that differs in every request; a list of templates is sent
in turn. `requests.lua` reads the file that `write_templates` makes.
"""

from collections.abc import Iterable
from pathlib import Path

from tests.benchmarks.site import HEADERS, HOST, ORIGIN, Shape, origins, prefixes

MARK = "\0"
_BETWEEN = "\1"

_USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
_BRANDS = '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"'
_COOKIE = "session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; _ga=GA1.2.1234567890.1700000000"
_TRACE = "X-Request-Id: 0b9c2f0e-5a55-4f0c-9d53-" + MARK


def get(path: str, *, origin: str = ORIGIN, connection: str = "keep-alive") -> str:
    """A cross-origin fetch() with the fifteen fields that Chrome sends."""
    return _render("GET", path, _fields(origin), connection)


def get_varying(path: str) -> str:
    """The same with another referrer, cookie and request id in every request."""
    return _render(
        "GET", path, [*_fields(ORIGIN, referer=f"orders/{MARK}", cookie=f"{_COOKIE}; seen={MARK}"), _TRACE]
    )


def post(path: str, body: str, content_type: str = "application/json") -> str:
    content = [f"Content-Length: {len(body)}", f"Content-Type: {content_type}"]
    return _render("POST", path, [*_fields(ORIGIN), *content]) + body


def preflight(
    path: str, *, method: str = "PUT", headers: str = "", origin: str = ORIGIN, referer: str = ""
) -> str:
    asked = headers or ",".join(sorted(name.lower() for name in HEADERS[:2]))
    return _render(
        "OPTIONS",
        path,
        [
            "Accept: */*",
            f"Access-Control-Request-Method: {method}",
            f"Access-Control-Request-Headers: {asked}",
            f"Origin: {origin}",
            f"User-Agent: {_USER_AGENT}",
            "Sec-Fetch-Mode: cors",
            "Sec-Fetch-Site: same-site",
            "Sec-Fetch-Dest: empty",
            f"Referer: {origin}/{referer}",
            "Accept-Encoding: gzip, deflate, br, zstd",
            "Accept-Language: en-GB,en;q=0.9",
        ],
    )


def preflights_varying() -> list[str]:
    """No two alike: path and referrer carry a number, and method and fields change as well."""
    asked = ("content-type", "authorization,content-type", "authorization,content-type,x-csrf-token")
    return [
        preflight(f"/api/orders/{MARK}", method=method, headers=fields, referer=f"orders/{MARK}")
        for method in ("PUT", "DELETE", "GET", "POST")
        for fields in asked
    ]


def spread(shape: Shape, *, preflights: bool) -> list[str]:
    """Requests over all routes and all origins: 20,000 pairs, neither repeated before all were used."""
    paths, listed = prefixes(shape), origins(shape)
    make = preflight if preflights else get
    # Strides without a common divisor with the sizes visit every element in no order.
    return [
        make(paths[n * 7 % len(paths)] + "json", origin=listed[n * 7919 % len(listed)]) for n in range(20_000)
    ]


def upgrade(path: str) -> str:
    return _render(
        "GET",
        path,
        [
            "Pragma: no-cache",
            "Cache-Control: no-cache",
            f"User-Agent: {_USER_AGENT}",
            "Upgrade: websocket",
            f"Origin: {ORIGIN}",
            "Sec-WebSocket-Version: 13",
            "Accept-Encoding: gzip, deflate, br, zstd",
            "Accept-Language: en-GB,en;q=0.9",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ],
        connection="Upgrade",
    )


def write_templates(path: Path, templates: Iterable[str]) -> None:
    path.write_bytes(_BETWEEN.join(templates).encode("latin-1"))


def _fields(origin: str, *, referer: str = "", cookie: str = _COOKIE) -> list[str]:
    return [
        'sec-ch-ua-platform: "Linux"',
        f"User-Agent: {_USER_AGENT}",
        "Accept: application/json",
        f"sec-ch-ua: {_BRANDS}",
        "sec-ch-ua-mobile: ?0",
        f"Origin: {origin}",
        "Sec-Fetch-Site: same-site",
        "Sec-Fetch-Mode: cors",
        "Sec-Fetch-Dest: empty",
        f"Referer: {origin}/{referer}",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-GB,en;q=0.9",
        f"Cookie: {cookie}",
    ]


def _render(method: str, path: str, fields: list[str], connection: str = "keep-alive") -> str:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Connection: {connection}", *fields]
    return "\r\n".join(lines) + "\r\n\r\n"
