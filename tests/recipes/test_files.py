"""Every recipe: its configuration loads, proves itself, and its compose file keeps to the specification."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cors_gateway.cli import main
from cors_gateway.config.load import load
from tests.compose import faults
from tests.mounted import with_secrets
from tests.recipes.trial import RECIPES

CONFIGURATIONS = sorted(RECIPES.rglob("gateway.yaml"))
COMPOSE_FILES = sorted(RECIPES.rglob("docker-compose.yml"))
NEEDS_FILES = {"certbot", "docker-gen"}
"""Their configurations are whole only with files that others write; tests of their own bring those."""


def _recipe(path: Path) -> str:
    return path.relative_to(RECIPES).parts[0]


COMPLETE = [path for path in CONFIGURATIONS if _recipe(path) not in NEEDS_FILES]


def test_every_recipe_has_a_configuration() -> None:
    assert {_recipe(path) for path in CONFIGURATIONS} == {
        path.name for path in RECIPES.iterdir() if path.is_dir()
    }


@pytest.mark.parametrize("path", COMPLETE, ids=_recipe)
def test_a_configuration_loads_without_a_complaint_and_proves_what_it_says(
    path: Path, tmp_path: Path
) -> None:
    mounted = with_secrets(path, tmp_path)

    assert load(mounted, {}).problems == ()
    assert "tests:" in mounted.read_text()

    result = CliRunner().invoke(main, ["test", "-c", str(mounted)])

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=_recipe)
def test_a_compose_file_keeps_to_the_specification(path: Path) -> None:
    assert faults(path) == []


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=_recipe)
def test_what_is_mounted_from_the_recipe_exists(path: Path) -> None:
    services = yaml.safe_load(path.read_text())["services"].values()
    mounts = [mount for service in services for mount in service.get("volumes", [])]
    bound = [mount["source"] for mount in mounts if mount["type"] == "bind"]
    from_here = [source for source in bound if not source.startswith("/")]

    assert [source for source in from_here if not (path.parent / source).exists()] == []


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=_recipe)
def test_the_gateway_has_no_rights_and_time_to_drain(path: Path) -> None:
    gateway = yaml.safe_load(path.read_text())["services"]["gateway"]

    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert int(gateway["stop_grace_period"].removesuffix("s")) > 30
