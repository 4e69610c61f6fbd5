"""What the admin listener answers to programs."""

from pathlib import Path

import pytest
import yaml

from cors_gateway.config.load import load
from cors_gateway.observe.figures import WorkerFigures
from cors_gateway.observe.prometheus import CONTENT_TYPE
from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.server.lifecycle import Phase
from tests.admin.conftest import Client
from tests.admin.stand_in import (
    ERROR,
    ORIGIN,
    TOKEN,
    WARNING,
    StandIn,
    read_snapshot,
    rejected,
    worker,
)


async def test_healthz_depends_on_nothing(process: StandIn, client: Client) -> None:
    process.lifecycle.enter(Phase.DRAINING)
    process.workers = []
    async with client.get("/healthz") as response:
        assert (response.status, await response.text()) == (200, "ok\n")


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        (Phase.STARTING, 503),
        (Phase.READY, 200),
        (Phase.RELOADING, 200),
        (Phase.DRAINING, 503),
        (Phase.STOPPED, 503),
    ],
)
async def test_readyz_tells_whether_traffic_is_welcome(
    process: StandIn, client: Client, phase: Phase, status: int
) -> None:
    process.lifecycle.phase = phase
    async with client.get("/readyz") as response:
        assert (response.status, await response.text()) == (status, f"{phase}\n")


async def test_a_reload_that_succeeds_says_what_changed(process: StandIn, client: Client) -> None:
    async with client.post("/reload") as response:
        answer = await response.json()

    assert (response.status, answer["ok"], answer["outcome"]) == (200, True, "applied")


async def test_a_reload_that_fails_is_a_conflict_with_all_problems(process: StandIn, client: Client) -> None:
    process.next_reload = rejected(ERROR, WARNING)
    async with client.post("/reload") as response:
        answer = await response.json()

    assert (response.status, answer["ok"]) == (409, False)
    assert answer["problems"] == [ERROR.as_dict(), WARNING.as_dict()]


async def test_a_browser_without_scripts_is_sent_back_to_the_page(process: StandIn, client: Client) -> None:
    headers = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with client.post("/reload", headers=headers, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, "/#configuration")
        assert response.headers["Cache-Control"] == "no-store"
    assert process.reloads.succeeded == 1


async def test_the_status_is_summed_over_workers(process: StandIn, client: Client) -> None:
    process.workers = [worker(1), worker(2, is_healthy=False, connections=4), WorkerFigures(3, 3)]
    process.counters.route("api").causes["origin_removed"] = 2
    process.counters.route("quiet")
    async with client.get("/status") as response:
        status = await response.json()

    assert (status["ready"], status["version"], status["generation"]) == (True, "1.2.3", 1)
    assert (status["connections"], status["active_requests"], status["tunnels"]) == (7, 4, 2)
    assert status["causes"] == {"api": {"origin_removed": 2}}
    assert status["upstreams"] == {
        "backend": [
            {
                "server": "http://127.0.0.1:9001",
                "healthy": True,
                "healthy_in_workers": 2,
                "active": 2,
                "idle": 4,
            },
            {
                "server": "http://127.0.0.1:9002",
                "healthy": False,
                "healthy_in_workers": 1,
                "active": 2,
                "idle": 4,
            },
        ]
    }
    assert [each.get("connections") for each in status["workers"]] == [3, 4, None]


async def test_the_summary_says_what_is_wrong_and_counts(process: StandIn, client: Client) -> None:
    process.workers = [worker(1), worker(2, is_healthy=False, connections=4), WorkerFigures(3, 3)]
    async with client.get("/summary") as response:
        summary = await response.json()

    assert (summary["ready"], summary["phase"], summary["version"]) == (True, "ready", "1.2.3")
    assert summary["complaints"] == [
        "Only 2 of 3 workers serve.",
        "Upstream backend: http://127.0.0.1:9002 not available.",
    ]
    assert (summary["workers"], summary["workers_serving"], summary["connections"]) == (3, 2, 7)
    assert [server["healthy"] for server in summary["upstreams"]["backend"]] == [True, False]
    assert summary["since_start"].keys() == {"requests", "preflights", "refused_origins", "server_errors"}


