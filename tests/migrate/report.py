"""What `import-nginx --format json` prints for a case, asked once."""

import json
from functools import cache
from typing import Any

from click.testing import CliRunner

from cors_gateway.cli import main
from tests.migrate.case import CASES, Case


def imported(case: Case) -> dict[str, Any]:
    """The document. Its `configuration` is None if there is nothing to route, which is exit code 1."""
    return _imported(case.name, str(case.file.relative_to(CASES / case.name)))


@cache
def _imported(name: str, file: str) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["import-nginx", "--format", "json", str(CASES / name / file)])
    document: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (1 if document["configuration"] is None else 0), result.output
    return document
