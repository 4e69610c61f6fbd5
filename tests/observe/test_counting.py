"""What the data path counts: every request once, under the outcome that it had."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cors_gateway.observe.metrics import Histogram, Metrics
from tests.observe.conftest import Event
from tests.proxy.stage import ORIGIN, Stage, listening, request, start, until, upstream
from tests.wire.raw_backend import Answer, RawBackend, Script, accept_websocket, bound_socket, reply

PREFLIGHT = f"Origin: {ORIGIN}\r\nAccess-Control-Request-Method: GET\r\n"
STRANGER = "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n"
HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@contextlib.asynccontextmanager
async def counting(
    directory: Path, timeouts: Mapping[str, Any] = {}, **options: Any
) -> AsyncIterator[tuple[Stage, RawBackend]]:
    with bound_socket() as sock:
        backend = RawBackend(sock)
        app = upstream(backend, timeouts=timeouts, retries=0)
        async with listening(backend), start(directory, app, **options) as stage:
            yield stage, backend


def metrics(stage: Stage) -> Metrics:
    return stage.gateway.metrics


def total(histogram: Histogram) -> int:
    return sum(histogram.counts)


def outcomes(stage: Stage) -> dict[str, int]:
    """How often each was, those that never were left out."""
    counted = metrics(stage).upstream("app").outcomes
    return {name: total(durations) for name, durations in counted.items() if total(durations)}


def answers(stage: Stage, name: str = "all") -> dict[tuple[str, int], int]:
    """Requests of a route by method and first digit of the status."""
    route = metrics(stage).route(name)
    return {
        (method.decode(), digit): count
        for method, counts in [*route.requests.items(), (b"other", route.other)]
        for digit, count in enumerate(counts)
        if count
    }


LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 10


@pytest.mark.parametrize(
    ("script", "status", "outcome"),
    [
        (lambda _: reply(200), 2, "ok"),
        (lambda _: reply(404), 4, "ok"),
        (lambda _: reply(500), 5, "server_error"),
        (lambda _: Answer([b"nonsense\r\n\r\n"]), 5, "upstream_invalid_response"),
        (lambda _: Answer([], then="rst"), 5, "upstream_reset"),
        (lambda _: Answer([], then="hold"), 5, "upstream_response_timeout"),
    ],
)
async def test_a_request_has_one_outcome(tmp_path: Path, script: Script, status: int, outcome: str) -> None:
    timeouts = {"response_head": "100ms"} if outcome == "upstream_response_timeout" else {}
    async with counting(tmp_path, timeouts) as (stage, backend):
        backend.script = script
        await stage.ask()

        assert outcomes(stage) == {outcome: 1}
        assert answers(stage) == {("GET", status): 1}
        assert total(metrics(stage).route("all").duration) == 1


async def test_a_backend_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async with counting(tmp_path) as (stage, backend):
        await backend.stop()
        await stage.ask()

        assert outcomes(stage) == {"upstream_refused": 1}
        assert total(metrics(stage).overhead) == 0


@pytest.mark.parametrize("end", ["close", "rst"])
async def test_a_response_that_breaks_off_is_no_answer(tmp_path: Path, end: str) -> None:
    async with counting(tmp_path) as (stage, backend):
        backend.script = lambda _: Answer([LARGE], then=end)
        async with await stage.connect() as client:
            await client.send(request())
            await client.wait_closed()

        assert outcomes(stage) == {"upstream_reset": 1}
        assert answers(stage) == {("GET", 2): 1}


async def test_a_client_that_leaves_says_nothing_about_the_backend(tmp_path: Path) -> None:
    async with counting(tmp_path) as (stage, backend):
        backend.script = lambda _: Answer([], then="hold")
        async with await stage.connect() as client:
            await client.send(request())
            await backend.until(lambda: backend.requests)
            client.reset()
        await until(lambda: answers(stage))

        assert (answers(stage), outcomes(stage)) == ({("GET", 4): 1}, {})


async def test_a_client_that_leaves_during_the_response_had_its_answer(tmp_path: Path) -> None:
    """As every stream of events ends."""
    async with counting(tmp_path) as (stage, backend):
        backend.script = lambda _: Answer([LARGE], then="hold")
        async with await stage.connect() as client:
            await client.send(request())
            await client.read_until(b"x" * 10)
            client.reset()
        await until(lambda: answers(stage))

        assert (answers(stage), outcomes(stage)) == ({("GET", 2): 1}, {"ok": 1})


async def test_a_body_that_is_too_large_says_nothing_about_the_backend(tmp_path: Path) -> None:
    server = {"limits": {"request_body": "100B"}}
    async with counting(tmp_path, server=server) as (stage, _):
        async with await stage.connect() as client:
            chunk = b"%x\r\n%b\r\n" % (200, b"x" * 200)
            await client.send(request("POST /", fields="Transfer-Encoding: chunked\r\n") + chunk)
            response = await client.read_response("POST")

        assert response.status == 413
        assert (answers(stage), outcomes(stage)) == ({("POST", 4): 1}, {})


async def test_what_was_forwarded_is_measured(tmp_path: Path) -> None:
    async with counting(tmp_path) as (stage, _):
        statuses = await stage.ask_many(5)
        duration, overhead = metrics(stage).route("all").duration, metrics(stage).overhead
        answered = metrics(stage).upstream("app").ok

        assert (statuses, total(overhead), total(answered)) == ([200] * 5, 5, 5)
        assert 0 < overhead.sum + answered.sum <= duration.sum


async def test_preflights_are_counted_the_first_time_and_from_memory(tmp_path: Path) -> None:
    async with counting(tmp_path) as (stage, _):
        for fields in (PREFLIGHT, PREFLIGHT, STRANGER, STRANGER, STRANGER):
            await stage.ask("OPTIONS /", fields=fields)
        decisions = metrics(stage).route("all").decisions

        assert answers(stage) == {("OPTIONS", 2): 2, ("OPTIONS", 4): 3}
        assert decisions["preflight", "allowed"].count == 2
        assert decisions["preflight", "origin_not_allowed"].count == 3


async def test_a_reload_goes_on_counting(tmp_path: Path) -> None:
    async with counting(tmp_path) as (stage, backend):
        for number in range(1, 4):
            await stage.ask(fields=f"Origin: {ORIGIN}\r\n")
            await stage.ask("OPTIONS /", fields=PREFLIGHT)
            stage.swap(upstream(backend))
            decisions = metrics(stage).route("all").decisions

            assert answers(stage) == {("GET", 2): number, ("OPTIONS", 2): number}
            assert [decisions[kind, "allowed"].count for kind in ("actual", "preflight")] == [number] * 2
            assert outcomes(stage) == {"ok": number}


async def test_what_needs_no_backend_has_no_duration(tmp_path: Path) -> None:
    """Thousands of preflights would make every quantile look good."""
    async with counting(tmp_path, route={"path": "/api"}) as (stage, _):
        await stage.ask("OPTIONS /api", fields=PREFLIGHT)
        await stage.ask("GET /else")
        durations = [total(metrics(stage).route(name).duration) for name in ("all", "_none")]

        assert (durations, total(metrics(stage).overhead)) == ([0, 0], 0)


async def test_a_tunnel_is_an_answer_and_a_request_that_lasts(tmp_path: Path) -> None:
    async with counting(tmp_path) as (stage, backend):
        backend.script = accept_websocket
        async with await stage.connect() as client:
            await client.send(request(fields=HANDSHAKE))
            await client.read_response()
            during = answers(stage)
            client.reset()
        await until(lambda: answers(stage))

        assert (during, answers(stage), outcomes(stage)) == ({}, {("GET", 1): 1}, {"ok": 1})


@pytest.mark.parametrize(
    ("line", "fields", "kind"),
    [
        ("GET /else", "", "not_cors"),
        ("GET /else", f"Origin: {ORIGIN}\r\n", "actual"),
        ("GET /else", "Via: 1.1 a\r\n", "not_cors"),
        ("OPTIONS /else", PREFLIGHT, "preflight"),
    ],
)
async def test_requests_without_a_route_have_a_place_of_their_own(
    tmp_path: Path, line: str, fields: str, kind: str
) -> None:
    async with counting(tmp_path, route={"path": "/api"}) as (stage, _):
        statuses = [(await stage.ask(line, fields=fields)).status for _ in range(3)]
        decisions = metrics(stage).route("_none").decisions

        assert (statuses, answers(stage, "_none")) == ([404] * 3, {(line.partition(" ")[0], 4): 3})
        counted = {outcome: tally.count for outcome, tally in decisions.items() if tally.count}
        assert counted == {(kind, "no_route"): 3}


@pytest.mark.parametrize("answer", [{"redirect": {"to": "https://www.example.com"}}, {"refuse": 404}])
async def test_a_route_that_answers_by_itself_counts_what_cors_came_to(
    tmp_path: Path, answer: dict[str, Any]
) -> None:
    async with counting(tmp_path, route={"upstream": None, **answer}) as (stage, _):
        for fields in ("", f"Origin: {ORIGIN}\r\n", f"Origin: {ORIGIN}\r\n"):
            await stage.ask(fields=fields)
        decisions = metrics(stage).route("all").decisions

        counted = {outcome: tally.count for outcome, tally in decisions.items() if tally.count}
        assert counted == {("not_cors", "not_cors"): 1, ("actual", "allowed"): 2}


def sends(*lines: str) -> Callable[[object], Answer]:
    head = "\r\n".join(["HTTP/1.1 200 OK", *lines, "Content-Length: 0", "", ""])
    return lambda _: Answer([head.encode()])


async def test_every_field_that_was_removed_is_counted_also_from_a_head_seen_before(tmp_path: Path) -> None:
    async with counting(tmp_path) as (stage, backend):
        backend.script = sends("Access-Control-Allow-Origin: *", "Access-Control-Max-Age: 5", "Vary: Accept")
        async with await stage.connect() as client:
            for _ in range(3):
                await client.send(request(fields=f"Origin: {ORIGIN}\r\n"))
                await client.read_response()
        backend.script = sends("Vary: Accept")
        await stage.ask()

        assert metrics(stage).route("all").stripped == 6


async def test_fields_that_are_left_alone_are_not_counted(tmp_path: Path) -> None:
    async with counting(tmp_path, route={"cors": "passthrough"}) as (stage, backend):
        backend.script = sends("Access-Control-Allow-Origin: *")
        await stage.ask(fields=f"Origin: {ORIGIN}\r\n")

        assert metrics(stage).route("all").stripped == 0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (f"Origin: {ORIGIN}\r\nAccess-Control-Request-Method: PATCH\r\n", "method_not_allowed"),
        (f"{PREFLIGHT}Access-Control-Request-Headers: x-trace\r\n", "header_not_allowed"),
        (STRANGER, "origin_not_allowed"),
    ],
)
async def test_a_preflight_on_trial_is_refused_in_the_counts_only(
    tmp_path: Path, fields: str, reason: str
) -> None:
    trial = {"allow_origins": [ORIGIN], "report_only": True}
    async with counting(tmp_path, route={"cors": trial}) as (stage, backend):
        for _ in range(2):
            await stage.ask("OPTIONS /", fields=fields)

        assert [seen.method for _, seen in backend.requests] == ["OPTIONS", "OPTIONS"]
        (refused,) = metrics(stage).refusals.latest()
        assert (refused.kind, refused.reason, refused.count) == ("preflight", reason, 2)
        assert refused.method in fields
        assert refused.headers == ("x-trace" if "x-trace" in fields else "")


@pytest.mark.parametrize("also", ["", "Via: 1.1 a\r\n"])
async def test_what_is_granted_is_no_refusal(tmp_path: Path, also: str) -> None:
    async with counting(tmp_path) as (stage, _):
        for fields in ("", f"Origin: {ORIGIN}\r\n", f"Origin: {ORIGIN}\r\n"):
            await stage.ask(fields=fields + also)
        async with await stage.connect() as client:
            for _ in range(4):
                await client.send(request("OPTIONS /", PREFLIGHT + also))
                await client.read_response()

        assert metrics(stage).refusals.latest() == []


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("line", ["GET /a?b", "OPTIONS /a?b"])
async def test_a_refusal_says_who_asked_for_what(tmp_path: Path, line: str, times: int) -> None:
    trial = {"allow_origins": [ORIGIN], "on_disallowed_request": "reject"}
    async with counting(tmp_path, route={"cors": trial}) as (stage, _):
        async with await stage.connect() as client:
            for _ in range(times):
                await client.send(request(line, STRANGER + "Access-Control-Request-Headers: x-a\r\n"))
                await client.read_response()

        (refused,) = metrics(stage).refusals.latest()
        is_preflight = line.startswith("OPTIONS")
        assert (refused.route, refused.origin, refused.reason) == (
            "all",
            "https://evil.example",
            "origin_not_allowed",
        )
        assert (refused.host, refused.path, refused.count) == ("gateway.test", "/a", times)
        assert (refused.kind, refused.headers) == (("preflight", "x-a") if is_preflight else ("actual", ""))


async def test_a_refusal_of_a_request_without_host_says_none(tmp_path: Path) -> None:
    async with counting(tmp_path) as (stage, _):
        async with await stage.connect() as client:
            await client.send(f"GET / HTTP/1.0\r\n{STRANGER}\r\n".encode())
            await client.read_response()

        (refused,) = metrics(stage).refusals.latest()
        assert refused.host == ""


async def test_a_request_that_is_not_understood_is_counted(tmp_path: Path) -> None:
    async with counting(tmp_path) as (stage, _):
        async with await stage.connect() as client:
            await client.send(request("POST /", "X A: 1\r\n"))
            assert (await client.read_response("POST")).status == 400

        assert answers(stage) == {("POST", 4): 1}


async def test_a_preflight_that_is_left_to_the_backend_counts_as_one(tmp_path: Path) -> None:
    async with counting(tmp_path, route={"cors": "passthrough"}) as (stage, _):
        await stage.ask("OPTIONS /", fields=PREFLIGHT)

        route = metrics(stage).route("all")
        assert [(tally.kind, tally.reason) for tally in route.decisions.values() if tally.count] == [
            ("preflight", "passthrough")
        ]


async def test_a_backend_that_contradicts_the_policy_is_reported_once(
    tmp_path: Path, events: list[Event]
) -> None:
    async with counting(tmp_path) as (stage, backend):
        backend.script = sends("Access-Control-Allow-Origin: *")
        for _ in range(3):
            await stage.ask(fields=f"Origin: {ORIGIN}\r\n")

    assert [(name, fields["route"], fields["headers"]) for name, _, fields in events] == [
        ("backend_cors_removed", "all", ["access-control-allow-origin"])
    ]


@pytest.mark.parametrize(
    ("line", "origin"),
    [("Access-Control-Allow-Origin: *", ""), (f"Access-Control-Allow-Origin: {ORIGIN}", ORIGIN)],
)
async def test_a_backend_that_contradicts_nothing_is_not_reported(
    tmp_path: Path, events: list[Event], line: str, origin: str
) -> None:
    async with counting(tmp_path) as (stage, backend):
        backend.script = sends(line)
        await stage.ask(fields=f"Origin: {origin}\r\n" if origin else "")

    assert events == []
