"""The table of docs/browsers.md, made from a run of the three engines: `python -m tests.engines.table` writes it."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.engines.engine import Engine, engines, running

TITLES = {"chromium": "Chromium", "firefox": "Firefox", "webkit": "WebKit"}

DOCUMENT = Path(__file__).parents[2] / "docs" / "browsers.md"
MARK = "<!-- Below is made by `python -m tests.engines.table`. -->\n"

WARM_UPS = 10

FETCH = """async ([url, init]) => {
    try { return [(await fetch(url, init)).status]; } catch { return null; }
}"""


@dataclass
class Seen:
    """What the server has seen since it was last asked."""

    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def take(self) -> list[tuple[str, str, dict[str, str]]]:
        taken, self.requests = self.requests, []
        return taken


class Server(ThreadingHTTPServer):
    """Grants what the query of a request says, to everybody, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = Seen()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        assert isinstance(self.server, Server)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.requests.append(
            (self.command, self.path, {k.lower(): v for k, v in self.headers.items()})
        )
        query = parse_qs(urlsplit(self.path).query)
        self.send_response(302 if "to" in query else 200)
        for name, values in query.items():
            self.send_header("Location" if name == "to" else f"Access-Control-{name}", values[0])
        self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = do_OPTIONS = answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@dataclass
class Bench:
    """One engine, on a page of another origin than the server's."""

    engine: Engine
    server: Server
    number: int = 0

    def address(self, query: str = "", host: str = "127.0.0.1") -> str:
        """A new one each time: nothing is remembered of it."""
        self.number += 1
        return f"http://{host}:{self.server.server_port}/{self.number}?{query}"

    def fetch(self, url: str, **init: object) -> tuple[bool, list[tuple[str, str, dict[str, str]]]]:
        """Whether the script got a response, and what the server saw."""
        self.server.seen.take()
        is_read = self.engine.call(FETCH, [url, init]) is not None
        return is_read, self.server.seen.take()


def _asks(name: str, value: str) -> Callable[[Bench], str]:
    def probe(bench: Bench) -> str:
        _, seen = bench.fetch(bench.address(f"Allow-Headers={name}"), headers=[[name, value]])
        asks = any(method == "OPTIONS" for method, _, _ in seen)
        arrived = any(headers.get(name.lower()) == value for method, _, headers in seen if method == "GET")
        if asks:
            return "asks first"
        return "sent at once" if arrived else "left out"

    return probe


def _star_covers(**init: object) -> Callable[[Bench], str]:
    def probe(bench: Bench) -> str:
        grants = "Allow-Headers=*&Allow-Methods=*&Allow-Credentials=true"
        return "yes" if bench.fetch(bench.address(grants), **init)[0] else "no"

    return probe


def _remembered_star(bench: Bench) -> str:
    url = bench.address("Allow-Headers=*&Max-Age=60")
    bench.fetch(url, headers=[["X-A", "1"]], credentials="omit")
    return "yes" if bench.fetch(url, headers=[["Authorization", "x"]], credentials="omit")[0] else "no"


def _asks_again(query: str, after: float) -> Callable[[Bench], str]:
    def probe(bench: Bench) -> str:
        url = bench.address(f"Allow-Headers=X-A&{query}")
        bench.fetch(url, headers=[["X-A", "1"]])
        time.sleep(after)
        _, seen = bench.fetch(url, headers=[["X-A", "1"]])
        return "asks again" if any(method == "OPTIONS" for method, _, _ in seen) else "remembers"

    return probe


def _origin_after_redirect(bench: Bench) -> str:
    target = bench.address(host="localhost")
    _, seen = bench.fetch(bench.address("to=" + target.replace("?", "%3F")))
    return next((f"`{headers.get('origin')}`" for _, path, headers in seen[1:] if "to=" not in path), "none")


PROBES: dict[str, Callable[[Bench], str]] = {
    "`Save-Data: on`": _asks("Save-Data", "on"),
    "`Device-Memory: 8`": _asks("Device-Memory", "8"),
    "`DPR: 2`": _asks("DPR", "2"),
    "`ECT: 4g`": _asks("ECT", "4g"),
    "`User-Agent: mine`": _asks("User-Agent", "mine"),
    "`DNT: 1`": _asks("DNT", "1"),
    "`Range: bytes=0-5`": _asks("Range", "bytes=0-5"),
    "`Range: BYTES=0-5`": _asks("Range", "BYTES=0-5"),
    "`Accept` of 129 characters": _asks("Accept", "a" * 129),
    "`Content-Type: application/json`": _asks("Content-Type", "application/json"),
    "`*` in Allow-Headers covers `Authorization`": _star_covers(headers=[["Authorization", "x"]]),
    "…covers `X-A` in a call with credentials": _star_covers(headers=[["X-A", "1"]], credentials="include"),
    "`*` in Allow-Methods covers `PUT`": _star_covers(method="PUT"),
    "…in a call with credentials": _star_covers(method="PUT", credentials="include"),
    "a remembered `*` covers `Authorization`": _remembered_star,
    "the same call again, with `Max-Age: 60`": _asks_again("Max-Age=60", 0),
    "…with `Max-Age: 0`": _asks_again("Max-Age=0", 0),
    "…without Max-Age, at once": _asks_again("", 0),
    "…without Max-Age, after six seconds": _asks_again("", 6),
    "`Origin` after a redirect to a third origin": _origin_after_redirect,
}


def results(engine: Engine) -> dict[str, str]:
    """What the engine does, by what was asked of it."""
    with _serving() as server, _serving() as page:
        engine.go(f"http://localhost:{page.server_port}/")
        bench = Bench(engine, server)
        # A fresh Firefox forgets its first preflights at once.
        for _ in range(WARM_UPS):
            if _asks_again("Max-Age=60", 0.5)(bench) == "remembers":
                break
        return {question: probe(bench) for question, probe in PROBES.items()}


def written(document: str, name: str) -> dict[str, str]:
    """What the document says of an engine, by what was asked of it."""
    rows = [
        line.strip("| ").split(" | ") for line in document.partition(MARK)[2].splitlines() if " | " in line
    ]
    column = rows[0].index(TITLES[name]) + 1  # the first title is empty and gone
    return {row[0]: row[column] for row in rows[2:]}


def with_table(document: str) -> str:
    """The document with the table of a run."""
    found: dict[str, dict[str, str]] = {}
    versions = []
    for name in engines():
        with running(name) as engine:
            found[name] = results(engine)
            versions.append(f"{TITLES[name]} {engine.version}")
    rows = [["", *(TITLES[name] for name in found)], ["---"] * (1 + len(found))]
    rows += [[question, *(outcomes[question] for outcomes in found.values())] for question in PROBES]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    kept = document.partition(MARK)[0]
    return f"{kept}{MARK}\n{', '.join(versions)}.\n\n" + "\n".join(lines) + "\n"


@contextlib.contextmanager
def _serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
