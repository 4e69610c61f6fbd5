"""One request to the admin listener of a running gateway, with nothing but the standard library's HTTP client.

Shared by all verbs that ask a running gateway.
"""

import contextlib
import http.client
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit


class AddressError(ValueError):
    """An address that cannot be understood; the text says why."""


@dataclass(frozen=True, slots=True)
class AdminAddress:
    """Where the admin listener is: a host and a port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    socket_path: str = ""
    path: str = ""
    """Path of the URL, if it had one."""

    def __str__(self) -> str:
        return f"unix:{self.socket_path}" if self.socket_path else f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


def parse_admin_address(text: str) -> AdminAddress:
    """Read `host:port`, `http://host:port` or `unix:/path`. Raises AddressError."""
    if text.startswith("unix:"):
        return AdminAddress(socket_path=text.removeprefix("unix:"))
    url = urlsplit(text if "://" in text else f"http://{text}")
    if url.scheme != "http":
        raise AddressError(f'"{text}": the admin listener speaks plain HTTP')
    try:
        port = url.port
    except ValueError:
        port = None
    if url.hostname is None or port is None:
        raise AddressError(f'"{text}" is not an address; write host:port, http://host:port or unix:/path')
    return AdminAddress(url.hostname, port, path=url.path.rstrip("/"))


def ask(
    address: AdminAddress, method: str, path: str, *, timeout: float, token: str = "", form: str = ""
) -> Answer:
    """Send one request; `path` is used where the address has none. Raises OSError or HTTPException.

    `form` is the body, fields in URL encoding.
    """
    connection = _connection(address, timeout)
    try:
        headers = _headers(token)
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, address.path or path, form or None, headers)
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        connection.close()


@contextlib.contextmanager
def open_stream(
    address: AdminAddress, path: str, *, timeout: float, token: str = ""
) -> Iterator[http.client.HTTPResponse]:
    """A response to be read while it comes; `timeout` is for each wait. Raises OSError or HTTPException."""
    connection = _connection(address, timeout)
    try:
        connection.request("GET", path, headers=_headers(token))
        yield connection.getresponse()
    finally:
        connection.close()


def _connection(address: AdminAddress, timeout: float) -> http.client.HTTPConnection:
    if address.socket_path:
        return _UnixConnection(address.socket_path, timeout)
    return http.client.HTTPConnection(address.host, address.port, timeout=timeout)


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, socket_path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._socket_path = socket_path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._socket_path)
