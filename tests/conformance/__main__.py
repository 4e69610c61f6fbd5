"""Run the HTTP cases against any gateway: `python -m tests.conformance --help`; docs/conformance.md says how.

The backend is played here, so that what reached it is seen. Cases are asked one after the other.
"""

import asyncio
import contextlib
import json
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click

from tests.conformance.site import CASES, Address, ask, backend_answer, configuration, may_be_refused
from tests.wire.conformance_scoring import Exchange, complaints
from tests.wire.corpus import Document
from tests.wire.raw_backend import Answer, RawBackend, bound_socket
from tests.wire.raw_client import NoResponseError
from tests.wire.strict_http import MalformedError, Request

DIFFERENT = 1
START_SECONDS = 30.0
STOP_SECONDS = 20.0
LEVELS = ("must", "should", "choice")

Results = dict[str, list[str]]
"""What differs in each case."""


class StartError(Exception):
    """The server ended, or did not listen in time; the text says what it wrote."""


@click.command()
@click.option("--target", metavar="URL", help="A gateway that serves what --print shows; http only.")
@click.option(
    "--command",
    metavar="LINE",
    help="Starts one: {config} is a directory with gateway.yaml in it, {address}, {host} and {port} say where to listen.",
)
@click.option(
    "--print", "is_printed", is_flag=True, help="Print the policies and routes that a target has to serve."
)
@click.option(
    "--backend",
    default="127.0.0.1:18080",
    show_default=True,
    metavar="HOST:PORT",
    help="Where the target finds the backend; the port above stays closed.",
)
@click.option("--only", multiple=True, metavar="ID", help="Of the cases only those whose names begin so.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def main(
    target: str | None, command: str | None, is_printed: bool, backend: str, only: tuple[str, ...], form: str
) -> None:
    """Run the HTTP cases of tests/conformance/http.yaml against a gateway and say what differs.

    Exit code 1 if a case of level must differs; should and choice are told and cost nothing.
    """
    cases = [case for case in CASES if not only or case["id"].startswith(only)]
    if not cases:
        raise click.UsageError(f"no case begins with {' or '.join(only)}")
    if sum(map(bool, (target, command, is_printed))) != 1:
        raise click.UsageError("give one of --target, --command and --print")
    if command:
        results = _run_command(shlex.split(command), cases)
    else:
        at, closed = _backend_addresses(backend)
        fixed = [case for case in cases if not may_be_refused(case)]
        if is_printed:
            click.echo(json.dumps({"version": 1, **configuration(fixed, at, closed)}, indent=1))
            return
        results = _run_target(_target_address(target or ""), fixed, at, closed)
    _report(cases, results, form)
    if any(results.get(case["id"]) and case["level"] == "must" for case in cases):
        sys.exit(DIFFERENT)


def _run_target(target: Address, cases: Sequence[Document], at: Address, closed: Address) -> Results:
    with _bound(at) as sock, _bound(closed):
        return asyncio.run(_ask_all(cases, target, sock))


def _run_command(command: Sequence[str], cases: Sequence[Document]) -> Results:
    """All cases in one server, but for those whose configuration may be refused: each of them in one of its own."""
    together = [case for case in cases if not may_be_refused(case)]
    results: Results = {}
    for group in (together, *([case] for case in cases if may_be_refused(case))):
        with bound_socket() as sock, bound_socket() as closed:
            settings = configuration(list(group), sock.getsockname(), closed.getsockname())
            try:
                with _started(command, settings) as address:
                    results |= asyncio.run(_ask_all(group, address, sock))
            except StartError as error:
                if group is together:
                    raise click.ClickException(str(error)) from None
                results |= {case["id"]: [] for case in group}
    return results


async def _ask_all(cases: Sequence[Document], address: Address, sock: socket.socket) -> Results:
    asked: list[Document] = []

    def script(request: Request) -> Answer:
        return backend_answer(asked[-1], request)

    results: Results = {}
    async with RawBackend(sock, script) as backend:
        for case in cases:
            asked.append(case)
            arrived = backend.mark()
            try:
                response = await ask(case, address)
            except (NoResponseError, MalformedError, OSError) as error:
                results[case["id"]] = [f"no answer that could be read: {error}"]
                continue
            seen = arrived()
            results[case["id"]] = [
                *complaints(Exchange(case, response, seen.requests, accepts_echo=True)),
                *seen.faults,
            ]
    return results


@contextlib.contextmanager
def _started(command: Sequence[str], settings: dict[str, object]) -> Iterator[Address]:
    """The server, listening. Raises StartError."""
    with bound_socket() as sock:
        host, port = sock.getsockname()
    with tempfile.TemporaryDirectory() as directory:
        server = {"listen": [f"{host}:{port}"], "access_log": "off"}
        document = {"version": 1, "admin": "off", "server": server, **settings}
        Path(directory, "gateway.yaml").write_text(json.dumps(document, indent=1))
        places = {"{config}": directory, "{address}": f"{host}:{port}", "{host}": host, "{port}": str(port)}
        words = [_filled_in(word, places) for word in command]
        log = Path(directory, "log")
        with log.open("wb") as out:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            _wait_until_listening(process, (host, port), log)
            yield host, port
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _filled_in(word: str, places: dict[str, str]) -> str:
    for place, value in places.items():
        word = word.replace(place, value)
    return word


def _wait_until_listening(process: subprocess.Popen[bytes], address: Address, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartError(f"it ended with {process.returncode}: {log.read_text('utf-8', 'replace')}")
        with contextlib.suppress(OSError), socket.create_connection(address, 1.0):
            return
        time.sleep(0.02)
    raise StartError(f"it did not listen at {address} within {START_SECONDS:g} s")


def _report(cases: Sequence[Document], results: Results, form: str) -> None:
    asked = [case for case in cases if case["id"] in results]
    different = [case for case in asked if results[case["id"]]]
    if form == "json":
        rows = [
            {
                "id": case["id"],
                "title": case["title"],
                "level": case["level"],
                "differences": results[case["id"]],
            }
            for case in asked
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for case in different:
        click.echo(f"{case['level']} {case['id']} {case['title']}")
        click.echo(f"  {case['why']}")
        for difference in results[case["id"]]:
            click.echo(f"  {difference}")
    for level in LEVELS:
        of_level = [case for case in asked if case["level"] == level]
        failed = [case for case in of_level if case in different]
        click.echo(f"{level}: {len(of_level) - len(failed)} of {len(of_level)} conform")


def _target_address(url: str) -> Address:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise click.UsageError("--target is http://host:port")
    return socket.gethostbyname(parts.hostname), parts.port or 80


def _backend_addresses(text: str) -> tuple[Address, Address]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65535:
        raise click.UsageError("--backend is host:port")
    return (host, int(port)), (host, int(port) + 1)


def _bound(address: Address) -> socket.socket:
    """A socket that is not listening yet."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise click.ClickException(f"cannot listen at {address[0]}:{address[1]}: {error.strerror}") from None
    return sock


if __name__ == "__main__":
    main()
