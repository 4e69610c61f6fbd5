"""Which form the access log has where nobody says so: short lines for whoever watches, JSON for whoever collects."""

import http.client
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.live import ORIGIN, configuration
from tests.wire.gateway_process import free_port

TEXT = re.compile(
    r"\d\d:\d\d:\d\d 204 OPTIONS 127\.0\.0\.1:\d+/x 0\.0ms api from https://app\.example\.com preflight .+"
)


def first_line(directory: Path, written: int, read: int) -> str:
    """Of standard output, when it goes to `written` and can be read from `read`."""
    port = free_port()
    text = configuration(server={"listen": [f"127.0.0.1:{port}"]}).replace("  access_log: off\n", "")
    (directory / "gateway.yaml").write_text(text)
    command = [sys.executable, "-m", "cors_gateway", "run", "-c", str(directory)]
    environment = {**os.environ, "CORS_GATEWAY_LOG_FORMAT": "json"}
    with subprocess.Popen(command, stdout=written, stderr=subprocess.PIPE, env=environment) as process:
        os.close(written)
        assert process.stderr is not None
        while json.loads(process.stderr.readline())["event"] != "ready":
            pass
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        client.request("OPTIONS", "/x", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "GET"})
        client.getresponse()
        client.close()
        line = b""
        while not line.endswith(b"\n"):
            line += os.read(read, 4096)
        process.terminate()
        process.stderr.read()
    os.close(read)
    return line.decode().strip()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_form_depends_on_whether_a_person_watches(tmp_path: Path, is_terminal: bool) -> None:
    read, written = pty.openpty() if is_terminal else os.pipe()
    line = first_line(tmp_path, written, read)

    if is_terminal:
        assert TEXT.fullmatch(line)
    else:
        assert json.loads(line)["event"] == "request"
