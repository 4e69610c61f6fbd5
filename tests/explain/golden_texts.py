"""What `cors-gateway explain` prints in situations that people meet: `python -m tests.explain.golden_texts` writes the files."""

import contextlib
import shlex
from pathlib import Path

from click.testing import CliRunner

from cors_gateway.cli import main

GOLDEN = Path(__file__).parent / "golden"

APP = "--origin https://app.example.com"
SITUATIONS = {
    "allowed-simple": f"{APP} https://api.example.com/api/items?page=2",
    "allowed-preflight": (
        "--origin https://eu.tenant.example.com --method put --header 'Content-Type: application/json'"
        " --credentials https://api.example.com/api/items/7"
    ),
    "allowed-any-origin": "--origin https://anyone.example https://cdn.example.com/fonts/a.woff2",
    "same-origin": "--origin https://api.example.com --method PUT https://api.example.com/api/items/7",
    "origin-not-allowed": "--origin https://other.example https://api.example.com/partner/x",
    "origin-with-a-slip": "--origin https://app.exmaple.com https://api.example.com/api/x",
    "origin-look-alike": "--origin https://app.example.com.evil.example https://api.example.com/api/x",
    "origin-malformed": "--origin https://App.example.com/ https://api.example.com/api/x",
    "origin-null": "--origin null https://api.example.com/api/x",
    "origin-plain-http": "--origin http://app.example.com https://api.example.com/api/x",
    "method-not-allowed": f"{APP} --method DELETE https://api.example.com/api/items/7",
    "headers-not-allowed": f"{APP} --header X-Debug --header 'X-Trace: 1' https://api.example.com/api/x",
    "authorization-under-a-star": "--origin https://x.example --header Authorization https://api.example.com/tokens/x",
    "credentials-under-a-star": "--origin https://x.example --credentials https://cdn.example.com/fonts/a.woff2",
    "credentials-not-allowed": "--origin https://partner.example --credentials https://api.example.com/partner/x",
    "everything-missing": (
        "--origin https://new.example --method PATCH --header X-A --header X-B --credentials"
        " https://api.example.com/inline/x"
    ),
    "rejected": "--origin https://app.example.com --method POST https://api.example.com/admin/users",
    "websocket-refused": "--origin https://evil.example wss://api.example.com/admin/events",
    "cors-disabled": f"{APP} https://api.example.com/closed/x",
    "cors-passthrough": f"{APP} --method PUT https://api.example.com/own/x",
    "report-only": "--origin https://other.example https://api.example.com/trial/x",
    "no-route": f"{APP} https://api.example.com/elsewhere",
    "no-route-for-the-method": f"{APP} --method POST https://cdn.example.com/fonts/a.woff2",
    "ambiguous-path": f"{APP} https://api.example.com/api/..%2fclosed/x",
    "path-alone": "--origin https://partner.example /partner/x",
}


def shown(arguments: str) -> str:
    """The command line and what it prints, in the directory of the configuration."""
    with contextlib.chdir(GOLDEN):
        result = CliRunner().invoke(main, ["explain", "-c", "gateway.yaml", *shlex.split(arguments)])
    assert result.exit_code == 0, result.output
    return f"$ cors-gateway explain {arguments}\n{result.stdout}"


if __name__ == "__main__":
    for name, arguments in SITUATIONS.items():
        (GOLDEN / f"{name}.txt").write_text(shown(arguments), encoding="utf-8")
