"""Spoiled messages: whatever the bytes, backend and client never see anything a strict reader would not.

WIRE_FUZZ_EXAMPLES asks for more examples than the suite runs, and for different ones each time.
"""

import asyncio
import contextlib
import functools
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.lanes import Lane, ask, gateway_lanes
from tests.wire.mutations import REQUESTS, RESPONSES, in_pieces, spoiled
from tests.wire.raw_backend import Answer, Seen, echo, fingerprint
from tests.wire.raw_client import NoResponseError, RawClient
from tests.wire.request_runs import BARRIER, LONG_TIMEOUTS
from tests.wire.request_runs import configuration as configuration_for_requests
from tests.wire.response_runs import FOLLOW_UP, REQUEST
from tests.wire.response_runs import configuration as configuration_for_responses
from tests.wire.strict_http import (
    IncompleteError,
    MalformedError,
    Request,
    Response,
    parse_request,
    parse_requests,
    parse_response,
)

EXAMPLES = int(os.environ.get("WIRE_FUZZ_EXAMPLES", "300"))

BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="WIRE_FUZZ_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)

pytestmark = pytest.mark.timeout(60 + EXAMPLES)

OWN_FAILURES = {502, 504}


class Stage:
    """A lane and the loop its backend lives in."""

    def __init__(self, lane: Lane, loop: asyncio.AbstractEventLoop) -> None:
        self.lane = lane
        self.loop = loop

    def run(self, example: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(example)


@contextlib.contextmanager
def _stage(directory: Path, configure: Callable[[tuple[str, int]], dict[str, object]]) -> Iterator[Stage]:
    with gateway_lanes(directory, 1, configure) as [lane], asyncio.Runner() as runner:
        runner.run(lane.backend.start())
        yield Stage(lane, runner.get_loop())
        runner.run(lane.backend.stop())


@pytest.fixture(scope="module")
def requests_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    configure = functools.partial(configuration_for_requests, timeouts=LONG_TIMEOUTS)
    with _stage(tmp_path_factory.mktemp("requests"), configure) as stage:
        yield stage


@pytest.fixture(scope="module")
def responses_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with _stage(tmp_path_factory.mktemp("responses"), configuration_for_responses) as stage:
        yield stage


@BOUNDED
@given(data=spoiled(REQUESTS, most_messages=3).flatmap(in_pieces))
def test_the_backend_sees_only_what_a_strict_reader_sees(requests_stage: Stage, data: list[bytes]) -> None:
    """The same requests in the same order, up to the first that is refused; answered in that order."""
    requests_stage.run(_send_spoiled_request(requests_stage.lane, data))


async def _send_spoiled_request(lane: Lane, pieces: list[bytes]) -> None:
    lane.backend.forget()
    seen = lane.backend.mark()
    expected, stopped_by = parse_requests(b"".join(pieces))

    async with await RawClient.connect(lane.address) as client:
        await client.send_segments(pieces, 0)
        # Who ends a persistent connection before the last answer gives it up.
        with contextlib.suppress(NoResponseError, MalformedError):
            for request in expected:
                await client.read_response(request.method)
        client.half_close()
        ended = await client.wait_closed()
        responses = _responses(bytes(client.received), expected)
    await ask(lane.address, BARRIER)

    context = (expected, stopped_by, responses)
    assert ended, context
    assert _executed(seen()) == _answered_by_backend(responses, expected), context


def _executed(seen: Seen) -> list[tuple[str, str, bytes]]:
    assert seen.faults == []
    return [request.identity for request in seen.requests if request.target != "/barrier"]


def _responses(received: bytes, requests: list[Request]) -> list[Response]:
    """What the client got, which has to be complete responses and nothing else."""
    responses: list[Response] = []
    position = 0
    while position < len(received):
        if len(responses) < len(requests):
            method = requests[len(responses)].method
            response, position = parse_response(received, method, start=position, at_end=True)
        else:
            response, position = _refusal(received, position)
        assert response.complete
        if response.status >= 200:
            responses.append(response)
    return responses


def _refusal(received: bytes, position: int) -> tuple[Response, int]:
    """The answer to what is no request; with or without a body, as it may have begun like one for HEAD."""
    response, end = parse_response(received, start=position, at_end=True)
    return (response, end) if response.body else parse_response(received, "HEAD", start=position)


def _answered_by_backend(responses: list[Response], requests: list[Request]) -> list[tuple[str, str, bytes]]:
    """The requests whose responses came from the backend, each checked against the request in its place."""
    identities = []
    for number, response in enumerate(responses):
        echoed = response.values("x-echo")
        if echoed:
            assert number < len(requests), "answered more than was asked"
            assert echoed == [fingerprint(requests[number])]
            identities.append(requests[number].identity)
    return identities


@BOUNDED
@given(
    data=spoiled(RESPONSES).flatmap(in_pieces),
    then=st.sampled_from(["close", "rst"]),
    asked=st.sampled_from([REQUEST, REQUEST.replace(b"GET", b"HEAD"), REQUEST.replace(b"/1.1", b"/1.0")]),
)
def test_the_client_gets_one_valid_response_whatever_the_backend_sends(
    responses_stage: Stage, data: list[bytes], then: str, asked: bytes
) -> None:
    """And the next client gets its own."""
    responses_stage.run(_answer_with_spoiled_response(responses_stage.lane, asked, Answer(data, 0, then)))


async def _answer_with_spoiled_response(lane: Lane, asked: bytes, answer: Answer) -> None:
    method, is_old = parse_request(asked)[0].method, b"/1.0" in asked
    lane.backend.forget()
    lane.backend.script = lambda request: echo(request) if request.target == "/follow" else answer
    async with await RawClient.connect(lane.address) as client:
        await client.send(asked)
        try:
            response = await client.read_response(method)
        except NoResponseError:
            response = None
        leftover = bytes(client.received[client.position :])
    async with await RawClient.connect(lane.address) as other:
        await other.send(FOLLOW_UP)
        follow_up = await other.read_response()

    expected = _strict_reading(b"".join(answer.segments), method)
    context = (expected, response, leftover)
    assert not is_old or not client.interim, context
    assert follow_up.values("x-echo") == [fingerprint(parse_request(FOLLOW_UP)[0])], context
    assert response is not None or client.ended, context
    assert not leftover or response is None, context
    assert not is_old or response is None or response.framing != "chunked", context
    is_complete = response is not None and response.complete and client.ended != "rst"
    if response is not None and is_complete and response.status not in OWN_FAILURES:
        assert expected is not None, context
        assert (response.status, response.body) == (expected.status, expected.body), context


def _strict_reading(data: bytes, method: str) -> Response | None:
    """The final response in the bytes of a backend that then ends the connection, if there is a complete one."""
    position = 0
    with contextlib.suppress(MalformedError, IncompleteError):
        while True:
            response, position = parse_response(data, method, start=position, at_end=True, is_lenient=True)
            if response.status >= 200:
                return response if response.complete else None
    return None
