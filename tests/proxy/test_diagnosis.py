"""While an origin is diagnosed its refused preflights name what is allowed; nobody else notices, and nothing is left."""

import pytest

from tests.proxy.stage import ORIGIN, Stage, Starter, request, upstream
from tests.wire.raw_client import RawClient

OTHER, STRANGER = "https://other.example.com", "https://stranger.example"
POLICY = {"allow_origins": [ORIGIN, OTHER], "allow_methods": ["GET", "PUT"], "allow_headers": ["X-A"]}


def asks(origin: str = ORIGIN, method: str = "PUT", headers: str = "x-a", more: str = "") -> bytes:
    return request(
        "OPTIONS /",
        f"Origin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n"
        f"Access-Control-Request-Headers: {headers}\r\n{more}",
    )


async def answer(client: RawClient, asked: bytes) -> tuple[int, dict[str, str]]:
    """The status, and what the answer tells about CORS."""
    await client.send(asked)
    response = await client.read_response("OPTIONS")
    return response.status, {
        name: value for name, value in response.fields if name.startswith("Access-Control-")
    }


def count(stage: Stage, reason: str) -> int:
    return stage.gateway.metrics.route("all").decision("preflight", reason, "refused").count


@pytest.mark.parametrize("more", ["", f"traceparent: 00-{'1' * 32}-{'2' * 16}-01\r\n"])
@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"headers": "x-b"}, "header_not_allowed"),
        ({"method": "DELETE"}, "method_not_allowed"),
    ],
)
async def test_an_origin_is_told_what_is_missing_for_as_long_as_it_is_diagnosed(
    serving: Starter, asked: dict[str, str], reason: str, more: str
) -> None:
    """On one connection with the same bytes, so that every memory would have its chance."""
    preflight = asks(**asked, more=more)
    async with serving(upstream("http://127.0.0.1:9"), policy=POLICY) as stage:
        async with await stage.connect() as client, await stage.connect() as another:
            before = [await answer(client, preflight) for _ in range(3)]
            stage.gateway.diagnose([ORIGIN.encode()])
            meanwhile = [await answer(client, preflight) for _ in range(3)]
            meanwhile.append(await answer(another, preflight))
            others = [await answer(client, asks(OTHER, **asked)) for _ in range(3)]
            stage.gateway.diagnose([])
            after = [await answer(client, preflight) for _ in range(3)]

        assert before == after == others == [(403, {})] * 3
        for status, fields in meanwhile:
            assert status == 204
            assert fields["Access-Control-Allow-Origin"] == ORIGIN
            assert "x-a" in fields["Access-Control-Allow-Headers"]
            assert "x-b" not in fields["Access-Control-Allow-Headers"]
            assert "DELETE" not in fields["Access-Control-Allow-Methods"]
            assert "Access-Control-Max-Age" not in fields
        assert count(stage, reason) == 13


async def test_the_diagnosis_is_the_answer_of_a_policy_that_diagnoses(serving: Starter) -> None:
    preflight = asks(headers="x-b")
    async with serving(upstream("http://127.0.0.1:9"), policy=POLICY) as stage:
        stage.gateway.diagnose([ORIGIN.encode()])
        async with await stage.connect() as client:
            diagnosed = await answer(client, preflight)
        stage.gateway.diagnose([])
        stage.swap(upstream("http://127.0.0.1:9"), policy={**POLICY, "preflight_failure": "diagnose"})
        async with await stage.connect() as client:
            assert await answer(client, preflight) == diagnosed


async def test_it_survives_a_reload_and_leaves_everything_else_alone(serving: Starter) -> None:
    async with serving(upstream("http://127.0.0.1:9"), policy=POLICY) as stage:
        async with await stage.connect() as client:
            granted = await answer(client, asks())
            stage.gateway.diagnose([ORIGIN.encode(), STRANGER.encode()])
            stage.swap(upstream("http://127.0.0.1:9"), policy={**POLICY, "max_age": 60})

            assert (await answer(client, asks(headers="x-b")))[0] == 204
            assert await answer(client, asks(STRANGER)) == (403, {})
            status, fields = await answer(client, asks())
        assert (status, {**fields, "Access-Control-Max-Age": ""}) == (
            204,
            {**granted[1], "Access-Control-Max-Age": ""},
        )


async def test_a_route_that_edits_its_answers_edits_this_one(serving: Starter) -> None:
    route = {"response_headers": {"set": {"X-Checked": "yes"}}}
    async with serving(upstream("http://127.0.0.1:9"), policy=POLICY, route=route) as stage:
        stage.gateway.diagnose([ORIGIN.encode()])
        async with await stage.connect() as client:
            await client.send(asks(headers="x-b"))
            response = await client.read_response("OPTIONS")
    fields = dict(response.fields)

    assert response.status == 204
    assert (fields["X-Checked"], fields["Access-Control-Allow-Origin"]) == ("yes", ORIGIN)
