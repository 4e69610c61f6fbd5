"""One worker process, as its parent sees it."""

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, Self

from cors_gateway.observe.feed import Interest, Seen
from cors_gateway.observe.figures import GatewayFigures, gateway_from_dict
from cors_gateway.server.channel import Channel, ChannelClosedError
from cors_gateway.server.forking import Child, ForkServer
from cors_gateway.server.listeners import Bound
from cors_gateway.server.startup_error import StartupError
from cors_gateway.snapshot import Snapshot

START_SECONDS = 60.0
"""To compile the configuration, on a machine that is busy."""
PREPARE_SECONDS = 30.0
ANSWER_SECONDS = 20.0
"""A worker that does not answer a simple question for so long is stuck."""
REPORT_SECONDS = 1.0
"""From the end of a process to the news of it; whoever brings it may have ended itself."""
SILENT_SECONDS = 1.5
"""A worker that owes an answer for so long cannot be counted on now, though it may come back."""
QUIT_SECONDS = 2.0


class WorkerHandle:
    """One process; ask it with the methods below, all of which raise ChannelClosedError once it has died."""

    def __init__(self, number: int, child: Child, line: socket.socket) -> None:
        """`line` is our end of the channel."""
        self.number = number
        self.pid = child.pid
        self.began = time.monotonic()
        self.is_serving = False
        self.counted: dict[str, Any] | None = None
        """Its counters as last heard."""
        self._exit_code = child.exit_code
        self._exit_code.add_done_callback(self._ended)
        self._pulse_asked: float | None = None
        self._channel = Channel(line)

    @classmethod
    async def fork(cls, number: int, fork_server: ForkServer) -> Self:
        """Raises OSError, StartupError."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                return cls(number, await fork_server.fork(number, theirs.fileno()), ours)
        except BaseException:
            ours.close()
            raise

    def __repr__(self) -> str:
        state = "serving" if self.is_serving else "starting"
        return f"<WorkerHandle {self.number} pid {self.pid} {state}>"

    @property
    def is_responsive(self) -> bool:
        """Whether it serves and answered lately: a process that was stopped or is stuck serves nobody."""
        asked = self._pulse_asked
        return self.is_serving and (asked is None or time.monotonic() - asked < SILENT_SECONDS)

    @property
    def age(self) -> float:
        """Seconds since the process was made."""
        return time.monotonic() - self.began

    async def wait(self) -> int | None:
        """Returns when the process has ended, with its exit code (negative: the signal; None: nobody saw it)."""
        closed = asyncio.ensure_future(self._channel.closed.wait())
        signs: set[asyncio.Future[Any]] = {closed, self._exit_code}
        try:
            await asyncio.wait(signs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closed.cancel()
        self.is_serving = False
        await asyncio.wait({self._exit_code}, timeout=REPORT_SECONDS)
        if not self._exit_code.done():
            self.kill()
            self._exit_code.set_result(None)
        return self._exit_code.result()

    async def start(
        self, snapshot: Snapshot, bound: Sequence[Bound], instance_id: str, generation: int
    ) -> None:
        """Make it serve. Raises StartupError, also if the process ends instead."""
        try:
            await self._channel.ask(
                "start",
                payload=carried(snapshot),
                descriptors=_descriptors(bound),
                timeout=START_SECONDS,
                instance_id=instance_id,
                generation=generation,
            )
        except ChannelClosedError:
            code = await self.wait()
            raise StartupError(
                f"worker {self.number} ended with {exit_text(code)} before it was ready"
            ) from None
        except TimeoutError:
            raise StartupError(f"worker {self.number} was not ready in {START_SECONDS:.0f} s") from None
        self.is_serving = True

    async def prepare(self, snapshot: Snapshot, bound: Sequence[Bound], generation: int) -> None:
        """First half of a replacement. Raises StartupError or TimeoutError."""
        await self._channel.ask(
            "prepare",
            payload=carried(snapshot),
            descriptors=_descriptors(bound),
            timeout=PREPARE_SECONDS,
            generation=generation,
        )

    async def tell(self, do: str, timeout: float | None = ANSWER_SECONDS) -> None:  # noqa: ASYNC109
        """Have `commit`, `abandon`, `stop_accepting` or `finish` done; returns when it is. Raises TimeoutError."""
        await self._channel.ask(do, timeout=timeout)

    async def watch(self, interests: Iterable[Interest]) -> None:
        """Have it keep the requests of these interests. Raises TimeoutError."""
        described = [asdict(interest) for interest in interests]
        await self._channel.ask("watch", timeout=ANSWER_SECONDS, interests=described)

    async def diagnose(self, origins: Iterable[str]) -> None:
        """Have it diagnose these origins and no others. Raises TimeoutError."""
        await self._channel.ask("diagnose", timeout=ANSWER_SECONDS, origins=list(origins))

    async def pulse(self) -> None:
        """Ask for a sign of life. Raises TimeoutError if there is none within ANSWER_SECONDS."""
        self._pulse_asked = time.monotonic()
        await self._channel.ask("pulse", timeout=ANSWER_SECONDS)
        self._pulse_asked = None

    async def figures(self) -> GatewayFigures:
        """What it is busy with. Raises TimeoutError after SILENT_SECONDS: whoever asks wants to know now."""
        return gateway_from_dict((await self._channel.ask("figures", timeout=SILENT_SECONDS))["figures"])

    async def count(self) -> None:
        """Bring `counted` up to date. Raises TimeoutError after SILENT_SECONDS."""
        self.counted = (await self._channel.ask("metrics", timeout=SILENT_SECONDS))["metrics"]

    async def refusals(self) -> list[Any]:
        """The origins that it refused lately, as `merge_refusals` takes them. Raises TimeoutError after SILENT_SECONDS."""
        exported: list[Any] = (await self._channel.ask("refusals", timeout=SILENT_SECONDS))["refusals"]
        return exported

    async def seen(self) -> Seen:
        """The requests that it kept for whoever watches. Raises TimeoutError after SILENT_SECONDS."""
        answer = await self._channel.ask("seen", timeout=SILENT_SECONDS)
        return Seen(tuple(answer["lines"]), answer["lost"])

    def kill(self) -> None:
        """End it at once."""
        if not self._exit_code.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def quit(self) -> None:
        """Let it end, or else end it; returns when it has ended."""
        if not self.is_serving:
            self.kill()
        with contextlib.suppress(ChannelClosedError, TimeoutError):
            await self._channel.ask("quit", timeout=QUIT_SECONDS)
        await asyncio.wait({self._exit_code}, timeout=QUIT_SECONDS)
        self.kill()
        await self.wait()

    def _ended(self, _: object) -> None:
        self.is_serving = False
        self._channel.close()


def carried(snapshot: Snapshot) -> bytes:
    """What a worker is sent: without the tests, and without the place of every origin, a quarter of the memory of a long list."""
    routes = tuple(
        replace(
            route,
            origin_locations=(),
            further_policies=tuple(replace(one, origin_locations=()) for one in route.further_policies),
        )
        for route in snapshot.routes
    )
    return pickle.dumps(replace(snapshot, routes=routes, tests=()))


def exit_text(code: int | None) -> str:
    """`exit code 1`, `SIGKILL`."""
    if code is None:
        return "an unknown exit code"
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _descriptors(bound: Sequence[Bound]) -> list[int]:
    return [one.socket.fileno() for one in bound]
