"""Workers that cannot start, and workers that die too often. The programs are stand-ins for a worker."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from cors_gateway.server.startup_error import StartupError
from cors_gateway.server.supervisor import Supervisor
from cors_gateway.snapshot import Server, Snapshot

DEADLINE = 30.0
SNAPSHOT = Snapshot(Server(()), None, {}, ())

ENDS_AT_ONCE = (sys.executable, "-c", "raise SystemExit(5)")

SERVES_ONCE = """
import asyncio, pathlib, socket, sys
from cors_gateway.server.channel import Channel

flag = pathlib.Path(sys.argv[1], sys.argv[3])
if flag.exists():
    raise SystemExit(6)
flag.touch()

async def answer(question):
    return {"status": [{"argument": sys.argv[3]}]}

async def main():
    await Channel(socket.socket(fileno=int(sys.argv[2])), answer).closed.wait()

asyncio.run(main())
"""


@asynccontextmanager
async def _supervisor(workers: int, program: tuple[str, ...]) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(SNAPSHOT, workers=workers, instance_id="x", program=program)
    try:
        yield supervisor
    finally:
        await supervisor.close()


async def test_a_worker_that_cannot_start_fails_the_start() -> None:
    async with _supervisor(2, ENDS_AT_ONCE) as supervisor:
        with pytest.raises(StartupError, match=r"worker [12] ended with exit code 5 before it was ready"):
            await supervisor.start([])


async def test_a_worker_that_cannot_be_replaced_is_a_failure_if_nobody_else_serves(tmp_path: Path) -> None:
    async with _supervisor(1, (sys.executable, "-c", SERVES_ONCE, str(tmp_path))) as supervisor:
        await supervisor.start([])
        (status,) = await supervisor.status()
        os.kill(cast("int", status["pid"]), signal.SIGKILL)

        assert await supervisor.failure() == "worker 1 cannot be replaced"


async def test_the_others_go_on_while_one_cannot_be_replaced(tmp_path: Path) -> None:
    async with _supervisor(2, (sys.executable, "-c", SERVES_ONCE, str(tmp_path))) as supervisor:
        await supervisor.start([])
        dying, _ = await supervisor.status()
        os.kill(cast("int", dying["pid"]), signal.SIGKILL)
        failing = asyncio.ensure_future(supervisor.failure())
        await asyncio.wait({failing}, timeout=1)
        gone, other = await supervisor.status()

        assert not failing.done()
        assert (gone["serving"], other["serving"]) == (False, True)
        failing.cancel()


NEVER_SAYS_WHAT_IT_COUNTED = """
import asyncio, socket, sys
from cors_gateway.server.channel import Channel

async def answer(question):
    if question.do == "metrics":
        await asyncio.sleep(1000)
    return {"status": [{}]}

async def main():
    await Channel(socket.socket(fileno=int(sys.argv[1])), answer).closed.wait()

asyncio.run(main())
"""


async def test_a_worker_that_is_stuck_is_ended_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cors_gateway.server.supervisor.HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr("cors_gateway.server.worker_handle.ANSWER_SECONDS", 0.05)
    async with _supervisor(1, (sys.executable, "-c", NEVER_SAYS_WHAT_IT_COUNTED)) as supervisor:
        await supervisor.start([])
        (first,) = await supervisor.status()
        async with asyncio.timeout(DEADLINE):
            while (await supervisor.status())[0]["pid"] == first["pid"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


WRITES_DOWN_WHAT_IT_IS_ASKED = """
import asyncio, pathlib, socket, sys
from cors_gateway.server.channel import Channel
from cors_gateway.server.startup_error import StartupError

notes = pathlib.Path(sys.argv[1], sys.argv[3])

async def answer(question):
    with notes.open("a") as file:
        file.write(question.do + "\\n")
    if question.do == "prepare" and sys.argv[3] == "2":
        raise StartupError("a certificate is missing here")
    return {"status": [{}]}

async def main():
    await Channel(socket.socket(fileno=int(sys.argv[2])), answer).closed.wait()

asyncio.run(main())
"""


async def test_if_one_worker_cannot_prepare_none_commits(tmp_path: Path) -> None:
    async with _supervisor(
        2, (sys.executable, "-c", WRITES_DOWN_WHAT_IT_IS_ASKED, str(tmp_path))
    ) as supervisor:
        await supervisor.start([])
        with pytest.raises(StartupError, match="a certificate is missing here"):
            await supervisor.replace(SNAPSHOT, [], 2)
        notes = [(tmp_path / number).read_text().split() for number in "12"]

    assert notes == [["start", "prepare", "abandon"]] * 2
