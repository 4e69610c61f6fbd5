"""Caddy in front, for real: TLS ends there, and the gateway knows who asked and how."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recipes.trial import RECIPES, Reply, serving, stand_in
from tests.server.live import DEADLINE

pytestmark = pytest.mark.caddy

APP = "https://app.example.com"
OPTIONS = "admin off\nlocal_certs\nskip_install_trust\nauto_https disable_redirects"


@contextlib.contextmanager
def _caddy(scratch: Path, gateway: tuple[str, int]) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The recipe's Caddyfile with certificates of its own making; its URL, and whom to trust."""
    program = shutil.which("caddy")
    assert program, "caddy is missing: .ci/packages installs it"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(scratch),
        "XDG_DATA_HOME": str(scratch / "data"),
        "XDG_CONFIG_HOME": str(scratch / "config"),
        "CADDY_OPTIONS": OPTIONS,
        "SITE": f"localhost:{port}",
        "GATEWAY": "{}:{}".format(*gateway),
    }
    command = [program, "run", "--config", str(RECIPES / "caddy" / "Caddyfile"), "--adapter", "caddyfile"]
    with (scratch / "caddy.log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        authority = scratch / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        _wait_for(port, authority, process, scratch / "caddy.log")
        yield f"https://localhost:{port}", ssl.create_default_context(cafile=str(authority))
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, authority: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, ssl.SSLError):
            if authority.exists():
                context = ssl.create_default_context(cafile=str(authority))
                with socket.create_connection(("127.0.0.1", port), 1) as plain:
                    context.wrap_socket(plain, server_hostname="localhost").close()
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def test_a_browser_beyond_caddy_gets_the_gateways_answers(tmp_path: Path) -> None:
    with (
        stand_in(lambda request: Reply(body=json.dumps(request.fields).encode())) as backend,
        serving("caddy", tmp_path, {"0.0.0.0:8080": "127.0.0.1:0", "http://backend:8000": backend.url}) as (
            _,
            gateway,
        ),
        _caddy(tmp_path, gateway) as (site, trust),
    ):
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )
        preflight = urllib.request.Request(
            f"{site}/orders",
            method="OPTIONS",
            headers={"Origin": APP, "Access-Control-Request-Method": "PUT"},
        )
        with opener.open(preflight, timeout=DEADLINE) as answer:
            assert (answer.status, backend.seen) == (204, [])
            assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
        actual = urllib.request.Request(f"{site}/orders", headers={"Origin": APP})
        with opener.open(actual, timeout=DEADLINE) as answer:
            fields = json.loads(answer.read())
            assert answer.headers.get_all("Access-Control-Allow-Origin") == [APP]

    assert fields["x-forwarded-proto"] == "https"
    assert fields["x-forwarded-for"].split(",")[0] == "127.0.0.1"
    assert fields["host"] == site.removeprefix("https://")
