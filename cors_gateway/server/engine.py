"""What carries the traffic, as seen by the rest of the process: this very process (`worker.py`), or others that it
looks after (`supervisor.py`).
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from cors_gateway.observe.feed import Interest, Seen
from cors_gateway.observe.figures import WorkerFigures
from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.server.listeners import Bound
from cors_gateway.snapshot import Snapshot


class Engine(Protocol):
    """Accepts connections on sockets that others have bound, and serves one snapshot after the other."""

    async def start(self, bound: Sequence[Bound]) -> None:
        """Begin to serve. Raises StartupError."""

    async def replace(self, snapshot: Snapshot, bound: Sequence[Bound], generation: int) -> None:
        """Serve this from now on, on these sockets and no others.

        Requests in progress finish as they began. Raises StartupError, and then everything is as before.
        """

    async def stop_accepting(self) -> None:
        """Leave the sockets alone from now on."""

    async def finish(self) -> None:
        """Returns when the last request has ended; connections without one end now."""

    async def close(self) -> None:
        """Break off whatever is left."""

    @property
    def is_serving(self) -> bool:
        """Whether somebody would answer a request now."""

    async def figures(self) -> list[WorkerFigures]:
        """How busy it is: one entry for each worker."""

    async def metrics(self) -> Metrics:
        """The sum of all workers' counters."""

    async def refusals(self) -> list[RefusedOrigin]:
        """The origins that the workers refused lately, the last refused first."""

    async def watch(self, interests: Sequence[Interest]) -> None:
        """Keep the requests of these interests until `seen` is asked; none if there are none."""

    async def seen(self) -> Seen:
        """The requests that were kept since the last time."""

    async def diagnose(self, origins: Collection[str]) -> None:
        """From now on tell these origins, and no others, what is missing when a preflight of theirs is refused."""
