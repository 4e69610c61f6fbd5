"""The backend behind nginx and the gateway: it says who it is and what it saw, and does what a query asks for.

`?s=NNN` chooses a status, `?c=star` and `?c=echo` add CORS headers of its own, a path that ends in `/verify` wants a token, a
handshake is accepted, OPTIONS is 405.
"""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.wire.raw_backend import Answer, RawBackend, Script, accept_websocket, bound_socket, reply
from tests.wire.strict_http import Request

FROM, SAW, SAW_HOST, SAW_ORIGIN = "X-From", "X-Saw", "X-Saw-Host", "X-Saw-Origin"


@contextlib.asynccontextmanager
async def backends(names: dict[str, str], directory: Path) -> AsyncIterator[dict[str, str]]:
    """Start one for each address. Gives where it really listens: `127.0.0.1:4711`, or the path of a socket."""
    places: dict[str, str] = {}
    async with contextlib.AsyncExitStack() as stack:
        for number, (address, name) in enumerate(names.items()):
            sock = _socket(address, directory / f"backend-{number}.sock")
            stack.callback(sock.close)
            await stack.enter_async_context(RawBackend(sock, script=_script(name)))
            where = sock.getsockname()
            places[address] = f"unix:{where}" if isinstance(where, str) else f"{where[0]}:{where[1]}"
        yield places


def replaced(text: str, places: dict[str, str]) -> str:
    """A text with the addresses of its backends replaced, the longest first."""
    for address in sorted(places, key=len, reverse=True):
        text = text.replace(address, places[address])
    return text


def _socket(address: str, path: Path) -> socket.socket:
    if not address.startswith("unix:"):
        return bound_socket()
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    return sock


def _script(name: str) -> Script:
    def answer(request: Request) -> Answer:
        if [value.lower() for value in request.values("upgrade")] == ["websocket"]:
            return _signed(accept_websocket(request), _signature(name, request))
        parts = urlsplit(request.target)
        wishes = {key: values[0] for key, values in parse_qs(parts.query).items()}
        status = int(wishes.get("s", 405 if request.method == "OPTIONS" else 200))
        if parts.path.endswith("/verify"):
            status = 204 if request.values("authorization") == ["Bearer ok"] else 401
        fields = [*_signature(name, request), *_cors(wishes.get("c", ""), request)]
        body = b"" if request.method == "HEAD" or status in (204, 304) else b"{}"
        return reply(status, fields, body, then="close" if request.version == "HTTP/1.0" else "keep")

    return answer


def _signature(name: str, request: Request) -> list[tuple[str, str]]:
    return [
        (FROM, name),
        (SAW, f"{request.method} {request.target}"),
        (SAW_HOST, ",".join(request.values("host"))),
        (SAW_ORIGIN, ",".join(request.values("origin")) or "-"),
    ]


def _signed(answer: Answer, fields: Iterable[tuple[str, str]]) -> Answer:
    head = b"".join(answer.segments)
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields).encode("latin-1")
    return Answer([head.replace(b"\r\n\r\n", b"\r\n" + lines + b"\r\n", 1)], then=answer.then)


def _cors(wish: str, request: Request) -> list[tuple[str, str]]:
    if wish == "star":
        return [("Access-Control-Allow-Origin", "*")]
    if wish != "echo" or not request.values("origin"):
        return []
    return [
        ("Access-Control-Allow-Origin", ",".join(request.values("origin"))),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "X-Backend"),
        ("Vary", "Origin"),
    ]
