"""Every configuration that a reader may copy, from `config/`, the README and `docs/`, loads without a complaint."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cors_gateway.cli import main
from cors_gateway.config.load import load
from tests.mounted import with_secrets

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "config" / "examples").glob("*.yaml"))
CONFIGURATIONS = [ROOT / "config" / "gateway.yaml", ROOT / "config" / "compose" / "gateway.yaml", *EXAMPLES]
EDITED = sorted({*CONFIGURATIONS, *(ROOT / "config").rglob("gateway.yaml")})
"""Those of recipes and manifests as well, which have tests of their own."""
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```ya?ml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXPECTED_WARNINGS = re.compile(r"# warns: (.*)")


def _yaml_blocks() -> list[Any]:
    """Each block with the place of its first line as the test's name."""
    blocks = []
    for document in DOCUMENTS:
        text = document.read_text()
        for match in _BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 2
            blocks.append(pytest.param(match[1], id=f"{document.name}:{line}"))
    return blocks


def _configurations_in(block: str) -> list[str]:
    """The block itself, or, in what is for Kubernetes or compose, the configurations that it carries."""
    objects = [part or {} for part in yaml.safe_load_all(block)]
    if any({"services", "apiVersion"} & set(part) for part in objects):
        return [text for part in objects if part.get("kind") == "ConfigMap" for text in part["data"].values()]
    return [_completed(block)]


def _completed(block: str) -> str:
    """A block that shows some of the sections, with the least that makes it a whole configuration."""
    written = yaml.safe_load(block)
    policies = list(written.get("policies", {}))
    routes = written.get("routes", [])
    upstreams = list(written.get("upstreams", {}))
    named = [route["upstream"] for route in routes if "://" not in route["upstream"]]
    applied = [route["cors"] for route in routes if isinstance(route["cors"], str)]
    added: dict[str, Any] = {}
    if "version" not in written:
        added["version"] = 1
    if not upstreams and named:
        added["upstreams"] = {name: {"servers": ["http://127.0.0.1:8000"]} for name in named}
    if not policies and set(applied) - {"disabled", "passthrough"}:
        missing = sorted(set(applied) - {"disabled", "passthrough"})
        added["policies"] = {name: {"allow_origins": ["https://app.example.com"]} for name in missing}
    if not routes:
        upstream = upstreams[0] if upstreams else "http://127.0.0.1:8000"
        added["routes"] = [
            {"name": f"r{number}", "path": f"/{number}/", "upstream": upstream, "cors": policy}
            for number, policy in enumerate(policies or ["disabled"])
        ]
    return block + (yaml.safe_dump(added) if added else "")


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_shipped_configuration_loads_without_a_complaint(path: Path, tmp_path: Path) -> None:
    assert load(with_secrets(path, tmp_path), {}).problems == ()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_proves_by_its_own_tests_what_it_says(path: Path) -> None:
    assert "tests:" in path.read_text()

    result = CliRunner().invoke(main, ["test", "-c", str(path)])

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("path", EDITED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_editors_find_the_schema(path: Path) -> None:
    first = path.read_text().partition("\n")[0]

    named = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)

    assert named
    assert (path.parent / named[1]).resolve() == ROOT / "config" / "schema.json"


@pytest.mark.parametrize("block", _yaml_blocks())
def test_what_the_documents_show_can_be_copied(block: str, tmp_path: Path) -> None:
    """A block that is to be warned about says `# warns:` and the codes."""
    expected = _EXPECTED_WARNINGS.search(block)
    file = tmp_path / "gateway.yaml"
    for text in _configurations_in(block):
        file.write_text(text)

        loaded = load(file, {})

        assert loaded.snapshot is not None, loaded.problems
        assert [problem.code for problem in loaded.problems] == (expected[1].split(", ") if expected else [])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_the_documents_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())

    assert [target for target in targets if not (document.parent / target).exists()] == []
