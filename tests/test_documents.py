"""What README and docs tell people to type is typed here, and each page can be found.

A block of commands that cannot run in a test says so, and why, in a comment right before it: `<!-- not run: why -->`.
The blocks of one page are run one after the other, as a reader would. YAML is the business of `test_examples.py`, recorded
sessions that of `tests/explain/manual.py`.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cors_gateway.cli import VERBS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?:sh|bash|shell)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_FENCE = re.compile(r"^```(?P<language>\S*)\n.*?^```$", re.MULTILINE | re.DOTALL)
_NAMED_VERB = re.compile(r"`cors-gateway ([a-z][a-z-]*)")

LANGUAGES = {"sh", "yaml", "console", "nginx", "js", "ini", "json", "promql", "text", ""}
"""Of fenced blocks. Commands are `sh`, so that none escapes by another name."""


@dataclass(frozen=True)
class Block:
    """Commands that a page shows."""

    line: int
    """Of the first command."""
    text: str
    reason: str
    """Why it is not run; empty if it is."""


def blocks(text: str) -> list[Block]:
    """All blocks of commands, in order."""
    return [
        Block(text.count("\n", 0, found.start("text")) + 1, found["text"], found["reason"] or "")
        for found in _BLOCK.finditer(text)
    ]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory that looks like a checkout with the project installed."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_commands_of_a_page_work_one_after_the_other(document: Path, checkout: Path) -> None:
    """And they change no file that is tracked."""
    tracked = {path: path.read_bytes() for path in (checkout / "config").rglob("*") if path.is_file()}
    environ = {"PATH": f"{Path(sys.prefix, 'bin')}:{os.defpath}", "HOME": str(checkout)}
    for block in blocks(document.read_text()):
        if block.reason:
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=checkout,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

        assert done.returncode == 0, f"{document.name}:{block.line}\n{done.stdout}{done.stderr}"
    assert {path: path.read_bytes() for path in tracked} == tracked


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_are_marked_as_commands(document: Path) -> None:
    languages = {found["language"] for found in _FENCE.finditer(document.read_text())}

    assert languages <= LANGUAGES


def test_the_readme_uses_the_environment_that_it_makes() -> None:
    """Whoever copies commands has no environment activated. Some of them do run here."""
    assert any(not block.reason for block in blocks((ROOT / "README.md").read_text()))
    commands = [
        line for block in blocks((ROOT / "README.md").read_text()) for line in block.text.splitlines()
    ]

    assert [line for line in commands if re.search(r"(?<!\.venv/bin/)\b(cors-gateway|pip) ", line)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_verbs_that_a_page_names_exist(document: Path) -> None:
    named = set(_NAMED_VERB.findall(document.read_text()))

    assert named - set(VERBS) == set()


def test_the_readme_lists_every_verb() -> None:
    table = re.findall(r"^\| (`.*?) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    listed = {word for row in table for word in re.findall(r"`([a-z-]+)", row)}

    assert set(VERBS) - listed == set()


def test_the_first_page_leads_to_every_other() -> None:
    """`docs/README.md` says which page to read for what."""
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "README.md").read_text()))

    assert linked == {path.name for path in DOCS.glob("*.md")} - {"README.md"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a\n```sh\nx\n```\n", [Block(3, "x\n", "")]),
        ("<!-- not run: why -->\n```sh\nx\ny\n```\n", [Block(3, "x\ny\n", "why")]),
        ("<!-- not run: why -->\n\n```bash\nx\n```\n", [Block(4, "x\n", "")]),
        (
            "<!-- not run: why -->\n```sh\nx\n```\n\n```sh\ny\n```\n<!-- not run: because -->\n```sh\nz\n```\n",
            [Block(3, "x\n", "why"), Block(7, "y\n", ""), Block(11, "z\n", "because")],
        ),
        ("```yaml\nx: 1\n```\n```shell\nz\n```\n", [Block(5, "z\n", "")]),
    ],
)
def test_a_block_is_found_with_its_mark(text: str, found: list[Block]) -> None:
    assert blocks(text) == found
