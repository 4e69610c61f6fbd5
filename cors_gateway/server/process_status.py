"""What a process says of itself as a whole: one frozen value, made by `process.py` and read by the operators' interface.

How busy its workers are is in `observe.figures`; how all this looks as JSON is decided in `admin/status.py`.
"""

from dataclasses import dataclass

from cors_gateway.config.problems import Problem
from cors_gateway.observe.figures import WorkerFigures
from cors_gateway.server.lifecycle import Phase
from cors_gateway.server.reload import ReloadCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """The state of a process at one moment."""

    instance: str
    """Name of the machine, pod or container."""
    version: str
    pid: int
    phase: Phase
    started: float
    """Seconds since the epoch."""
    uptime: float
    """Seconds."""
    generation: int
    path: str
    """Of the configuration."""
    fingerprint: str
    files: tuple[str, ...]
    listen: tuple[str, ...]
    """Addresses that are served."""
    reloads: ReloadCounts
    warnings: tuple[Problem, ...]
    workers: tuple[WorkerFigures, ...]
