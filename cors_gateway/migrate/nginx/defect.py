"""A defect where it was found: its code, the directive, and the words that its sentence needs."""

from dataclasses import dataclass, field

from cors_gateway.migrate.nginx.parse import Directive


@dataclass(frozen=True, slots=True)
class Defect:
    code: str
    directive: Directive
    """Whose line the finding names."""
    words: dict[str, str] = field(default_factory=dict, hash=False, compare=False)
    """For the sentences of `sentences.py`."""
