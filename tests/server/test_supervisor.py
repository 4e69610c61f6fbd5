"""Workers that cannot start, workers that die too often, and the process that they are forked from.

The programs are stand-ins for it; `work` is what a worker does.
"""

import asyncio
import os
import pickle
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cors_gateway.policy.policy import DISABLED
from cors_gateway.server.startup_error import StartupError
from cors_gateway.server.supervisor import Supervisor
from cors_gateway.server.worker_handle import WorkerHandle, carried
from cors_gateway.snapshot import Location, PolicyTest, Route, RoutePolicy, Server, Snapshot
from tests.server.live import children

DEADLINE = 30.0
SNAPSHOT = Snapshot(Server(()), None, {}, ())

FORKS = """
import asyncio, pathlib, socket, sys
from cors_gateway.server.channel import Channel
from cors_gateway.server.fork_server import await_order
from cors_gateway.server.startup_error import StartupError

FIGURES = {"generation": 1, "connections": 0, "active_requests": 0, "tunnels": 0, "upstreams": {}}

async def answer(question):
    return {"figures": FIGURES}

async def serve(descriptor, answer):
    await Channel(socket.socket(fileno=descriptor), answer).closed.wait()

def work(descriptor, number):
    asyncio.run(serve(descriptor, answer))
"""

BEGINS = """
order = await_order(socket.socket(fileno=int(sys.argv[-1])), ignored=())
if order is not None:
    work(*order)
"""


def _program(work: str = "", *arguments: str) -> tuple[str, ...]:
    """A fork server, and below it workers that do this."""
    return (sys.executable, "-c", FORKS + work + BEGINS, *arguments)


ENDS_AT_ONCE = """
def work(descriptor, number):
    raise SystemExit(5)
"""

SERVES_ONCE = """
def work(descriptor, number):
    flag = pathlib.Path(sys.argv[1], str(number))
    if flag.exists():
        raise SystemExit(6)
    flag.touch()
    asyncio.run(serve(descriptor, answer))
"""


@asynccontextmanager
async def _supervisor(workers: int, program: tuple[str, ...]) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(SNAPSHOT, workers=workers, instance_id="x", program=program)
    try:
        yield supervisor
    finally:
        await supervisor.close()


async def test_a_worker_that_cannot_start_fails_the_start() -> None:
    async with _supervisor(2, _program(ENDS_AT_ONCE)) as supervisor:
        with pytest.raises(StartupError, match=r"worker [12] ended with exit code 5 before it was ready"):
            await supervisor.start([])


async def test_a_program_that_cannot_be_run_fails_the_start(tmp_path: Path) -> None:
    async with _supervisor(1, (str(tmp_path / "nothing"),)) as supervisor:
        with pytest.raises(StartupError, match=r"worker 1 cannot be started: .*No such file"):
            await supervisor.start([])


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _until_answering(supervisor: Supervisor, *expected: bool) -> None:
    """Whether each worker answers; one that is held up for a second and a half does not."""
    async with asyncio.timeout(DEADLINE):
        while tuple(worker.gateway is not None for worker in await supervisor.figures()) != expected:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _kill(supervisor: Supervisor) -> None:
    """The first worker."""
    os.kill((await supervisor.figures())[0].pid, signal.SIGKILL)


async def test_a_worker_comes_back_as_soon_as_it_can(tmp_path: Path) -> None:
    async with _supervisor(1, _program(SERVES_ONCE, str(tmp_path))) as supervisor:
        await supervisor.start([])
        await _kill(supervisor)
        await _until(lambda: not supervisor.is_serving)
        await asyncio.sleep(1)  # several times in vain
        assert not supervisor.is_serving
        (tmp_path / "1").unlink()

        await _until(lambda: supervisor.is_serving)


async def test_a_process_that_cannot_even_be_made_is_tried_again(tmp_path: Path) -> None:
    """As with a shortage of descriptors or processes: here the program is away for a while."""
    program, away = tmp_path / "worker", tmp_path / "away"
    program.write_text(f"#!{sys.executable}\n{FORKS}{BEGINS}")
    program.chmod(0o755)
    async with _supervisor(1, (str(program),)) as supervisor:
        await supervisor.start([])
        program.rename(away)
        (fork_server,) = children(os.getpid())
        os.kill(fork_server, signal.SIGKILL)
        await _kill(supervisor)
        await _until(lambda: not supervisor.is_serving)
        await asyncio.sleep(0.5)
        away.rename(program)

        await _until(lambda: supervisor.is_serving)


async def test_workers_go_on_without_the_process_that_they_were_forked_from() -> None:
    async with _supervisor(2, _program()) as supervisor:
        await supervisor.start([])
        first, second = await supervisor.figures()
        (fork_server,) = children(os.getpid())
        os.kill(fork_server, signal.SIGKILL)
        await _until(lambda: children(os.getpid()) == [])

        await _until_answering(supervisor, True, True)
        os.kill(first.pid, signal.SIGKILL)
        async with asyncio.timeout(DEADLINE):
            while (await supervisor.figures())[0].pid == first.pid:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (await supervisor.figures())[1].pid == second.pid
        await _until(lambda: supervisor.is_serving)
        assert len(children(os.getpid())) == 1


