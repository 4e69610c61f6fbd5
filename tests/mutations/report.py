"""What was found so far, in a file of JSON lines, so that a run that is stopped goes on where it was."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from tests.mutations.collected import Verdict
from tests.mutations.edits import Name


class Report:
    """Verdicts by module and mutation, kept in a file.

    That a test notices a mutation holds as long as the module is the same; that none does, as long as the tests are too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._verdicts: dict[tuple[str, Name], Verdict] = {}
        lines = path.read_text().splitlines() if path.exists() else []
        for state, name, verdict in map(json.loads, lines):
            self._verdicts[state, Name(*name)] = Verdict(*verdict)

    def find(self, source: str, tests: str, name: Name) -> Verdict | None:
        """The verdict on a mutation; `source` and `tests` are digests of the module and of what tests it."""
        return self._verdicts.get((source, name)) or self._verdicts.get((f"{source} {tests}", name))

    def put(self, source: str, tests: str, name: Name, verdict: Verdict) -> None:
        state = f"{source} {tests}" if verdict.outcome == "survived" else source
        self._verdicts[state, name] = verdict
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps([state, name, verdict]) + "\n")


def digest(paths: Iterable[Path]) -> str:
    """Of the names and the text of files, in this order."""
    text = b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in paths)
    return hashlib.sha256(text).hexdigest()[:16]
