"""In which phase of its life the process is, as a machine of five states and a table of moves.

    starting -> ready <-> reloading
    any of them -> draining -> stopped

`draining` is never left for anything but `stopped`: a reload that ends while the process drains must not announce it
ready again. What is done in each phase is the business of `process.py`.
"""

from collections.abc import Callable
from enum import StrEnum


class Phase(StrEnum):
    STARTING = "starting"
    READY = "ready"
    RELOADING = "reloading"
    DRAINING = "draining"
    STOPPED = "stopped"


MOVES: dict[Phase, frozenset[Phase]] = {
    Phase.STARTING: frozenset({Phase.READY, Phase.DRAINING, Phase.STOPPED}),
    Phase.READY: frozenset({Phase.RELOADING, Phase.DRAINING, Phase.STOPPED}),
    Phase.RELOADING: frozenset({Phase.READY, Phase.DRAINING, Phase.STOPPED}),
    Phase.DRAINING: frozenset({Phase.STOPPED}),
    Phase.STOPPED: frozenset(),
}


class Lifecycle:
    """The current phase. Begins with `starting`."""

    __slots__ = ("_tell", "phase")

    def __init__(self, tell: Callable[[Phase], None] | None = None) -> None:
        """`tell` is called with every phase that is entered."""
        self._tell = tell
        self.phase = Phase.STARTING

    def __repr__(self) -> str:
        return f"<Lifecycle {self.phase}>"

    def enter(self, phase: Phase) -> bool:
        """Move on, if the table allows it; False leaves everything as it was."""
        if phase not in MOVES[self.phase]:
            return False
        self.phase = phase
        if self._tell is not None:
            self._tell(phase)
        return True

    @property
    def is_ready(self) -> bool:
        """Whether new traffic should be sent here."""
        return self.phase in {Phase.READY, Phase.RELOADING}