async def test_the_end_of_a_worker_is_seen_when_nobody_is_left_to_report_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cors_gateway.server.worker_handle.REPORT_SECONDS", 10 * DEADLINE)
    async with _supervisor(1, _program()) as supervisor:
        await supervisor.start([])
        (fork_server,) = children(os.getpid())
        os.kill(fork_server, signal.SIGKILL)
        await _until(lambda: children(os.getpid()) == [])
        await _kill(supervisor)
        await _until(lambda: not supervisor.is_serving)

        await _until(lambda: supervisor.is_serving)


async def test_a_program_that_ends_before_it_forks_fails_the_start() -> None:
    async with _supervisor(2, (sys.executable, "-c", "raise SystemExit(5)")) as supervisor:
        with pytest.raises(StartupError, match=r"worker [12] cannot be started: the process that forks"):
            await supervisor.start([])


def test_a_worker_is_sent_what_traffic_needs() -> None:
    place = Location("gateway.yaml", 7, 3)
    further = RoutePolicy(DISABLED, origin_locations=(place,))
    route = Route("api", "/", "b", DISABLED, further_policies=(further,), origin_locations=(place,))
    whole = replace(SNAPSHOT, routes=(route,), tests=(PolicyTest(None, "GET", "/"),))

    sent = pickle.loads(carried(whole))

    assert sent == replace(whole, tests=())
    assert b"gateway.yaml" in pickle.dumps(whole)
    assert b"gateway.yaml" not in carried(whole)


async def test_nothing_is_left_of_a_supervisor_that_was_closed() -> None:
    async with _supervisor(2, _program()) as supervisor:
        await supervisor.start([])
        pids = [worker.pid for worker in await supervisor.figures()]

    assert children(os.getpid()) == []
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_keeper_that_fails_goes_on_keeping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cors_gateway.server.supervisor.LONGEST_DELAY", 0.05)
    failures = iter([RuntimeError("out of luck")])

    class Unlucky(WorkerHandle):
        async def wait(self) -> int | None:
            for failure in failures:
                raise failure
            return await super().wait()

    monkeypatch.setattr("cors_gateway.server.supervisor.WorkerHandle", Unlucky)
    async with _supervisor(1, _program()) as supervisor:
        await supervisor.start([])
        (first,) = await supervisor.figures()
        await asyncio.sleep(0.1)
        await _kill(supervisor)
        async with asyncio.timeout(DEADLINE):
            while (await supervisor.figures())[0].pid == first.pid:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert next(failures, None) is None


async def test_the_others_go_on_while_one_cannot_be_replaced(tmp_path: Path) -> None:
    async with _supervisor(2, _program(SERVES_ONCE, str(tmp_path))) as supervisor:
        await supervisor.start([])
        await _kill(supervisor)
        await asyncio.sleep(1)

        await _until_answering(supervisor, False, True)
        await _until(lambda: supervisor.is_serving)


async def test_a_worker_that_stands_still_does_not_count_until_it_goes_on() -> None:
    async with _supervisor(1, _program()) as supervisor:
        await supervisor.start([])
        pid = (await supervisor.figures())[0].pid
        os.kill(pid, signal.SIGSTOP)
        await _until(lambda: not supervisor.is_serving)
        assert (await supervisor.figures())[0].gateway is None
        os.kill(pid, signal.SIGCONT)

        await _until(lambda: supervisor.is_serving)
        assert (await supervisor.figures())[0].pid == pid


NEVER_SHOWS_LIFE = """
async def answer(question):
    if question.do == "pulse":
        await asyncio.sleep(1000)
    return {"figures": FIGURES}
"""


async def test_a_worker_that_is_stuck_is_ended_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cors_gateway.server.supervisor.PULSE_SECONDS", 0.05)
    monkeypatch.setattr("cors_gateway.server.worker_handle.ANSWER_SECONDS", 0.05)
    async with _supervisor(1, _program(NEVER_SHOWS_LIFE)) as supervisor:
        await supervisor.start([])
        (first,) = await supervisor.figures()
        async with asyncio.timeout(DEADLINE):
            while (await supervisor.figures())[0].pid == first.pid:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


WRITES_DOWN_WHAT_IT_IS_ASKED = """
def work(descriptor, number):
    async def answer(question):
        with pathlib.Path(sys.argv[1], str(number)).open("a") as file:
            file.write(question.do + "\\n")
        if question.do == "prepare" and number == 2:
            raise StartupError("a certificate is missing here")
        return {"figures": FIGURES}

    asyncio.run(serve(descriptor, answer))
"""


async def test_if_one_worker_cannot_prepare_none_commits(tmp_path: Path) -> None:
    async with _supervisor(2, _program(WRITES_DOWN_WHAT_IT_IS_ASKED, str(tmp_path))) as supervisor:
        await supervisor.start([])
        with pytest.raises(StartupError, match="a certificate is missing here"):
            await supervisor.replace(SNAPSHOT, [], 2)
        notes = [(tmp_path / number).read_text().split() for number in "12"]

    assert notes == [["start", "prepare", "abandon"]] * 2
