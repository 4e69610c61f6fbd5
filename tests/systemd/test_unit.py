"""What the unit files say, held against the program and its defaults."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cors_gateway.cli import VERBS
from cors_gateway.config.load import load
from cors_gateway.exit_codes import DRAIN_TIMED_OUT, FAILED
from cors_gateway.snapshot import Shutdown
from tests.server.live import configuration, gateway
from tests.systemd.unit import SERVICE, SOCKET, arguments, settings

UNIT = settings(SERVICE)
MOST_EXPOSED = 1.5


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))


@pytest.mark.parametrize("key", ["ExecStart", "ExecReload"])
def test_commands_are_verbs_of_the_program(key: str) -> None:
    assert arguments(SERVICE, key)[0] in VERBS


def test_the_manager_waits_longer_than_a_drain_may_take() -> None:
    shutdown = Shutdown()

    assert _seconds(UNIT["TimeoutStopSec"][0]) > shutdown.drain_delay + shutdown.grace


def test_only_a_wrong_command_line_is_not_worth_another_try() -> None:
    """An invalid configuration may be mended, and a drain that timed out was not wanted."""
    never = {int(code) for code in UNIT["RestartPreventExitStatus"][0].split()}

    assert UNIT["Restart"] == ["on-failure"]
    assert UNIT["StartLimitIntervalSec"] == ["0"]
    assert never == {2}
    assert not never & {FAILED, DRAIN_TIMED_OUT}


def test_the_socket_unit_opens_what_the_shipped_configuration_listens_on() -> None:
    loaded = load(SERVICE.parents[1], {})
    assert loaded.snapshot is not None

    assert settings(SOCKET)["ListenStream"] == [str(one) for one in loaded.snapshot.server.listen]


def test_the_reload_command_asks_where_the_admin_listener_is_by_default() -> None:
    loaded = load(SERVICE.parents[1], {})
    assert loaded.snapshot is not None
    assert loaded.snapshot.admin is not None

    assert UNIT["Environment"] == [f"CORS_GATEWAY_ADMIN={loaded.snapshot.admin.listen}"]


def test_the_reload_command_fails_if_the_new_file_is_bad(tmp_path: Path) -> None:
    """So `systemctl reload` fails as well, and says why in the journal."""
    program = [sys.executable, "-m", "cors_gateway", *arguments(SERVICE, "ExecReload")]
    with gateway(tmp_path, configuration(admin="127.0.0.1:0")) as live:
        environ = {"CORS_GATEWAY_ADMIN": "{}:{}".format(*live.address("admin"))}
        live.wait_for("watch")
        outcomes = []
        for header in ("x two", "x-two"):
            live.write(configuration(admin="127.0.0.1:0", headers=header))
            done = subprocess.run(program, env=environ, capture_output=True, text=True, timeout=60)
            outcomes.append((done.returncode, "allow_headers" in done.stdout))

        assert outcomes == [(1, True), (0, False)]


@pytest.mark.systemd
def test_the_unit_leaves_little_of_the_machine_exposed() -> None:
    """Only those of its findings remain that a proxy cannot do without."""
    analyze = shutil.which("systemd-analyze")
    assert analyze, "systemd-analyze is missing: .ci/packages installs it"
    rated = subprocess.run(
        [analyze, "security", "--offline=true", "--json=short", "--no-pager", SERVICE],
        capture_output=True,
        text=True,
        timeout=60,
    )
    exposed = {one["name"] for one in json.loads(rated.stdout) if float(one["exposure"] or 0) >= 0.2}
    rating = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", SERVICE],
        capture_output=True,
        text=True,
        timeout=60,
    )
    (level,) = re.findall(r"exposure level for cors-gateway.service: ([0-9.]+)", rating.stdout)

    assert exposed <= {
        "PrivateNetwork=",
        "RestrictAddressFamilies=~AF_(INET|INET6)",
        "IPAddressDeny=",
        "PrivateMounts=",
    }
    assert float(level) < MOST_EXPOSED
