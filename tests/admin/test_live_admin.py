"""The admin listener of the real command."""

import http.client
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.backend import Backend
from tests.server.live import DEADLINE, ORIGIN, Live, configuration, gateway, is_open, preflight, seen

TOKEN = "correct-horse-battery"


@pytest.fixture
def backend() -> Iterator[Backend]:
    """A backend that answers."""
    with Backend().running() as running:
        running.release()
        yield running


def _ask(
    address: tuple[str, int], path: str, *, method: str = "GET", token: str = "", host: str = ""
) -> tuple[int, str]:
    connection = http.client.HTTPConnection(*address, timeout=DEADLINE)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Host": host} if host else {}
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def _status(address: tuple[str, int]) -> dict[str, Any]:
    status, body = _ask(address, "/status")
    assert status == 200
    described: dict[str, Any] = json.loads(body)
    return described


def _refusals(address: tuple[str, int]) -> str:
    """The table of refused origins."""
    table: str = json.loads(_ask(address, "/live")[1])["parts"]["refusals"]
    return table


def _get(address: tuple[str, int], origin: str, path: str = "/x") -> None:
    connection = http.client.HTTPConnection(*address, timeout=DEADLINE)
    connection.request("GET", path, headers={"Origin": origin})
    connection.getresponse().read()
    connection.close()


def _start(live: Live) -> tuple[tuple[str, int], tuple[str, int]]:
    admin = live.address("admin")
    traffic = live.address()
    live.wait_for("watch")
    return admin, traffic


def test_the_status_tells_what_is_served(tmp_path: Path) -> None:
    with gateway(tmp_path, configuration(admin="127.0.0.1:0")) as live:
        admin, traffic = _start(live)
        status = _status(admin)

        assert (status["phase"], status["ready"], status["generation"]) == ("ready", True, 1)
        assert status["listen"] == [f"{traffic[0]}:{traffic[1]}"]
        assert status["configuration"]["files"] == [str(tmp_path / "gateway.yaml")]
        assert (status["last_reload"], status["pid"]) == (None, live.process.pid)
        assert [len(servers) for servers in status["upstreams"].values()] == [1]


def test_good_and_bad_reloads_by_request(tmp_path: Path) -> None:
    with gateway(tmp_path, configuration(admin="127.0.0.1:0")) as live:
        admin, traffic = _start(live)
        live.write(configuration(admin="127.0.0.1:0", headers="x one"))
        status, body = _ask(admin, "/reload", method="POST")

        assert status == 409
        assert [problem["code"] for problem in json.loads(body)["problems"]] == ["allow_headers.invalid"]
        assert _status(admin)["last_reload"]["outcome"] == "rejected"
        assert "What is in the files is not what is served" in _ask(admin, "/")[1]
        assert preflight(traffic, "x-one") == 204

        live.write(configuration(admin="127.0.0.1:0", headers="x-two"))
        status, body = _ask(admin, "/reload", method="POST")

        assert status == 200
        assert json.loads(body)["generation"] in (1, 2)  # the watcher may have been faster
        assert (_status(admin)["generation"], preflight(traffic, "x-two")) == (2, 204)
        assert "access widened, request headers: x-two" in _ask(admin, "/")[1]


def test_warnings_are_those_about_what_is_served(tmp_path: Path) -> None:
    warned = configuration(admin="127.0.0.1:0", server={"trusted_proxies": ["0.0.0.0/0"]})
    with gateway(tmp_path, warned) as live:
        admin, _ = _start(live)
        assert [each["code"] for each in _status(admin)["warnings"]] == ["trusted_proxies.any"]

        live.write(configuration(admin="127.0.0.1:0", headers="x one"))
        assert _ask(admin, "/reload", method="POST")[0] == 409
        assert [each["code"] for each in _status(admin)["warnings"]] == ["trusted_proxies.any"]

        live.write(configuration(admin="127.0.0.1:0"))
        assert _ask(admin, "/reload", method="POST")[0] == 200
        assert _status(admin)["warnings"] == []


