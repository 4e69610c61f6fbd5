"""The lock of the image is current and whole; nothing here needs a network."""

import re
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.image.lock import LOCK, wanted

ENTRY = re.compile(
    r"^(?P<requirement>[^\s#\\][^\\\n]*?) \\\n(?P<hashes>(?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE
)


def _entries() -> Iterator[tuple[Requirement, list[str]]]:
    for match in ENTRY.finditer(LOCK.read_text()):
        yield Requirement(match["requirement"]), re.findall(r"--hash=(\S+)", match["hashes"])


LOCKED = {canonicalize_name(requirement.name): requirement.specifier for requirement, _ in _entries()}


@pytest.mark.parametrize("requirement", [Requirement(one) for one in wanted()], ids=lambda one: one.name)
def test_what_the_project_needs_is_locked_at_a_version_that_will_do(requirement: Requirement) -> None:
    """`python -m tests.image.lock` brings it up to date."""
    (exact,) = LOCKED[canonicalize_name(requirement.name)]

    assert exact.operator == "=="
    assert requirement.specifier.contains(exact.version)


def test_every_line_belongs_to_an_entry_with_hashes() -> None:
    text = LOCK.read_text()

    assert re.sub(r"(?m)^#.*\n", "", ENTRY.sub("", text)) == ""
    for requirement, hashes in _entries():
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), requirement


def test_the_lock_says_which_command_writes_it() -> None:
    assert "python -m tests.image.lock" in LOCK.read_text().partition("\n")[0]
