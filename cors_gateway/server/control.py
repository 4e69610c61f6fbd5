"""What the operators' interface may know of the process and ask of it.

`process.Process` is one; `admin/` sees nothing else of this package, and so does not care how many workers there are.
"""

import socket
from collections.abc import Awaitable, Callable
from typing import Protocol

from cors_gateway.config.problems import Problem
from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.server.diagnoses import Diagnoses
from cors_gateway.server.lifecycle import Phase
from cors_gateway.server.process_status import ProcessStatus
from cors_gateway.server.reload import ReloadCounts, ReloadResult
from cors_gateway.server.subscriptions import Subscriptions
from cors_gateway.snapshot import Snapshot


class Control(Protocol):
    """The process, seen from outside the traffic. Everything is called from its event loop."""

    @property
    def snapshot(self) -> Snapshot:
        """What is served now."""

    @property
    def generation(self) -> int:
        """1 for the configuration of the start, one more for each that replaced it."""

    @property
    def phase(self) -> Phase: ...

    @property
    def is_ready(self) -> bool:
        """Whether new traffic should be sent here."""

    @property
    def reloads(self) -> ReloadCounts:
        """How reloads have ended so far, and the last of them."""

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What the check has to say about the configuration that is served now."""

    @property
    def subscriptions(self) -> Subscriptions:
        """Who watches requests as they happen."""

    @property
    def diagnoses(self) -> Diagnoses:
        """Whose refused preflights are answered with what is allowed, and until when."""

    async def request_reload(self) -> ReloadResult:
        """Read the configuration again; returns when that has succeeded or failed."""

    async def status(self) -> ProcessStatus:
        """Everything worth knowing."""

    async def metrics(self) -> Metrics:
        """The counters of the data path, summed over workers."""

    async def refusals(self) -> list[RefusedOrigin]:
        """The origins refused lately, summed over workers, the last refused first."""


class AdminSite(Protocol):
    """A running operators' interface."""

    async def close(self) -> None:
        """Stop serving it."""


OpenAdmin = Callable[[Control, socket.socket], Awaitable[AdminSite]]
"""Starts the operators' interface on a listening socket; `admin.site.open_site` is one.

It is handed in from above, because `admin/` builds upon this package and not the other way round.
"""
