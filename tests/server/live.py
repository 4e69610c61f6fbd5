"""The real command in a subprocess: its events as they come, its configuration directory, its sockets."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

T = TypeVar("T")

DEADLINE = 30.0
"""Seconds after which a test fails for want of something; nothing is asserted about how fast anything is."""

ORIGIN = "https://app.example.com"

CONFIGURATION = """\
version: 1
server:
  listen: ["127.0.0.1:0"]
  access_log: off
{server}
admin: {admin}
policies:
  app: {{allow_origins: [{origins}], allow_headers: [{headers}]}}
routes:
  - {{name: api, path: /, upstream: "{upstream}", cors: app}}
"""


def configuration(
    *,
    server: Mapping[str, object] = {},
    admin: str = "off",
    origins: str = ORIGIN,
    headers: str = "x-one",
    upstream: str = "http://127.0.0.1:9",
) -> str:
    """A configuration with one route; keys of `server` are added to the section or replace what is there."""
    lines = [f"  {key}: {json.dumps(value)}" for key, value in server.items()]
    text = CONFIGURATION
    for key in server:
        text = "\n".join(line for line in text.split("\n") if not line.startswith(f"  {key}:"))
    return text.format(
        server="\n".join(lines), admin=admin, origins=origins, headers=headers, upstream=upstream
    )


@dataclass
class Live:
    """A running gateway."""

    process: subprocess.Popen[bytes]
    directory: Path
    lines: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    _read: int = 0
    _is_over: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)

    def write(self, text: str, name: str = "gateway.yaml") -> None:
        """Put a file into the configuration directory in one step, as careful people do."""
        scratch = self.directory / f".{name}.new"
        scratch.write_text(text)
        scratch.replace(self.directory / name)

    def wait_for(self, event: str, **fields: object) -> dict[str, Any]:
        """The next event of this name with these fields; what comes before it is passed over."""
        with self._news:
            while True:
                while self._read < len(self.events):
                    found = self.events[self._read]
                    self._read += 1
                    if found["event"] == event and fields.items() <= found.items():
                        return found
                if self._is_over or not self._news.wait(DEADLINE):
                    raise AssertionError(f"no {event} {fields} in\n" + "\n".join(self.lines))

    def address(self, purpose: str = "traffic") -> tuple[str, int]:
        """Where the next listener of this purpose that is announced can be reached."""
        host, _, port = self.wait_for("listening", purpose=purpose)["address"].rpartition(":")
        return host, int(port)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, not to its workers."""
        self.process.send_signal(number)

    def exit_code(self) -> int:
        """Wait for the end."""
        return self.process.wait(DEADLINE)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.send(signal.SIGTERM)
        return self.exit_code()

    def listen_to(self) -> None:
        """Read standard error until it ends."""
        assert self.process.stderr is not None
        for raw in self.process.stderr:
            line = raw.decode().rstrip()
            with self._news:
                self.lines.append(line)
                with contextlib.suppress(ValueError):
                    self.events.append(json.loads(line))
                self._news.notify_all()
        with self._news:
            self._is_over = True
            self._news.notify_all()


@contextlib.contextmanager
def command(
    directory: Path,
    *arguments: str,
    environ: Mapping[str, str] = {},
    stdin: int | IO[bytes] = subprocess.DEVNULL,
) -> Iterator[Live]:
    """`cors-gateway` with these arguments; it is killed, with its workers, if the test has not ended it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cors_gateway", *arguments],
        stdin=stdin,
        stderr=subprocess.PIPE,
        env={**os.environ, **environ},
    )
    with reading(process, directory) as live:
        yield live


@contextlib.contextmanager
def reading(process: subprocess.Popen[bytes], directory: Path) -> Iterator[Live]:
    """A gateway whose standard error is a pipe; it is killed, with its workers, if it has not ended by itself."""
    live = Live(process, directory)
    reader = threading.Thread(target=live.listen_to)
    reader.start()
    try:
        yield live
    finally:
        workers = worker_pids(process.pid) if process.poll() is None else []
        process.kill()
        process.wait()
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        reader.join(DEADLINE)
        assert process.stderr is not None
        process.stderr.close()
    assert "Traceback" not in "\n".join(live.lines)


@contextlib.contextmanager
def gateway(directory: Path, text: str) -> Iterator[Live]:
    """`cors-gateway run` on a directory with this configuration. Does not wait until it is ready."""
    directory.mkdir(exist_ok=True)
    (directory / "gateway.yaml").write_text(text)
    with command(directory, "run", "-c", str(directory)) as live:
        yield live


def worker_pids(pid: int) -> list[int]:
    """The processes that its fork servers have forked."""
    return [worker for fork_server in children(pid) for worker in children(fork_server)]


def children(pid: int) -> list[int]:
    """The child processes."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def preflight(address: tuple[str, int], header: str = "x-one") -> int:
    """Ask permission for a request with this header; returns the status (204 or 403)."""
    connection = http.client.HTTPConnection(*address, timeout=DEADLINE)
    try:
        connection.request(
            "OPTIONS",
            "/x",
            headers={
                "Origin": ORIGIN,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": header,
            },
        )
        return connection.getresponse().status
    finally:
        connection.close()


def ask(address: tuple[str, int], method: str, path: str) -> tuple[int, bytes]:
    """Status and body of the answer to one request."""
    connection = http.client.HTTPConnection(*address, timeout=DEADLINE)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def seen(look: Callable[[], T], is_so: Callable[[T], bool]) -> T:
    """What is seen as soon as it is so: a worker that is held up for a second and a half has no part in what is told."""
    end = time.monotonic() + DEADLINE
    while not is_so(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def is_open(address: tuple[str, int]) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(address, DEADLINE).close()
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it was closed just now
        return False
    return True
