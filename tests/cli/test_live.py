"""Verbs together with a gateway that really runs."""

import json
from pathlib import Path

from click.testing import CliRunner

from cors_gateway.cli import main
from tests.server.live import command, configuration, preflight


def test_a_gateway_configured_by_standard_input_serves_and_keeps_what_it_was_given(tmp_path: Path) -> None:
    """What was read cannot be read again: a reload finds nothing changed, rather than nothing at all."""
    given = tmp_path / "given"
    given.write_text(configuration(admin="127.0.0.1:0"))
    with given.open("rb") as stdin, command(tmp_path, "run", "-c", "-", stdin=stdin) as live:
        admin = "{}:{}".format(*live.address("admin"))
        traffic = live.address()
        live.wait_for("ready")
        reload = CliRunner().invoke(main, ["reload", "--url", admin])
        allowed = preflight(traffic)
        status = CliRunner().invoke(main, ["status", "--url", admin])
        document = json.loads(CliRunner().invoke(main, ["status", "--url", admin, "--format", "json"]).stdout)

        assert (reload.exit_code, reload.stdout) == (0, "nothing has changed\n")
        assert allowed == 204
        assert status.exit_code == 0
        assert status.stdout.startswith("ready: generation 1, up ")
        assert "Nothing is wrong." in status.stdout
        assert document["since_start"]["preflights"] == 1
        assert live.stop() == 0
