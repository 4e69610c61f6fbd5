"""Running the response corpus: a backend that answers with raw bytes, and a second client afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.wire.corpus import Case
from tests.wire.gateway_process import free_port
from tests.wire.lanes import Lane
from tests.wire.raw_backend import Answer, Seen, echo
from tests.wire.raw_client import Conversation, NoResponseError, RawClient, converse
from tests.wire.streams import converse_on_streams, on_streams
from tests.wire.strict_http import MalformedError, Request, Response

ORIGIN = "https://app.example"
REQUEST = f"GET /ok HTTP/1.1\r\nHost: gw.test\r\nOrigin: {ORIGIN}\r\n\r\n".encode()
Asking = Callable[[Lane, Case], Awaitable[Conversation]]

FOLLOW_UP = b"GET /follow HTTP/1.1\r\nHost: gw.test\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Observation:
    """What the asking client, the client after it and the backend saw."""

    client: Conversation
    follow_up: Response | None
    backend: Seen

    @property
    def is_reused(self) -> bool:
        """Whether the follow-up came on a connection that had carried the case."""
        before = [
            c
            for c, r in zip(self.backend.connections, self.backend.requests, strict=True)
            if r.target != "/follow"
        ]
        after = [
            c
            for c, r in zip(self.backend.connections, self.backend.requests, strict=True)
            if r.target == "/follow"
        ]
        return any(connection in before for connection in after)


def method_of(case: Case) -> str:
    """The method of the request the case answers."""
    return (case.request or REQUEST).split(b" ")[0].decode()


async def ask_plainly(lane: Lane, case: Case) -> Conversation:
    """Send the request that the case answers."""
    return await converse(
        lane.address,
        [case.request or REQUEST],
        methods=[method_of(case)],
        is_close_expected=case.expect.get("client_close", False),
    )


async def ask_on_stream(lane: Lane, case: Case) -> Conversation:
    """The same in HTTP/2."""
    return await converse_on_streams(lane.address, on_streams(case.request or REQUEST))


def configuration(backend: tuple[str, int], asking: Asking = ask_plainly) -> dict[str, object]:
    """One policy, a listener that `asking` understands, and deadlines short enough to wait for."""
    address = f"127.0.0.1:{free_port()}"
    listen = {"address": address, "http2": "cleartext"} if asking is ask_on_stream else address
    return {
        "server": {"listen": [listen], "limits": {"request_body": "64MiB"}},
        "upstreams": {
            "backend": {
                "servers": [f"http://{backend[0]}:{backend[1]}"],
                "timeouts": {"connect": "2s", "response_head": "2s", "idle": "2s"},
                "keep_alive": {"idle": "20s"},
            }
        },
        "policies": {"open": {"allow_origins": [ORIGIN], "allow_credentials": True}},
        "routes": [{"name": "all", "path": "/", "upstream": "backend", "cors": "open"}],
    }


def has_streams(case: Case) -> bool:
    """Whether the request that the case answers has a meaning in HTTP/2."""
    return b" HTTP/1.0\r\n" not in case.request


async def run_case(lane: Lane, case: Case, asking: Asking = ask_plainly) -> Observation:
    """Ask, let the backend answer with the bytes of the case, then ask again from a new connection."""
    backend = lane.backend
    answer = Answer(case.segments, case.gap, case.then)
    is_upload = b"Content-Length" in case.request

    def script(request: Request) -> Answer:
        return echo(request) if request.target == "/follow" else answer

    def early_script(head: Request) -> Answer | None:
        return answer if is_upload and head.target != "/follow" else None

    backend.script, backend.early_script = script, early_script
    backend.played.clear()
    seen = backend.mark()
    conversation = await asking(lane, case)
    await asyncio.wait_for(backend.played.wait(), 30.0)
    return Observation(conversation, await _follow_up(lane), seen())


async def _follow_up(lane: Lane) -> Response | None:
    async with await RawClient.connect(lane.address) as client:
        await client.send(FOLLOW_UP)
        try:
            return await client.read_response()
        except (NoResponseError, MalformedError):
            return None
