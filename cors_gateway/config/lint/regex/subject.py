"""An expression as its rules see it: what it says, what it can match, and where it stands."""

from collections.abc import Callable
from dataclasses import dataclass

from cors_gateway.config.lint.finding import Path
from cors_gateway.config.lint.regex.language import Automaton
from cors_gateway.config.written_policy import WrittenPolicy


@dataclass(frozen=True, slots=True)
class RegexSubject:
    """One expression that compiles, and the policy it belongs to."""

    text: str
    path: Path
    policy: WrittenPolicy
    matches: Callable[[str], bool]
    """Asks RE2."""
    automaton: Automaton
    anchors: tuple[tuple[int, int], ...]
