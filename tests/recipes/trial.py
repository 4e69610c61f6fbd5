"""A recipe's gateway on addresses of this test, before a stand-in for what the recipe puts behind it."""

import contextlib
import http.client
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.server.live import DEADLINE, Live, command

RECIPES = Path(__file__).parents[2] / "config" / "recipes"
Address = tuple[str, int]


@dataclass(frozen=True)
class Seen:
    """One request as it arrived behind the gateway; names in lower case."""

    method: str
    path: str
    fields: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is sent back."""

    status: int = 200
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class StandIn:
    """Answers by a function, and remembers what it was asked."""

    url: str
    seen: list[Seen] = field(default_factory=list)


@contextlib.contextmanager
def stand_in(answer: Callable[[Seen], Reply]) -> Iterator[StandIn]:
    """Serve in a thread, on a port of its own."""
    asked: list[Seen] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            fields = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(fields.get("content-length", "0")))
            asked.append(Seen(self.command, self.path, fields, body))
            reply = answer(asked[-1])
            self.send_response(reply.status)
            for name, value in {**reply.fields, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield StandIn(f"http://127.0.0.1:{server.server_address[1]}", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(DEADLINE)


def placed(recipe: str, scratch: Path, addresses: Mapping[str, str]) -> Path:
    """A copy of the recipe's configuration directory with these addresses, and no admin listener."""
    source = RECIPES / recipe
    directory = scratch / "configuration"
    if (source / "gateway").is_dir():
        shutil.copytree(source / "gateway", directory)
    else:
        directory.mkdir()
        shutil.copy(source / "gateway.yaml", directory)
    file = directory / "gateway.yaml"
    text = file.read_text()
    for old, new in addresses.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(f"{text}\nadmin: off\n")
    return directory


@contextlib.contextmanager
def serving(recipe: str, scratch: Path, addresses: Mapping[str, str]) -> Iterator[tuple[Live, Address]]:
    """The recipe's gateway, and where it listens."""
    directory = placed(recipe, scratch, addresses)
    with command(directory, "run", "-c", str(directory)) as live:
        address = live.address()
        live.wait_for("watch")
        yield live, address
        assert live.stop() == 0


@dataclass(frozen=True)
class Answer:
    """What a client got; names in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes


def ask(address: Address, method: str, path: str, *, body: bytes = b"", **fields: str) -> Answer:
    """One request; underscores in names stand for hyphens."""
    connection = http.client.HTTPConnection(*address, timeout=DEADLINE)
    with contextlib.closing(connection):
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, path, body=body or None, headers=headers)
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, names, answer.read())


def preflight(
    address: Address, origin: str, method: str, path: str, headers: str = "", **more: str
) -> Answer:
    """What a browser asks first."""
    if headers:
        more["Access_Control_Request_Headers"] = headers
    return ask(
        address, "OPTIONS", path, body=b"", Origin=origin, Access_Control_Request_Method=method, **more
    )
