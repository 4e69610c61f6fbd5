"""One worker process, as its parent sees it."""

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from cors_gateway.observe.feed import Interest, Seen
from cors_gateway.observe.figures import GatewayFigures, gateway_from_dict
from cors_gateway.server.channel import Channel, ChannelClosedError
from cors_gateway.server.listeners import Bound
from cors_gateway.server.startup_error import StartupError
from cors_gateway.snapshot import Snapshot

# -P: the current directory is searched only if this process does so, too (PYTHONPATH says that).
PROGRAM = (sys.executable, "-P", "-m", "cors_gateway.server.worker_process")

START_SECONDS = 60.0
"""To import everything and compile the configuration, on a machine that is busy."""
PREPARE_SECONDS = 30.0
ANSWER_SECONDS = 20.0
"""A worker that does not answer a simple question for so long is stuck."""
SILENT_SECONDS = 1.5
"""A worker that owes an answer for so long cannot be counted on now, though it may come back."""
QUIT_SECONDS = 2.0


class WorkerHandle:
    """Starts the process; ask it with the methods below, all of which raise ChannelClosedError once it has died."""

    def __init__(self, number: int, program: Sequence[str]) -> None:
        """`program` is called with the number of an open socket and with `number`. Raises OSError."""
        self.number = number
        self.began = time.monotonic()
        self.is_serving = False
        self.counted: dict[str, Any] | None = None
        """Its counters as last heard."""
        self.exit_code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Set by who reaps children."""
        self._pulse_asked: float | None = None
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - this program itself
                    [*program, str(theirs.fileno()), str(number)],
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                    pass_fds=[theirs.fileno()],
                )
        except BaseException:
            ours.close()
            raise
        self._channel = Channel(ours)

    def __repr__(self) -> str:
        state = "serving" if self.is_serving else "starting"
        return f"<WorkerHandle {self.number} pid {self.pid} {state}>"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_responsive(self) -> bool:
        """Whether it serves and answered lately: a process that was stopped or is stuck serves nobody."""
        asked = self._pulse_asked
        return self.is_serving and (asked is None or time.monotonic() - asked < SILENT_SECONDS)

    @property
    def age(self) -> float:
        """Seconds since the process was started."""
        return time.monotonic() - self.began

    def ended(self, exit_code: int) -> None:
        """To be called when the process was reaped."""
        self._process.returncode = exit_code
        self.is_serving = False
        self._channel.close()
        if not self.exit_code.done():
            self.exit_code.set_result(exit_code)

    async def wait(self) -> int:
        """Returns when the process has ended, with its exit code (negative: the signal)."""
        return await asyncio.shield(self.exit_code)

    async def start(
        self, snapshot: Snapshot, bound: Sequence[Bound], instance_id: str, generation: int
    ) -> None:
        """Make it serve. Raises StartupError, also if the process ends instead."""
        try:
            await self._channel.ask(
                "start",
                payload=pickle.dumps(snapshot),
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
            payload=pickle.dumps(snapshot),
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
        if not self.exit_code.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def quit(self) -> None:
        """Let it end, or else end it; returns when it has ended."""
        if not self.is_serving:
            self.kill()
        with contextlib.suppress(ChannelClosedError, TimeoutError):
            await self._channel.ask("quit", timeout=QUIT_SECONDS)
        await asyncio.wait({self.exit_code}, timeout=QUIT_SECONDS)
        self.kill()
        await self.wait()


def exit_text(code: int) -> str:
    """`exit code 1`, `SIGKILL`."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _descriptors(bound: Sequence[Bound]) -> list[int]:
    return [one.socket.fileno() for one in bound]
