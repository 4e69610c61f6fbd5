"""The line between a parent and its worker."""

import asyncio
import os
import socket
from typing import Any

import pytest

from cors_gateway.server.channel import Channel, ChannelClosedError, Question
from cors_gateway.server.startup_error import StartupError


class Line:
    """A channel and another at its other end that answers what it is asked."""

    def __init__(self) -> None:
        near, far = socket.socketpair()
        self.questions: list[Question] = []
        self.asked = asyncio.Event()
        self.hold = asyncio.Event()
        self.far = Channel(far, self._answer)
        self.near = Channel(near)

    async def _answer(self, question: Question) -> dict[str, Any]:
        self.questions.append(question)
        self.asked.set()
        match question.do:
            case "refuse":
                raise StartupError("not today")
            case "break":
                raise ValueError("a mistake")
            case "wait":
                await self.hold.wait()
            case "read":
                return {"text": os.read(question.descriptors[0], 100).decode()}
        return {"did": question.do}

    async def __aenter__(self) -> "Line":
        return self

    async def __aexit__(self, *details: object) -> None:
        self.near.close()
        self.far.close()
        for question in self.questions:
            for descriptor in question.descriptors:
                os.close(descriptor)


async def test_an_answer_comes_back_to_who_asked() -> None:
    async with Line() as line:
        answers = await asyncio.gather(*(line.near.ask(f"work {n}", n=n) for n in range(20)))

    assert [answer["did"] for answer in answers] == [f"work {n}" for n in range(20)]
    assert [question.fields for question in line.questions] == [{"n": n} for n in range(20)]


async def test_a_slow_answer_holds_up_no_other() -> None:
    async with Line() as line:
        slow = asyncio.ensure_future(line.near.ask("wait"))
        await line.near.ask("work")
        line.hold.set()

        assert await slow == {"did": "wait"}


async def test_a_payload_may_be_larger_than_any_buffer() -> None:
    payload = os.urandom(5_000_000)
    async with Line() as line:
        await line.near.ask("work", payload=payload)

    assert line.questions[0].payload == payload


async def test_open_files_arrive_with_the_question_they_were_sent_with() -> None:
    async with Line() as line:
        pipes = [os.pipe() for _ in range(3)]
        for number, (_, writer) in enumerate(pipes):
            os.write(writer, f"pipe {number}".encode())
        asked = [line.near.ask("read", payload=bytes(300_000), descriptors=pipe) for pipe in pipes]
        answers = await asyncio.gather(*asked)
        for end in (end for pipe in pipes for end in pipe):
            os.close(end)

    assert [answer["text"] for answer in answers] == ["pipe 0", "pipe 1", "pipe 2"]


async def test_a_refusal_is_raised_where_it_was_asked() -> None:
    async with Line() as line:
        with pytest.raises(StartupError, match="not today"):
            await line.near.ask("refuse")


async def test_a_mistake_on_the_other_side_is_raised_too() -> None:
    async with Line() as line:
        with pytest.raises(StartupError, match="internal error: ValueError"):
            await line.near.ask("break")


async def test_who_waits_is_told_when_the_other_side_has_gone() -> None:
    async with Line() as line:
        waiting = asyncio.ensure_future(line.near.ask("wait"))
        await line.asked.wait()
        line.far.close()
        with pytest.raises(ChannelClosedError):
            await waiting
        with pytest.raises(ChannelClosedError):
            await line.near.ask("work")
        assert line.near.closed.is_set()


async def test_an_answer_that_comes_too_late_is_dropped() -> None:
    async with Line() as line:
        with pytest.raises(TimeoutError):
            await line.near.ask("wait", timeout=0.01)
        line.hold.set()

        assert await line.near.ask("work") == {"did": "work"}
