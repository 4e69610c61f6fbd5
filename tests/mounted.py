"""Configurations as a container sees them: with the secrets that an engine would put under /run/secrets."""

import re
import shutil
from pathlib import Path

SECRETS = "/run/secrets/"


def with_secrets(configuration: Path, scratch: Path) -> Path:
    """A copy of a file or directory whose references to secrets lead to files that exist; itself, if it has none."""
    files = [configuration] if configuration.is_file() else sorted(configuration.rglob("*.yaml"))
    names = {name for file in files for name in re.findall(rf"{SECRETS}(\w+)", file.read_text())}
    if not names:
        return configuration
    for name in names:
        (scratch / name).write_text("a-secret-of-a-test\n")
    copy = scratch / "mounted"
    if configuration.is_file():
        copy.mkdir()
        shutil.copy(configuration, copy)
    else:
        shutil.copytree(configuration, copy)
    for file in copy.rglob("*.yaml"):
        file.write_text(file.read_text().replace(SECRETS, f"{scratch}/"))
    return copy / configuration.name if configuration.is_file() else copy
