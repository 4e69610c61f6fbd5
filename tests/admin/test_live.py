"""Watching through the admin listener, and diagnosis switched on there."""

import asyncio
import json
from typing import Any

import pytest

from cors_gateway.observe.feed import Interest
from tests.admin.conftest import Client
from tests.admin.stand_in import ORIGIN, StandIn

LIMIT = 30.0


def line(**fields: object) -> str:
    return json.dumps({"route": "api", "origin": ORIGIN, **fields})


async def test_what_happens_comes_as_events(process: StandIn, client: Client) -> None:
    async with asyncio.timeout(LIMIT):
        response = await client.get("/watch", params={"origin": ORIGIN, "route": "api"})
        assert response.content_type == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        assert await response.content.readuntil(b"\n\n") == (
            b'event: watching\ndata: {"origin": "https://app.example.com", "route": "api"}\n\n'
        )
        process.traffic.to_show = [line(), line(origin="https://other.example"), line(status=403)]

        assert await response.content.readuntil(b"\n\n") == f"data: {line()}\n\n".encode()
        assert await response.content.readuntil(b"\n\n") == f"data: {line(status=403)}\n\n".encode()
        assert process.traffic.interests == (Interest(ORIGIN, "api"),)


async def test_nothing_is_watched_when_the_reader_has_gone(process: StandIn, client: Client) -> None:
    async with asyncio.timeout(LIMIT):
        response = await client.get("/watch")
        await response.content.readuntil(b"\n\n")
        response.close()
        while process.traffic.interests:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)


async def test_the_stream_ends_with_the_process(process: StandIn, client: Client) -> None:
    async with asyncio.timeout(LIMIT):
        response = await client.get("/watch")
        await response.content.readuntil(b"\n\n")
        process.subscriptions.stop()

        assert await response.content.read() == b""


async def test_a_route_that_is_not_there_cannot_be_watched(client: Client) -> None:
    response = await client.get("/watch", params={"route": "nowhere"})

    assert (response.status, (await response.json())["title"]) == (404, "no such route")


async def test_a_diagnosis_begins_is_shown_and_ends(process: StandIn, client: Client) -> None:
    begun: dict[str, Any] = await (
        await client.post("/diagnoses", data={"origin": ORIGIN, "for": "5m"})
    ).json()
    shown = await (await client.get("/diagnoses")).json()
    page = (await (await client.get("/live")).json())["parts"]["diagnoses"]
    told = process.traffic.diagnosed
    ended = await (await client.post("/diagnoses", data={"origin": ORIGIN, "for": "0s"})).json()

    assert [(one["origin"], one["seconds_left"]) for one in begun["diagnoses"]] == [(ORIGIN, 300)]
    assert [one["origin"] for one in shown["diagnoses"]] == [ORIGIN]
    assert ORIGIN in page
    assert told == (ORIGIN,)
    assert ended == {"diagnoses": []}
    assert process.traffic.diagnosed == ()


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"origin": "app.example.com"}, 400, "write it as the browser does"),
        ({"origin": f"{ORIGIN}/"}, 400, "without a path"),
        ({"origin": "https://ä.example"}, 400, "not an origin"),
        ({}, 400, "not an origin"),
        ({"origin": ORIGIN, "for": "10"}, 400, 'write "10s"'),
        ({"origin": ORIGIN, "for": "2h"}, 409, "at most 3600 s"),
    ],
)
async def test_what_cannot_be_diagnosed_is_said(
    process: StandIn, client: Client, fields: dict[str, str], status: int, says: str
) -> None:
    response = await client.post("/diagnoses", data=fields)

    assert response.status == status
    assert says in (await response.json())["detail"]
    assert process.traffic.diagnosed == ()


async def test_another_page_cannot_switch_it_on(process: StandIn, client: Client) -> None:
    headers = {"Origin": "https://evil.example"}
    response = await client.post("/diagnoses", data={"origin": ORIGIN}, headers=headers)

    assert response.status == 403
    assert process.traffic.diagnosed == ()


async def test_a_browser_without_scripts_is_sent_back_to_the_page(client: Client) -> None:
    headers = {"Accept": "text/html"}
    response = await client.post(
        "/diagnoses", data={"origin": ORIGIN}, headers=headers, allow_redirects=False
    )

    assert (response.status, response.headers["Location"]) == (303, "/#live")
    await client.post("/diagnoses", data={"origin": ORIGIN, "for": "0s"})
