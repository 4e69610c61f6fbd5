"""Running the response corpus: a backend that answers with raw bytes, and a second client afterwards."""

import asyncio
from dataclasses import dataclass

from tests.wire.corpus import Case
from tests.wire.lanes import Lane
from tests.wire.raw_backend import Answer, Seen, echo
from tests.wire.raw_client import Conversation, NoResponseError, RawClient, converse
from tests.wire.strict_http import MalformedError, Request, Response

ORIGIN = "https://app.example"
REQUEST = f"GET /ok HTTP/1.1\r\nHost: gw.test\r\nOrigin: {ORIGIN}\r\n\r\n".encode()
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


def configuration(backend: tuple[str, int]) -> dict[str, object]:
    """One policy, and deadlines short enough to wait for."""
    return {
        "server": {"limits": {"request_body": "64MiB"}},
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


def method_of(case: Case) -> str:
    """The method of the request the case answers."""
    return (case.request or REQUEST).split(b" ")[0].decode()


async def run_case(lane: Lane, case: Case) -> Observation:
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
    conversation = await converse(
        lane.address,
        [case.request or REQUEST],
        methods=[method_of(case)],
        is_close_expected=case.expect.get("client_close", False),
    )
    await asyncio.wait_for(backend.played.wait(), 10.0)
    return Observation(conversation, await _follow_up(lane), seen())


async def _follow_up(lane: Lane) -> Response | None:
    async with await RawClient.connect(lane.address) as client:
        await client.send(FOLLOW_UP)
        try:
            return await client.read_response()
        except (NoResponseError, MalformedError):
            return None
