"""Several worker processes on the same sockets: started together, replaced when they die, reloaded all or none.

The parent carries no traffic. It holds the listening sockets, so that connections which wait to be accepted outlive
any worker, and it hands new workers the configuration that it has checked itself.
"""

import asyncio
import contextlib
import itertools
import logging
import sys
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from typing import Any

from cors_gateway.observe.event import emit
from cors_gateway.observe.feed import Interest, Seen, merge_seen
from cors_gateway.observe.figures import WorkerFigures
from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.refusals import RefusedOrigin, merge_refusals
from cors_gateway.server.channel import ChannelClosedError
from cors_gateway.server.forking import ForkServer
from cors_gateway.server.listeners import Bound
from cors_gateway.server.metrics_transfer import add_metrics, export_metrics
from cors_gateway.server.signals import on_child_end, reap
from cors_gateway.server.startup_error import StartupError
from cors_gateway.server.worker_handle import WorkerHandle, exit_text
from cors_gateway.snapshot import Snapshot

# -P: the current directory is searched only if this process does so, too (PYTHONPATH says that).
PROGRAM = (sys.executable, "-P", "-m", "cors_gateway.server.worker_process")
"""What workers are forked from."""

STEADY_SECONDS = 1.0
"""A worker that lived so long is replaced without delay."""
FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0
PULSE_SECONDS = 0.5
"""Between two signs of life of one worker."""
COUNT_SECONDS = 5.0
"""Between two times that its counters are noted, as it may die without notice."""


