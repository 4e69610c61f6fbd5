"""Running the request corpus: the configuration it is written for, and the ways its bytes are cut."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.wire.corpus import Case
from tests.wire.lanes import Lane, ask
from tests.wire.raw_backend import Answer, accept_websocket, echo, reply
from tests.wire.raw_client import DEADLINE, RawClient, converse
from tests.wire.request_scoring import Observation, methods_of
from tests.wire.strict_http import Request, parse_requests

BARRIER = b"GET /barrier HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n"
PROBE = b"GET /alive HTTP/1.1\r\nHost: gw.test\r\n\r\n"

SHORT_TIMEOUTS = {"request_head": "1s", "request_body": "1s", "keep_alive": "2s", "send": "10s"}
LONG_TIMEOUTS = {"request_head": "20s", "request_body": "20s", "keep_alive": "20s", "send": "20s"}

MAX_BYTEWISE = 400  # longer messages are only cut at some points
GAP = 0.001  # seconds between pieces
SLOW = 1.0  # seconds; a case that waits for a deadline is not run again

UNFINISHED = {"ch-end-xx"}
"""Requests that never end to a gateway that drops trailers: it waits for the rest, and the client not that long."""


@dataclass(frozen=True, slots=True)
class Run:
    """A case sent whole, and again in pieces."""

    whole: Observation
    pieces: dict[str, Observation] = field(default_factory=dict)


def configuration(backend: tuple[str, int], timeouts: dict[str, str]) -> dict[str, Any]:
    """`/admin` allows nobody; everything else allows https://app.example with credentials."""
    return {
        "server": {"limits": {"request_body": "64MiB"}, "timeouts": timeouts},
        "upstreams": {"backend": {"servers": [f"http://{backend[0]}:{backend[1]}"]}},
        "policies": {
            "open": {
                "allow_origins": ["https://app.example"],
                "allow_methods": ["GET", "POST", "PUT", "DELETE", "PATCH"],
                "allow_headers": ["Content-Type", "Authorization"],
                "allow_credentials": True,
                "websocket_origin_check": True,
            }
        },
        "routes": [
            {"name": "admin", "path": "/admin", "upstream": "backend", "cors": "disabled"},
            {"name": "rest", "path": "/", "upstream": "backend", "cors": "open"},
        ],
    }


def backend_script(request: Request) -> Answer:
    """Echo, except for WebSocket handshakes, which /ws accepts and /ws-refuse does not."""
    if request.target == "/ws" and request.values("upgrade"):
        return accept_websocket(request)
    if request.target == "/ws-refuse":
        return reply(426, [("Upgrade", "websocket"), ("Connection", "Upgrade")])
    return echo(request)


def early_script(head: Request) -> Answer | None:
    """/early is answered before its body has arrived."""
    return reply(413, [("Connection", "close")], b"too big", then="hold") if head.target == "/early" else None


async def run_case(lane: Lane, case: Case) -> Run:
    """The case whole and, unless it has segments of its own or waits for a deadline, in pieces."""
    lane.backend.script, lane.backend.early_script = backend_script, early_script
    data = await adapted(lane, case)
    started = time.monotonic()
    whole = await observe(lane, case, case.segments if case.gap else [data], case.gap)
    run = Run(whole)
    if case.gap or time.monotonic() - started > SLOW:
        return run
    for name, segments in cuts(data):
        run.pieces[name] = await observe(lane, case, segments, GAP)
    return run


def cuts(data: bytes) -> list[tuple[str, Sequence[bytes]]]:
    """Ways to cut a message: at the places where parsers lose count, and at every byte when it is short."""
    ends = [match.start() for match in re.finditer(b"\r\n", data)]
    places = {1, len(data) // 2, len(data) - 1, *(end + 1 for end in (ends[:1] + ends[-2:]))}
    places |= {data.find(b"\r\n\r\n") + 4, data.find(b":") + 1}
    ways: list[tuple[str, Sequence[bytes]]] = [
        (f"cut at {place}", [data[:place], data[place:]]) for place in sorted(places) if 0 < place < len(data)
    ]
    if 1 < len(data) <= MAX_BYTEWISE:
        ways.append(("byte by byte", [data[i : i + 1] for i in range(len(data))]))
    return ways


async def observe(lane: Lane, case: Case, segments: Sequence[bytes], gap: float) -> Observation:
    """What one conversation with these segments came to."""
    seen = lane.backend.mark()
    conversation = await converse(
        lane.address,
        segments,
        gap=gap,
        methods=methods_of(case),
        half_close=case.half_close or _ends_in_the_middle(case),
        is_close_expected=case.expect["close"] is True,
        probe=PROBE if case.expect["close"] is False else b"",
        deadline=2 * SLOW if case.id in UNFINISHED else DEADLINE,
    )
    # A later request on a connection of its own: whatever the case set in motion has reached the backend by then.
    assert await ask(lane.address, BARRIER) == 200
    return Observation(conversation, seen())


def _ends_in_the_middle(case: Case) -> bool:
    # `EXTRA` behind a body may still become a method: only the end of the stream makes it a bad request.
    return case.expect["class"] == "forward_then_reject" and parse_requests(case.data)[1] == "incomplete"


async def adapted(lane: Lane, case: Case) -> bytes:
    """The bytes of the case, with what only a running gateway can tell."""
    if b"SELFID" in case.data:
        return case.data.replace(b"cors-gateway-SELFID", (await own_name(lane)).encode())
    if case.expect["class"] == "route_strict_or_400":
        # Neither policy grants anything to the origin in the corpus: only one that is allowed can tell them apart.
        return case.data.replace(b"https://evil.example", b"https://app.example")
    return case.data


async def own_name(lane: Lane) -> str:
    """The pseudonym the gateway writes into Via, read from a request it forwarded; its own format if there is none."""
    seen = lane.backend.mark()
    async with await RawClient.connect(lane.address) as client:
        await client.send(BARRIER)
        await client.read_response()
    via = ", ".join(value for request in seen().requests for value in request.values("via"))
    await asyncio.sleep(0)
    return via.rpartition(" ")[2] or "cors-gateway-SELFID"
