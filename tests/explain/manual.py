"""The outputs in docs/explain.md, made by running the commands beside them: `python -m tests.explain.manual` renews them."""

import contextlib
import re
import shlex
import tempfile
from pathlib import Path

from click.testing import CliRunner

from cors_gateway.cli import main

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "explain.md"

_CONFIGURATION = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SESSION = re.compile(r"^```console\n\$ cors-gateway (.*?)\n.*?^```$", re.MULTILINE | re.DOTALL)


def with_outputs(text: str) -> str:
    """The document with what its commands print, under the one configuration that it shows."""
    (configuration,) = _CONFIGURATION.findall(text)
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        file = Path("config", "gateway.yaml")
        file.parent.mkdir()
        file.write_text(configuration, encoding="utf-8")
        return _SESSION.sub(_run, text)


def _run(session: re.Match[str]) -> str:
    result = CliRunner().invoke(main, shlex.split(session[1]))
    assert result.exit_code == 0, result.output
    return f"```console\n$ cors-gateway {session[1]}\n{result.stdout}```"


if __name__ == "__main__":
    DOCUMENT.write_text(with_outputs(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
