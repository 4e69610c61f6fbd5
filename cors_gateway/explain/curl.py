"""The command lines that reproduce what a browser sends, for a shell.

A request whose host is not known goes to the gateway's first listener, on this machine.
"""

import shlex

from cors_gateway.explain.described_request import Request
from cors_gateway.explain.explanation import Explanation
from cors_gateway.policy.browser import is_left_out, sends_origin
from cors_gateway.snapshot import Server, TcpListener, UnixListener

_ANYWHERE = {"0.0.0.0": "localhost", "::": "localhost"}
_GUESSED_VALUES = {"content-type": "application/json", "range": "bytes=-1"}
_HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def preflight_line(explanation: Explanation, server: Server) -> str | None:
    """The preflight; None if the browser sends none."""
    request = explanation.request
    if explanation.preflight is None:
        return None
    names = request.call.unsafe_headers
    fields = [f"Origin: {request.origin}", f"Access-Control-Request-Method: {request.method}"]
    if names:
        fields.append(f"Access-Control-Request-Headers: {','.join(names)}")
    return _line(["-X", "OPTIONS"], request, server, fields)


def request_line(explanation: Explanation, server: Server) -> str:
    """The request itself, whether or not a browser would get so far."""
    request = explanation.request
    if request.target.is_websocket:
        fields = [*_HANDSHAKE, *([f"Origin: {request.origin}"] if request.origin is not None else [])]
        return _line(["--http1.1", "--no-buffer"], request, server, fields)
    fields = []
    if request.origin is not None and sends_origin(request.method, cross_origin=explanation.is_cross_origin):
        fields.append(f"Origin: {request.origin}")
        if not explanation.is_cross_origin and request.target.tells_site:
            fields.append("Sec-Fetch-Site: same-origin")
    for name, value in request.headers:
        if not is_left_out(name, value, request.browser):
            known = _GUESSED_VALUES.get(name.lower(), "x") if value is None else value
            fields.append(f"{name}: {known}" if known else f"{name};")
    methods = {"GET": [], "HEAD": ["--head"]}
    return _line(methods.get(request.method, ["-X", request.method]), request, server, fields)


def _line(options: list[str], request: Request, server: Server, fields: list[str]) -> str:
    base, more = _base(request, server)
    url = base + request.target.path
    if any(char in request.target.path for char in "[]{}"):
        more.append("--globoff")
    headers = [part for field in fields for part in ("-H", field)]
    return shlex.join(["curl", "-i", *options, *more, url, *headers])


def _base(request: Request, server: Server) -> tuple[str, list[str]]:
    """Where to send it, and the options that takes."""
    if request.target.origin is not None:
        return request.target.origin, []
    host_field = ["-H", f"Host: {request.target.host}"] if request.target.host else []
    listener = server.listen[0]
    scheme = "http" if listener.tls is None else "https"
    match listener:
        case UnixListener(path=path):
            return f"{scheme}://localhost", ["--unix-socket", path, *host_field]
        case TcpListener(host=host, port=port):
            address = TcpListener(_ANYWHERE.get(host, host), port)
            return f"{scheme}://{address}", host_field
