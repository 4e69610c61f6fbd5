"""`schema` prints what editors use."""

import json

from click.testing import CliRunner

from cors_gateway.cli import main
from cors_gateway.config.schema import json_schema


def test_it_is_the_schema_of_the_loader() -> None:
    result = CliRunner().invoke(main, ["schema"])

    assert result.exit_code == 0
    assert json.loads(result.output) == json_schema()