async def test_the_configuration_is_what_is_in_force_without_secrets(
    process: StandIn, client: Client, tmp_path: Path
) -> None:
    process.snapshot = read_snapshot(tmp_path)
    async with client.get("/config", headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        text = await response.text()

    assert TOKEN not in text
    assert yaml.safe_load(text)["server"]["timeouts"]["keep_alive"] == "75s"
    (tmp_path / "again.yaml").write_text(text)
    again = load(tmp_path / "again.yaml", {}).snapshot
    assert again is not None
    assert again.routes == process.snapshot.routes


async def test_metrics_are_for_prometheus(process: StandIn, client: Client) -> None:
    process.counters.route("api").count(b"GET", 200, 0.02)
    process.counters.route("api").decision("actual", "origin_not_allowed", "refused").count = 3
    async with client.get("/metrics") as response:
        text = await response.text()

    assert response.headers["Content-Type"] == CONTENT_TYPE
    assert 'cors_gateway_requests_total{method="GET",route="api",status_class="2xx"} 1.0' in text
    assert "cors_gateway_open_connections 3.0" in text
    assert 'reason="origin_not_allowed",route="api"} 3.0' in text


@pytest.mark.parametrize(
    ("query", "verdict", "reason"),
    [
        ({"url": "/api/x", "origin": ORIGIN}, "allowed", "allowed"),
        ({"url": "/api/x", "origin": ORIGIN, "method": "DELETE"}, "refused", "method_not_allowed"),
        ({"url": "/api/x", "origin": ORIGIN, "header": "x-a"}, "refused", "header_not_allowed"),
        ({"url": "/api/x", "origin": "https://evil.example"}, "refused", "origin_not_allowed"),
        ({"url": "http://www.example.com/", "origin": ORIGIN}, "refused", "cors_disabled"),
        ({"url": "/elsewhere", "origin": ORIGIN}, "refused", "no_route"),
        ({"url": "/api/x"}, "allowed", "not_cors"),
    ],
)
async def test_explanations_are_those_of_the_command_line(
    client: Client, query: dict[str, str], verdict: str, reason: str
) -> None:
    async with client.get("/explain", params=query) as response:
        answer = await response.json()

    assert (answer["verdict"], answer["reason"]) == (verdict, reason)


async def test_an_explanation_knows_headers_and_credentials(client: Client) -> None:
    query = [("url", "/api/x"), ("origin", ORIGIN), ("header", "X-A: 1\r\n\r\nx-b"), ("header", "x-c")]
    async with client.get("/explain", params=[*query, ("credentials", "true")]) as response:
        asked = (await response.json())["request"]

    assert asked["headers"] == [["X-A", "1"], ["x-b", None], ["x-c", None]]
    assert asked["credentials"] is True


@pytest.mark.parametrize("query", ["", "?origin=https://a.example", "?url=ftp://x", "?url=/&header=a%20b"])
async def test_what_cannot_be_sent_is_a_bad_request(client: Client, query: str) -> None:
    async with client.get(f"/explain{query}") as response:
        problem = await response.json(content_type="application/problem+json")

    assert (response.status, problem["title"]) == (400, "nothing to explain")
    assert problem["detail"]


async def test_explanations_follow_a_reload(process: StandIn, client: Client, tmp_path: Path) -> None:
    query = {"url": "/api/x", "origin": "https://new.example"}
    async with client.get("/explain", params=query) as response:
        assert (await response.json())["allowed"] is False
    text = (tmp_path / "gateway.yaml").read_text()
    process.snapshot = read_snapshot(tmp_path, text.replace(ORIGIN, "https://new.example"))
    process.open_to_all()
    async with client.get("/explain", params=query) as response:
        assert (await response.json())["allowed"] is True


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nowhere", 404, None),
        ("GET", "/static/../app.py", 404, None),
        ("GET", "/static/%2e%2e%2fapp.py", 404, None),
        ("GET", "/static/other.js", 404, None),
        ("GET", "/reload", 405, "POST"),
        ("DELETE", "/status", 405, "GET,HEAD"),
        ("POST", "/healthz", 405, "GET,HEAD"),
    ],
)
async def test_errors_are_problem_documents(
    client: Client, method: str, path: str, status: int, allow: str | None
) -> None:
    async with client.request(method, path) as response:
        problem = await response.json(content_type="application/problem+json")

    assert (response.status, problem["status"]) == (status, status)
    assert response.headers.get("Allow") == allow


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/live",
        "/status",
        "/healthz",
        "/readyz",
        "/metrics",
        "/config",
        "/explain?url=/",
        "/static/admin.css",
        "/none",
    ],
)
async def test_nothing_is_cached_framed_sniffed_or_read_by_others(client: Client, path: str) -> None:
    async with client.get(path) as response:
        headers = response.headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_head_is_get_without_a_body(client: Client) -> None:
    async with client.head("/status") as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_an_error_of_the_program_is_no_secret_and_no_end(process: StandIn, client: Client) -> None:
    process.workers = [{"connections": "x"}]  # type: ignore[list-item]
    async with client.get("/status") as response:
        problem = await response.json(content_type="application/problem+json")

    assert (response.status, problem["title"]) == (500, "internal server error")
    assert "Traceback" not in str(problem)


async def test_the_refused_origins_for_programs(process: StandIn, client: Client) -> None:
    process.remembered = [
        RefusedOrigin("api", ORIGIN, "method_not_allowed", "preflight", 3, 1.0, "DELETE", "h", "/")
    ]
    async with client.get("/refusals") as response:
        answer = await response.json()

    assert [RefusedOrigin(**row) for row in answer["refusals"]] == process.remembered
