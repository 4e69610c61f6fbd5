"""What was found so far, in a file of JSON lines, so that a run that is stopped goes on where it was."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.mutations.collected import Verdict
from tests.mutations.edits import Name


class Report:
    """Verdicts by module and mutation, kept in a file.

    That a test notices a mutation holds as long as the module is the same; that no test of a file does, as long as that
    file is too. Modules and files of tests go by their digests.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._noticed: dict[tuple[str, Name], Verdict] = {}
        self._survived: dict[tuple[str, Name], set[str]] = {}
        lines = path.read_text().splitlines() if path.exists() else []
        for module, name, verdict, tests in map(json.loads, lines):
            self._keep(module, Name(*name), Verdict(*verdict), tests)

    def noticed(self, module: str, name: Name) -> Verdict | None:
        """The verdict on a mutation that some test notices."""
        return self._noticed.get((module, name))

    def untried(self, module: str, name: Name, tests: Mapping[str, str]) -> tuple[str, ...]:
        """Those of some files of tests, each with its digest, that a mutation did not survive yet."""
        survived = self._survived.get((module, name), set())
        return tuple(file for file, text in tests.items() if text not in survived)

    def put(self, module: str, name: Name, verdict: Verdict, tests: Iterable[str]) -> None:
        """`tests` are the digests of what was run."""
        tests = list(tests)
        self._keep(module, name, verdict, tests)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps([module, name, verdict, tests]) + "\n")

    def _keep(self, module: str, name: Name, verdict: Verdict, tests: Iterable[str]) -> None:
        if verdict.outcome == "survived":
            self._survived.setdefault((module, name), set()).update(tests)
        else:
            self._noticed[module, name] = verdict


def digest(paths: Iterable[Path]) -> str:
    """Of the names and the text of files, in this order."""
    text = b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in paths)
    return hashlib.sha256(text).hexdigest()[:16]
