"""The tables in docs/doctor.md, made from the enums: `python -m tests.probe.manual` writes them."""

import re
from enum import StrEnum
from pathlib import Path

from cors_gateway.probe.comparison import Aspect
from cors_gateway.probe.finding import Defect
from tests.docs import meanings

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "doctor.md"
TABLES: dict[str, type[StrEnum]] = {"defects": Defect, "aspects": Aspect}


def with_tables(text: str) -> str:
    """The document with its tables renewed."""
    for name, enum in TABLES.items():
        rows = "\n".join(f"| `{word}` | {meaning} |" for word, meaning in meanings(enum))
        table = rf"\1\n| word | means |\n|---|---|\n{rows}\n\2"
        text, count = re.subn(rf"(<!-- {name}:.*?-->).*?(<!-- end -->)", table, text, flags=re.DOTALL)
        assert count == 1
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