def test_a_token_from_a_secret_file_is_asked_for_and_can_be_replaced(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    section = f'{{listen: "127.0.0.1:0", token: "${{file:{secret}}}", hosts: [gateway]}}'
    with gateway(tmp_path / "c", configuration(admin=section)) as live:
        admin, _ = _start(live)

        assert _ask(admin, "/readyz")[0] == 200
        assert _ask(admin, "/status")[0] == 401
        assert _ask(admin, "/status", token=TOKEN, host="gateway:9090")[0] == 200
        assert _ask(admin, "/status", token=TOKEN, host="evil.example")[0] == 403
        status, text = _ask(admin, "/config", token=TOKEN)
        assert status == 200
        assert TOKEN not in text
        assert f"${{file:{secret}}}" in text

        secret.write_text("another-token")
        live.wait_for("reload_ok")
        assert _ask(admin, "/status", token=TOKEN)[0] == 401
        assert _ask(admin, "/status", token="another-token")[0] == 200


def test_while_draining_it_answers_and_says_so(tmp_path: Path, backend: Backend) -> None:
    text = configuration(
        admin="127.0.0.1:0", upstream=backend.url, server={"shutdown": {"drain_delay": "60s"}}
    )
    with gateway(tmp_path, text) as live:
        admin, _ = _start(live)
        assert _ask(admin, "/readyz") == (200, "ready\n")
        live.send(signal.SIGTERM)
        live.wait_for("drain")

        assert _ask(admin, "/readyz") == (503, "draining\n")
        assert _ask(admin, "/healthz") == (200, "ok\n")
        assert _status(admin)["phase"] == "draining"
        assert _ask(admin, "/reload", method="POST")[0] == 409


def test_refused_origins_and_counters_are_summed_over_workers(tmp_path: Path, backend: Backend) -> None:
    text = configuration(admin="127.0.0.1:0", upstream=backend.url, server={"workers": 2})
    with gateway(tmp_path, text) as live:
        admin, traffic = _start(live)
        for _ in range(20):
            _get(traffic, "https://<b>evil")
            _get(traffic, ORIGIN)
        times = '<td class="count" data-label="Times">20</td>'
        refusals = seen(lambda: _refusals(admin), lambda table: times in table)
        counted = 'kind="actual",outcome="refused",reason="origin_malformed",route="api"} 20.0'
        seen(lambda: _ask(admin, "/metrics")[1], lambda metrics: counted in metrics)
        status = _status(admin)

        assert "<code>https://&lt;b&gt;evil</code>" in refusals
        assert len(status["workers"]) == 2
        assert live.stop() == 0


def test_a_remembered_preflight_is_counted_each_time(tmp_path: Path) -> None:
    with gateway(tmp_path, configuration(admin="127.0.0.1:0")) as live:
        admin, traffic = _start(live)
        assert [preflight(traffic, "x-secret") for _ in range(5)] == [403] * 5

        refusals = _refusals(admin)
        assert "allow_headers does not cover x-secret" in refusals
        assert '<td class="count" data-label="Times">5</td>' in refusals


def test_it_moves_with_the_configuration(tmp_path: Path) -> None:
    with gateway(tmp_path, configuration(admin="127.0.0.1:0")) as live:
        old, _ = _start(live)
        live.write(configuration(admin='"[::1]:0"'))
        host, port = live.address("admin")
        live.wait_for("reload_ok")

        assert _status((host.strip("[]"), port))["generation"] == 2
        assert not is_open(old)

        path = tmp_path / "admin.sock"
        live.write(configuration(admin=f"unix:{path}"))
        live.wait_for("reload_ok")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert sock.makefile("rb").read().endswith(b"ready\n")

        live.write(configuration(admin="off"))
        live.wait_for("reload_ok")
        assert not path.exists()
        assert live.stop() == 0
