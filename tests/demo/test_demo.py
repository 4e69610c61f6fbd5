"""The command: it starts everything, says where, and ends when asked."""

import http.client
import json
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from cors_gateway.cli.demo import command
from tests.demo.conftest import Demo, running_demo


def _ask(
    url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> tuple[int, list[tuple[str, str]], bytes]:
    request = urllib.request.Request(url, method=method, headers=dict(headers or {}), data=body)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers.items(), answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers.items(), answer.read()


def _cors_lines(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(line for line in lines if line[0].lower().startswith(("access-control-", "vary")))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_complaint(number: signal.Signals, tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        assert demo.stop(number) == 0

    assert demo.log.read_text().startswith(f"\n  Open  {demo.page}  in a browser.\n")


def test_it_ends_while_a_browser_is_connected_and_a_call_is_in_progress(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        idle, busy = _connect(demo.page), _connect(demo.backend)
        with idle, busy:
            busy.sendall(b"GET /api/slow HTTP/1.1\r\nHost: shop\r\n\r\n")
            assert demo.stop() == 0


def test_the_gateway_s_own_page_comes_along_and_its_log(demo: Demo) -> None:
    with urllib.request.urlopen(f"{demo.gateway}/api/products", timeout=30) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(f"{demo.admin}/summary", timeout=30) as answer:
        summary = json.load(answer)

    assert summary["since_start"]["requests"] >= 1
    assert _lines_of(demo, '"path":"/api/products"')


def _lines_of(demo: Demo, word: str) -> list[str]:
    """Lines of the log with this word, as soon as there are some."""
    deadline = time.monotonic() + 10
    while not (found := [line for line in demo.log.read_text().splitlines() if word in line]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.mark.parametrize(
    ("host", "status", "location"),
    [
        ("localhost", 307, "page"),
        ("127.0.0.2", 307, "page"),
        ("[::1]", 307, "page"),
        ("192.0.2.7", 421, None),
        ("demo.example", 421, None),
    ],
)
def test_under_another_name_the_page_leads_to_where_it_works(
    host: str, status: int, location: str | None, demo: Demo
) -> None:
    port = demo.page.rpartition(":")[2]
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
    connection.request("GET", "/", headers={"Host": f"{host}:{port}"})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()

    assert answer.status == status
    assert answer.headers["Location"] == (f"{demo.page}/" if location else None)
    assert status == 307 or f'href="{demo.page}"' in body


def test_every_part_has_an_origin_of_its_own(demo: Demo) -> None:
    assert len({demo.page, demo.stranger, demo.gateway, demo.backend}) == 4


def test_a_second_demo_finds_other_ports(demo: Demo, tmp_path: Path) -> None:
    """The preferred ports are taken now, if not by the first demo then by another program."""
    with running_demo(tmp_path) as other:
        first = {demo.page, demo.stranger, demo.gateway, demo.backend}
        assert first & {other.page, other.stranger, other.gateway, other.backend} == set()


def test_a_wanted_port_that_is_taken_is_not_swapped_for_another(demo: Demo) -> None:
    result = CliRunner().invoke(command, ["--port", demo.page.rpartition(":")[2]])

    assert result.exit_code == 1
    assert "cannot listen on 127.0.0.1 port" in result.stderr


def test_an_address_that_is_not_this_machine_s_is_refused_with_the_reason() -> None:
    result = CliRunner().invoke(command, ["--host", "198.51.100.7"])

    assert result.exit_code == 1
    assert "cannot listen on 198.51.100.7" in result.stderr


def test_the_page_forbids_itself_everything_but_the_demo(demo: Demo) -> None:
    _, lines, _ = _ask(demo.page)
    site = json.loads(_ask(f"{demo.page}/site.json")[2])

    directives = dict(
        part.strip().partition(" ")[::2] for part in dict(lines)["Content-Security-Policy"].split(";")
    )
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "connect-src": f"'self' {demo.gateway} {demo.backend} {site['nobody']}",
        "frame-src": demo.stranger,
        "frame-ancestors": "'none'",
    }


def test_only_the_page_may_frame_the_stranger(demo: Demo) -> None:
    _, lines, _ = _ask(demo.stranger)

    assert f"frame-ancestors {demo.page}" in dict(lines)["Content-Security-Policy"]


def test_nobody_refuses_connections_and_keeps_its_port(demo: Demo) -> None:
    nobody = json.loads(_ask(f"{demo.page}/site.json")[2])["nobody"]

    with pytest.raises(ConnectionRefusedError):
        _connect(nobody)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", int(nobody.rpartition(":")[2])))


def test_the_gateway_replaces_what_the_backend_sends(demo: Demo) -> None:
    origin = {"Origin": demo.page}

    assert _cors_lines(_ask(f"{demo.backend}/api/products", headers=origin)[1]) == [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Origin", "*"),
    ]
    assert _cors_lines(_ask(f"{demo.gateway}/api/products", headers=origin)[1]) == [
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Origin", demo.page),
        ("Access-Control-Expose-Headers", "x-total-count"),
        ("Vary", "Origin"),
    ]


def _connect(origin: str) -> socket.socket:
    host, _, port = origin.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=30)


@pytest.mark.parametrize(
    ("described", "status"),
    [
        (b"{}", 400),
        (b"not json", 400),
        (b'{"id": "../x", "headers": {}, "status": null, "calls": 1, "via": "gateway", "origin": "http://x", "method": "GET", "path": "/api/x", "credentials": false}', 400),
        (b'{"id": "1", "headers": {}, "status": null, "calls": 1, "via": "gateway", "origin": "http://x", "method": "GET", "path": "/other", "credentials": false}', 400),
        (b'{"id": "1", "headers": {}, "status": null, "calls": 1, "via": "gateway", "origin": "http://x", "method": "GET", "path": "/api/x", "credentials": false}', 200),
        (b"x" * 20_000, 413),
    ],
)  # fmt: skip
def test_only_a_whole_description_is_explained(described: bytes, status: int, demo: Demo) -> None:
    answer = _ask(f"{demo.page}/why", "POST", {"Content-Type": "application/json"}, described)

    assert answer[0] == status


def test_a_description_that_a_foreign_form_could_send_is_refused(demo: Demo) -> None:
    assert _ask(f"{demo.page}/why", "POST", {"Content-Type": "text/plain"}, b"{}")[0] == 415


@pytest.mark.parametrize(
    ("host", "shown"), [("localhost", "localhost"), ("0.0.0.0", "localhost"), ("127.0.0.2", "127.0.0.2")]
)
def test_the_page_is_named_as_a_browser_on_this_machine_finds_it(
    host: str, shown: str, tmp_path: Path
) -> None:
    with running_demo(tmp_path, "--host", host) as demo:
        assert demo.page.startswith(f"http://{shown}:")
        assert _ask(f"{demo.gateway}/api/broken", headers={"Origin": demo.page})[0] == 500
