"""The sample backend is wrong in exactly the ways that the page shows."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from cors_gateway.cli.demo_site.backend import JOURNAL, backend_app
from cors_gateway.cli.demo_site.journal import MAX_CALLS, MAX_ID_LENGTH, MAX_RECORDS

ORIGIN = "https://anybody.example"

Client = TestClient[Request, Application]


@pytest.fixture
async def backend() -> AsyncIterator[Client]:
    async with TestClient(TestServer(backend_app())) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status", "lines"),
    [
        ("GET", "/api/products", 200, [("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Origin", "*")]),
        ("OPTIONS", "/api/products/7", 405, []),
        ("DELETE", "/api/products/7", 200, [("Access-Control-Allow-Origin", "*")]),
        ("GET", "/api/visits", 200, [("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Credentials", "true")]),
        ("GET", "/api/orders", 200, [("Access-Control-Allow-Origin", ORIGIN)]),
        ("GET", "/api/picture", 200, [("Access-Control-Allow-Origin", ORIGIN)]),
        ("GET", "/api/account", 200, [("Access-Control-Allow-Origin", ORIGIN), ("Access-Control-Allow-Credentials", "true")]),
        ("GET", "/api/broken", 500, []),
        ("GET", "/api/updates", 200, []),
    ],
)  # fmt: skip
async def test_each_endpoint_makes_its_mistake(
    method: str, path: str, status: int, lines: list[tuple[str, str]], backend: Client
) -> None:
    async with backend.request(method, path, headers={"Origin": ORIGIN}) as answer:
        sent = [line for line in answer.headers.items() if line[0].startswith(("Access-Control-", "Vary"))]

    assert (answer.status, sent) == (status, lines)


async def test_without_origin_it_allows_nobody_and_still_may_be_cached(backend: Client) -> None:
    async with backend.get("/api/picture") as answer:
        assert answer.headers["Cache-Control"] == "max-age=60"
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("cookie", "visits"), [("1", 2), ("41", 42), ("٣", 1), ("-1", 1), ("9999999", 1)])
async def test_visits_are_counted_in_a_cookie(cookie: str, visits: int, backend: Client) -> None:
    async with backend.get("/api/visits", cookies={"visits": cookie}) as answer:
        assert await answer.json() == {"visits": visits, "cookie_received": True}


async def test_a_product_keeps_what_was_put(backend: Client) -> None:
    async with backend.put("/api/products/7", json={"price": 15}) as answer:
        assert await answer.json() == {"id": "7", "saved": {"price": 15}}


async def test_the_journal_tells_what_arrived_for_a_call(backend: Client) -> None:
    async with backend.get("/api/broken", params={"call": "abc"}, headers={"Origin": ORIGIN}):
        pass
    async with backend.get("/api/orders", params={"call": "other"}):
        pass
    async with backend.get("/_journal/abc") as answer:
        [record] = await answer.json()

    assert (record["method"], record["path"], record["status"]) == ("GET", "/api/broken", 500)
    assert ["Origin", ORIGIN] in record["request"]


async def test_the_journal_is_bounded(backend: Client) -> None:
    journal = backend.app[JOURNAL]
    for number in range(MAX_CALLS + 1):
        async with backend.get("/healthz", params={"call": f"c{number}"}):
            pass
    for _ in range(MAX_RECORDS + 1):
        async with backend.get("/healthz", params={"call": "often"}):
            pass
    async with backend.get("/healthz", params={"call": "x" * (MAX_ID_LENGTH + 1)}):
        pass

    assert journal.records("c0") == []
    assert len(journal.records(f"c{MAX_CALLS}")) == 1
    assert len(journal.records("often")) == MAX_RECORDS
    assert journal.records("x" * (MAX_ID_LENGTH + 1)) == []
