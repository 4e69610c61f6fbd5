"""`healthcheck`: exit code 0 if the gateway is ready, else 1, and started with as little as can be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cors_gateway.cli import main
from cors_gateway.cli.admin_client import AddressError, AdminAddress, parse_admin_address
from tests.cli.admin_listener import AdminListener, unused_address


def test_a_ready_gateway_is_exit_code_0() -> None:
    listener = AdminListener(200, b"ready\n")
    with listener.on_tcp() as address:
        result = CliRunner().invoke(main, ["healthcheck", "--url", address])

    assert (result.exit_code, result.stdout) == (0, "ready\n")
    assert listener.requests == ["GET /readyz None"]


def test_a_gateway_that_is_not_ready_is_exit_code_1_and_says_why() -> None:
    with AdminListener(503, b"draining\n").on_tcp() as address:
        result = CliRunner().invoke(main, ["healthcheck", "--url", f"http://{address}/"])

    assert (result.exit_code, result.stderr) == (1, f"http://{address} answered 503: draining\n")


def test_no_answer_is_exit_code_1() -> None:
    result = CliRunner().invoke(main, ["healthcheck", "--url", unused_address()])

    assert result.exit_code == 1
    assert "Connection refused" in result.stderr


def test_the_address_comes_from_the_environment_if_not_from_the_option(tmp_path: Path) -> None:
    with AdminListener(200, b"").on_unix(tmp_path / "admin.sock") as address:
        result = CliRunner().invoke(main, ["healthcheck"], env={"CORS_GATEWAY_ADMIN": address})

    assert result.exit_code == 0


def test_it_imports_no_heavy_library() -> None:
    with AdminListener(200, b"").on_tcp() as address:
        outcome = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "cors_gateway", "healthcheck", "--url", address],
            capture_output=True,
            check=True,
            text=True,
            timeout=60,
            env=os.environ,
        )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in outcome.stderr.splitlines()}

    assert "click" in imported
    assert not imported & {
        "aiohttp",
        "pydantic",
        "yaml",
        "uvloop",
        "asyncio",
        "watchfiles",
        "prometheus_client",
    }


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9090", AdminAddress("127.0.0.1", 9090)),
        ("[::1]:9090", AdminAddress("::1", 9090)),
        ("http://gateway:9090", AdminAddress("gateway", 9090)),
        ("http://gateway:9090/", AdminAddress("gateway", 9090)),
        ("http://gateway:9090/readyz", AdminAddress("gateway", 9090, path="/readyz")),
        ("unix:/run/admin.sock", AdminAddress(socket_path="/run/admin.sock")),
    ],
)
def test_addresses(text: str, address: AdminAddress) -> None:
    assert parse_admin_address(text) == address


@pytest.mark.parametrize("text", ["", "9090", "localhost", "https://x:1", "http://x:y", "http://x:99999"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(AddressError):
        parse_admin_address(text)
