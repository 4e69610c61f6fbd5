"""`python -m tests.conformance`: the corpus against a gateway of anybody's."""

import contextlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.site import CASES
from tests.wire.conformance_scoring import Exchange, complaints
from tests.wire.gateway_process import running_gateway
from tests.wire.raw_backend import bound_socket
from tests.wire.strict_http import Response

ROOT = Path(__file__).parent.parent.parent
OURS = f"{sys.executable} -m cors_gateway run -c {{config}}"
FILES = f"{sys.executable} -m http.server {{port}} --bind {{host}}"
"""A server that knows nothing of CORS."""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.conformance", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_gateway_conforms_when_it_is_started_by_a_command() -> None:
    result = run("--command", OURS, "--format", "json")

    rows = json.loads(result.stdout)
    assert result.returncode == 0
    assert {row["id"]: row["differences"] for row in rows} == {case["id"]: [] for case in CASES}


def test_a_server_without_cors_differs_and_is_told_where() -> None:
    result = run("--command", FILES, "--only", "PF-")

    assert result.returncode == 1
    assert "must PF-001 " in result.stdout
    assert "  status: expected 204, got 501" in result.stdout
    assert "must: 0 of " in result.stdout


def test_a_target_is_asked_where_it_is(tmp_path: Path) -> None:
    backend, listen = _free_addresses()
    printed = run("--print", "--backend", backend, "--only", "PF-")
    configuration = json.loads(printed.stdout) | {"server": {"listen": [listen]}}
    with running_gateway(tmp_path, configuration):
        result = run("--target", f"http://{listen}", "--backend", backend, "--only", "PF-")

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("must: ")


def _free_addresses() -> tuple[str, str]:
    """One for the backend, with a free port above it, and one for the gateway."""
    while True:
        with bound_socket() as backend, bound_socket() as gateway, socket.socket() as above:
            host, port = backend.getsockname()
            with contextlib.suppress(OSError):
                above.bind((host, port + 1))
                return f"{host}:{port}", f"{host}:{gateway.getsockname()[1]}"


def test_a_port_that_is_taken_is_told() -> None:
    with bound_socket() as taken:
        taken.listen()
        host, port = taken.getsockname()
        result = run("--target", "http://127.0.0.1:9", "--backend", f"{host}:{port}")

    assert result.returncode == 1
    assert f"cannot listen at {host}:{port}: Address already in use" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "give one of --target, --command and --print"),
        (["--target", "http://127.0.0.1", "--print"], "give one of"),
        (["--target", "https://127.0.0.1"], "--target is http://host:port"),
        (["--print", "--backend", "here"], "--backend is host:port"),
        (["--print", "--only", "XX"], "no case begins with XX"),
        (["--command", f"{sys.executable} -c 1", "--only", "PF-"], "it ended with 0"),
    ],
)
def test_what_cannot_be_run_is_told(arguments: list[str], complaint: str) -> None:
    result = run(*arguments)

    assert result.returncode != 0
    assert complaint in result.stderr


GRANT = [("Access-Control-Allow-Origin", "https://app.example.com"), ("Access-Control-Max-Age", "600")]
VARY = ("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")


@pytest.mark.parametrize(
    ("fields", "conforms"),
    [
        ([("Access-Control-Allow-Methods", "PUT")], True),
        (
            [("Access-Control-Allow-Methods", "GET, PUT"), ("Access-Control-Allow-Headers", "Content-Type")],
            True,
        ),
        ([("Access-Control-Allow-Methods", "GET")], False),
        ([("Access-Control-Allow-Methods", "PUT, PATCH")], False),
        ([("Access-Control-Allow-Methods", "PUT"), ("Access-Control-Allow-Headers", "X-Other")], False),
        ([("Access-Control-Allow-Methods", "PUT"), ("Access-Control-Allow-Credentials", "true")], False),
        ([], False),
    ],
)
def test_a_preflight_may_be_answered_with_no_more_than_it_asks_for(
    fields: list[tuple[str, str]], conforms: bool
) -> None:
    (textbook,) = (case for case in CASES if case["id"] == "PF-001")
    response = Response(204, "No Content", "1.1", (*GRANT, *fields, VARY))

    assert (complaints(Exchange(textbook, response, [], accepts_echo=True)) == []) is conforms
    assert complaints(Exchange(textbook, response, [])) != []
