"""A worker as a process of its own: does what its parent says, and winds up when the parent is gone.

As a program it is what workers are forked from (`fork_server.py`); "parent" is the supervisor all the same.

Signals are the parent's business: a terminal or systemd sends them to every process of the group at once, and only the
parent knows when it is time to stop accepting.
"""

import asyncio
import os
import pickle
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import uvloop

from cors_gateway.observe.event import emit
from cors_gateway.observe.feed import Interest
from cors_gateway.observe.figures import as_dict
from cors_gateway.observe.refusals import export_refusals
from cors_gateway.observe.tracing import open_tracing
from cors_gateway.server.channel import Channel, Question
from cors_gateway.server.events import configure
from cors_gateway.server.fork_server import await_order
from cors_gateway.server.listeners import Bound
from cors_gateway.server.metrics_transfer import export_metrics
from cors_gateway.server.signals import HANDLED
from cors_gateway.server.worker import Prepared, Worker
from cors_gateway.snapshot import Snapshot

MAX_REFUSALS = 300
"""Refused origins that are handed to the parent at a time; nobody reads more."""


def main(descriptor: int, number: int) -> None:
    """Serve whatever the parent at the other end of the socket `descriptor` sends."""
    configure(os.environ, worker=number)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(socket.socket(fileno=descriptor)))


async def _work(line: socket.socket) -> None:
    await WorkerProcess(line).run()


class WorkerProcess:
    """Carries out the parent's questions; see `supervisor` for who asks them and when. To be made in the loop."""

    def __init__(self, line: socket.socket) -> None:
        self._channel = Channel(line, self._answer)
        self._worker: Worker | None = None
        self._snapshot: Snapshot | None = None
        self._prepared: tuple[Snapshot, Prepared] | None = None
        self._quit = asyncio.Event()

    async def run(self) -> None:
        """Serve until told to quit, or to the end of all requests if the parent is gone."""
        loop = asyncio.get_running_loop()
        for number in HANDLED:
            loop.add_signal_handler(number, _leave_to_parent)
        quitting = asyncio.ensure_future(self._quit.wait())
        orphaned = asyncio.ensure_future(self._channel.closed.wait())
        await asyncio.wait({quitting, orphaned}, return_when=asyncio.FIRST_COMPLETED)
        if not self._quit.is_set():
            await self._wind_up()
        self._channel.close()
        quitting.cancel()
        orphaned.cancel()
        if self._worker is not None:
            await self._worker.close()

    async def _wind_up(self) -> None:
        """What the parent would have seen to."""
        for number in HANDLED:
            asyncio.get_running_loop().remove_signal_handler(number)
        if self._worker is None or self._snapshot is None:
            return
        grace = self._snapshot.server.shutdown.grace
        emit("orphaned", message="the parent process is gone", grace_seconds=grace)
        await self._worker.stop_accepting()
        await asyncio.wait({asyncio.ensure_future(self._worker.finish())}, timeout=grace)

    async def _answer(self, question: Question) -> dict[str, Any]:
        match question.do:
            case "start":
                await self._start(question)
            case "pulse":
                pass
            case "quit":
                self._quit.set()
            case do if self._worker is not None:
                return await self._act(do, question, self._worker)
        return {}

    async def _act(self, do: str, question: Question, worker: Worker) -> dict[str, Any]:
        match do:
            case "prepare":
                self._prepared = await self._prepare(question, worker)
            case "commit" if self._prepared is not None:
                (self._snapshot, prepared), self._prepared = self._prepared, None
                await worker.commit(prepared)
            case "abandon" if self._prepared is not None:
                (_, prepared), self._prepared = self._prepared, None
                worker.abandon(prepared)
            case "stop_accepting":
                await worker.stop_accepting()
            case "finish":
                await worker.finish()
            case "figures":
                (figures,) = await worker.figures()
                return {"figures": as_dict(figures)}
            case "metrics":
                return {"metrics": export_metrics(await worker.metrics())}
            case "watch":
                await worker.watch([Interest(**interest) for interest in question.fields["interests"]])
            case "seen":
                return asdict(await worker.seen())
            case "diagnose":
                await worker.diagnose(question.fields["origins"])
            case "refusals":
                return {"refusals": export_refusals((await worker.refusals())[:MAX_REFUSALS])}
        return {}

    async def _start(self, question: Question) -> None:
        bound: Sequence[Bound] = ()
        try:
            self._snapshot = snapshot = await asyncio.to_thread(_read_snapshot, question)
            bound = _adopt(snapshot, question)
            worker = Worker(
                snapshot,
                instance_id=question.fields["instance_id"],
                generation=question.fields["generation"],
                tracing=open_tracing(os.environ),
            )
            await worker.start(bound)
            self._worker = worker
        finally:
            _release(bound)

    async def _prepare(self, question: Question, worker: Worker) -> tuple[Snapshot, Prepared]:
        bound: Sequence[Bound] = ()
        try:
            snapshot = await asyncio.to_thread(_read_snapshot, question)
            bound = _adopt(snapshot, question)
            return snapshot, await worker.prepare(snapshot, bound, question.fields["generation"])
        finally:
            _release(bound)


def _read_snapshot(question: Question) -> Snapshot:
    snapshot: Snapshot = pickle.loads(question.payload)  # noqa: S301 - from the parent, over a private socket
    return snapshot


def _adopt(snapshot: Snapshot, question: Question) -> tuple[Bound, ...]:
    """The sockets come in the order of the listeners."""
    sockets = [socket.socket(fileno=descriptor) for descriptor in question.descriptors]
    return tuple(map(Bound, snapshot.server.listen, sockets))


def _release(bound: Sequence[Bound]) -> None:
    """What is served on are duplicates."""
    for one in bound:
        one.socket.close()


def _leave_to_parent() -> None:
    pass


if __name__ == "__main__":
    order = await_order(socket.socket(fileno=int(sys.argv[1])), ignored=HANDLED)
    if order is not None:
        main(order.descriptor, order.number)