class Supervisor:
    """An `Engine` of several processes. To be made in the running loop, whose SIGCHLD it handles."""

    def __init__(
        self, snapshot: Snapshot, *, workers: int, instance_id: str, program: Sequence[str] = PROGRAM
    ) -> None:
        self._fork_server = ForkServer(program)
        self._snapshot = snapshot
        self._instance_id = instance_id
        self._generation = 1
        self._bound: tuple[Bound, ...] = ()
        self._numbers = range(1, workers + 1)
        self._workers: dict[int, WorkerHandle] = {}
        self._interests: tuple[Interest, ...] = ()
        self._diagnosed: tuple[str, ...] = ()
        self._is_stopping = False
        self._turn = asyncio.Lock()
        """A worker must not start in the middle of a reload: it would miss half of it."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._past = Metrics()
        """Counters of workers that have ended."""
        on_child_end(self._on_child)

    async def start(self, bound: Sequence[Bound]) -> None:
        """Start all workers; raises StartupError if one of them cannot."""
        self._bound = tuple(bound)
        try:
            async with asyncio.TaskGroup() as starts:
                for number in self._numbers:
                    starts.create_task(self._start_worker(number))
        except ExceptionGroup as group:
            self._is_stopping = True
            raise StartupError(str(group.exceptions[0])) from group
        for number in self._numbers:
            self._spawn(self._look_after(number))

    async def replace(self, snapshot: Snapshot, bound: Sequence[Bound], generation: int) -> None:
        """Have all workers prepare, and commit if all could. A worker that dies meanwhile comes back with the new."""
        async with self._turn:
            workers = self._serving()
            outcomes = await _of_all(workers, lambda worker: worker.prepare(snapshot, bound, generation))
            for outcome in outcomes:
                if isinstance(outcome, StartupError | TimeoutError):
                    await self._tell_serving("abandon")
                    raise StartupError(str(outcome) or "a worker did not answer")
            self._snapshot, self._bound, self._generation = snapshot, tuple(bound), generation
            await self._tell_serving("commit")

    async def stop_accepting(self) -> None:
        """Leave the sockets alone; a worker that dies from now on is not replaced."""
        self._is_stopping = True
        await self._tell_serving("stop_accepting")

    async def finish(self) -> None:
        """Returns when the last request of the last worker has ended."""
        await _of_all(self._serving(), lambda worker: worker.tell("finish", timeout=None))

    async def close(self) -> None:
        """End all workers."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()
        await _of_all(list(self._workers.values()), lambda worker: worker.quit())
        await self._fork_server.close()

    @property
    def is_serving(self) -> bool:
        return any(worker.is_responsive for worker in self._workers.values())

    async def figures(self) -> list[WorkerFigures]:
        """One entry for each worker, also if it is just being replaced."""

        async def ask(number: int) -> WorkerFigures:
            worker = self._workers[number]
            gateway = None
            if worker.is_responsive:
                with contextlib.suppress(ChannelClosedError, TimeoutError):
                    gateway = await worker.figures()
            return WorkerFigures(worker.pid, number, gateway)

        return list(await asyncio.gather(*map(ask, self._workers)))

    async def metrics(self) -> Metrics:
        """The sum over all workers there have ever been. One that does not answer counts as last heard."""
        await _of_all(self._responsive(), lambda worker: worker.count())
        total = Metrics()
        add_metrics(total, export_metrics(self._past))
        for worker in self._workers.values():
            if worker.counted is not None:
                add_metrics(total, worker.counted)
        return total

    async def refusals(self) -> list[RefusedOrigin]:
        """Those of the workers that serve; what a worker remembered of origins ends with it, unlike its counters."""
        remembered: list[list[Any]] = []

        async def collect(worker: WorkerHandle) -> None:
            remembered.append(await worker.refusals())

        await _of_all(self._responsive(), collect)
        return merge_refusals(remembered)

    async def watch(self, interests: Sequence[Interest]) -> None:
        """Have all workers keep the requests of these interests; a worker that is replaced hears of it, too."""
        async with self._turn:
            self._interests = tuple(interests)
            await self._have_done(lambda worker: worker.watch(self._interests))

    async def seen(self) -> Seen:
        """What the workers kept. One that does not answer now is asked again."""
        parts: list[Seen] = []

        async def collect(worker: WorkerHandle) -> None:
            parts.append(await worker.seen())

        await _of_all(self._responsive(), collect)
        return merge_seen(parts)

    async def diagnose(self, origins: Collection[str]) -> None:
        """Have all workers diagnose these origins and no others; a worker that is replaced hears of it, too."""
        async with self._turn:
            self._diagnosed = tuple(origins)
            await self._have_done(lambda worker: worker.diagnose(self._diagnosed))

    # -- keeping workers alive -------------------------------------------------------------------------------------

    def _serving(self) -> list[WorkerHandle]:
        return [worker for worker in self._workers.values() if worker.is_serving]

    def _responsive(self) -> list[WorkerHandle]:
        return [worker for worker in self._workers.values() if worker.is_responsive]

    async def _start_worker(self, number: int) -> None:
        """Raises StartupError, whatever the reason."""
        try:
            worker = self._workers[number] = await WorkerHandle.fork(number, self._fork_server)
        except (OSError, StartupError) as error:  # no descriptor, process or memory left just now
            raise StartupError(f"worker {number} cannot be started: {error}") from error
        try:
            await worker.start(self._snapshot, self._bound, self._instance_id, self._generation)
            if self._interests:
                await worker.watch(self._interests)
            if self._diagnosed:
                await worker.diagnose(self._diagnosed)
        except StartupError:
            worker.kill()
            raise
        except (ChannelClosedError, TimeoutError) as error:
            worker.kill()
            raise StartupError(f"worker {number} ended as soon as it had started") from error
        emit("worker_started", worker=number, worker_pid=worker.pid)

    async def _look_after(self, number: int) -> None:
        """Keep a worker of this number alive until the process stops, whatever happens to whoever keeps it."""
        while not self._is_stopping:
            try:
                await self._keep_alive(number)
            except Exception as error:
                logging.getLogger(__name__).exception("worker %d", number)
                emit(
                    "worker_failed", level=logging.ERROR, worker=number, message=f"internal error: {error!r}"
                )
                await asyncio.sleep(LONGEST_DELAY)

    async def _keep_alive(self, number: int) -> None:
        """Replace the worker of this number whenever it dies."""
        deaths = 0
        while True:
            worker = self._workers[number]
            watching = asyncio.ensure_future(_watch_pulse(worker))
            try:
                code = await worker.wait()
            finally:
                watching.cancel()
            if self._is_stopping:
                return
            self._past.worker_deaths += 1
            if worker.counted is not None:
                add_metrics(self._past, worker.counted)
                worker.counted = None
            emit(
                "worker_died",
                level=logging.ERROR,
                worker=number,
                worker_pid=worker.pid,
                cause=exit_text(code),
            )
            deaths = 0 if worker.age >= STEADY_SECONDS else deaths + 1
            await self._restart(number, deaths)

    async def _restart(self, number: int, deaths: int) -> None:
        """Try until it serves, more and more seldom: what keeps it from starting may pass, a shortage for one."""
        for tries in itertools.count(deaths):
            await asyncio.sleep(min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(tries - 1, 10)) if tries else 0.0)
            async with self._turn:
                if self._is_stopping:
                    return
                try:
                    await self._start_worker(number)
                except StartupError as error:
                    reason = str(error)
                else:
                    return
            emit("worker_failed", level=logging.ERROR, worker=number, message=reason)

    async def _tell_serving(self, do: str) -> None:
        await self._have_done(lambda worker: worker.tell(do))

    async def _have_done(self, ask: Callable[[WorkerHandle], Awaitable[None]]) -> None:
        """Have it done by all that serve; a worker that does not answer in time is ended, to be replaced."""
        workers = self._serving()
        for worker, outcome in zip(workers, await _of_all(workers, ask), strict=True):
            if isinstance(outcome, TimeoutError):
                _end_stuck(worker)

    def _on_child(self) -> None:
        for pid, code in reap():
            if self._fork_server.ended(pid, code) and not self._is_stopping:
                emit(
                    "fork_server_died",
                    level=logging.ERROR,
                    pid=pid,
                    cause=exit_text(code),
                    message="the workers go on; it is started again when one of them has to be replaced",
                )

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _watch_pulse(worker: WorkerHandle) -> None:
    """Ask for signs of life until there are none; then end the worker, to be replaced."""
    loop = asyncio.get_running_loop()
    counted_at = loop.time()
    with contextlib.suppress(ChannelClosedError):
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            try:
                await worker.pulse()
            except TimeoutError:
                _end_stuck(worker)
                return
            if loop.time() - counted_at >= COUNT_SECONDS:
                counted_at = loop.time()
                with contextlib.suppress(TimeoutError):
                    await worker.count()


def _end_stuck(worker: WorkerHandle) -> None:
    emit("worker_stuck", level=logging.ERROR, worker=worker.number, worker_pid=worker.pid)
    worker.kill()


async def _of_all(
    workers: Iterable[WorkerHandle], ask: Callable[[WorkerHandle], Awaitable[None]]
) -> list[Exception | None]:
    """Ask all at once; a worker's failure is its outcome."""

    async def outcome(worker: WorkerHandle) -> Exception | None:
        try:
            await ask(worker)
        except (StartupError, ChannelClosedError, TimeoutError) as error:
            return error
        return None

    return list(await asyncio.gather(*map(outcome, workers)))
