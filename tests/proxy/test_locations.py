"""What a route does to requests besides CORS, over real sockets: one table for each key.

What it does to responses is in `test_location_responses.py`.
"""

import json
import re
from typing import Any

import pytest

from tests.proxy.stage import ORIGIN, Options, Starter, counts, listening, request, upstream
from tests.wire.raw_backend import RawBackend, accept_websocket, echo, reply
from tests.wire.strict_http import Request

READABLE = [ORIGIN]
"""Values of Access-Control-Allow-Origin on what a script may read."""
FROM = f"Origin: {ORIGIN}\r\n"
PREFLIGHT = FROM + "Access-Control-Request-Method: GET\r\n"
HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def only(backend: RawBackend) -> Request:
    """The one request that came."""
    ((_, request),) = backend.requests
    return request


@pytest.mark.parametrize(
    ("route", "asked", "target", "prefix"),
    [
        ({"path": "/api/", "replace_prefix": "/v1/"}, "/api/users?a=%zz", "/v1/users?a=%zz", []),
        ({"path": "/api/", "replace_prefix": "/v1/"}, "/api", "/v1", []),
        ({"path": "/api/", "replace_prefix": "/v1/"}, "/%61pi/%7Ex", "/v1/%7Ex", []),
        ({"path": "/", "replace_prefix": "/v1/"}, "/users", "/v1/users", []),
        ({"path": "/api/", "replace_prefix": "/api/"}, "/api//x", "/api//x", []),
        ({"path": "/api/", "replace_prefix": "/"}, "/api/users", "/users", ["/api"]),
        ({"path": "/api/", "strip_prefix": True}, "/api/users", "/users", ["/api"]),
        ({"path": "/api/", "strip_prefix": True}, "/api", "/", ["/api"]),
        ({"path": "/api/", "strip_prefix": True}, "/api//users", "/users", ["/api"]),
        ({"path": "/api/"}, "/api/users", "/api/users", []),
        ({"path": "/old", "match": "exact", "replace_prefix": "/new/x"}, "/old?a", "/new/x?a", []),
    ],
)
async def test_the_path_of_a_route_is_replaced(
    serving: Starter, backend: RawBackend, route: Options, asked: str, target: str, prefix: list[str]
) -> None:
    async with listening(backend), serving(upstream(backend), route=route) as stage:
        answers = [await stage.ask(f"GET {asked}") for _ in range(3)]

    assert [answer.status for answer in answers] == [200] * 3
    assert [request.target for _, request in backend.requests] == [target] * 3
    assert {tuple(request.values("X-Forwarded-Prefix")) for _, request in backend.requests} == {tuple(prefix)}


@pytest.mark.parametrize("rest", ["/%2Fevil.example/", "%2Fevil.example/", ";/evil.example"])
@pytest.mark.parametrize("line", ["GET", "OPTIONS"])
async def test_no_path_goes_on_that_names_a_host(
    serving: Starter, backend: RawBackend, line: str, rest: str
) -> None:
    route = {"path": "/api/", "strip_prefix": True}
    async with listening(backend), serving(upstream(backend), route=route) as stage:
        answer = await stage.ask(f"{line} /api/{rest}")

    assert (answer.status, json.loads(answer.body)["reason"]) == (400, "request_malformed")
    assert counts([backend]) == [0]


@pytest.mark.parametrize(
    ("redirect", "route", "asked", "location"),
    [
        ({"to": "https://www.example.com"}, {}, "/a%20b?c=/d", "https://www.example.com/a%20b?c=/d"),
        ({"to": "https://www.example.com/"}, {}, "/", "https://www.example.com/"),
        ({"to": "https://www.example.com/new/"}, {}, "/a", "https://www.example.com/new/a"),
        ({"to": "/new"}, {"path": "/old/", "strip_prefix": True}, "/old/a?b", "/new/a?b"),
        ({"to": "/"}, {"path": "/old/", "replace_prefix": "/new/"}, "/old/a", "/new/a"),
        ({"to": "/"}, {"path": "/old/", "strip_prefix": True}, "/old//evil.example", "/evil.example"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_route_sends_its_clients_elsewhere(
    serving: Starter,
    backend: RawBackend,
    redirect: Options,
    route: Options,
    asked: str,
    location: str,
    status: int,
) -> None:
    own = {"upstream": None, "redirect": {**redirect, "status": status}, **route}
    async with serving(upstream(backend), route=own) as stage:
        answers = [
            await stage.ask(f"{method} {asked}", FROM, body)
            for method, body in (("GET", b""), ("HEAD", b""), ("PUT", b"hello"))
        ]
        preflight = await stage.ask(f"OPTIONS {asked}", PREFLIGHT)
        stranger = await stage.ask(f"GET {asked}", "Origin: https://evil.example\r\n")

    for answer in answers:
        assert (answer.status, answer.values("Location"), answer.body) == (status, [location], b"")
        assert answer.values("Access-Control-Allow-Origin") == READABLE
        assert answer.values("Vary") == ["Origin"]
    assert (preflight.status, preflight.values("Access-Control-Allow-Origin")) == (204, READABLE)
    assert (stranger.status, stranger.values("Access-Control-Allow-Origin")) == (status, [])


async def test_a_stranger_is_refused_before_a_redirect(serving: Starter, backend: RawBackend) -> None:
    route = {"upstream": None, "redirect": {"to": "https://www.example.com"}}
    policy = {"on_disallowed_request": "reject"}
    async with serving(upstream(backend), route=route, policy=policy) as stage:
        answer = await stage.ask(fields="Origin: https://evil.example\r\n")

    assert (answer.status, answer.values("Location")) == (403, [])
    told = json.loads(answer.body)
    assert (told["reason"], "cause" in told) == ("origin_not_allowed", False)


@pytest.mark.parametrize("status", [403, 404, 410, 503])
async def test_a_route_is_closed_below_a_broader_one(
    serving: Starter, backend: RawBackend, status: int
) -> None:
    closed = {"name": "closed", "path": "/internal/", "refuse": status, "cors": "open"}
    async with listening(backend), serving(upstream(backend), routes=[closed]) as stage:
        answers = [
            await stage.ask("GET /internal/x", FROM),
            await stage.ask("POST /internal", FROM, b"hello"),
        ]
        head = await stage.ask("HEAD /internal/x", FROM)
        preflight = await stage.ask("OPTIONS /internal/x", PREFLIGHT)
        assert (await stage.ask("GET /internals", FROM)).status == 200

    for answer in answers:
        assert answer.status == status
        assert answer.values("Access-Control-Allow-Origin") == READABLE
        assert answer.values("Content-Type") == ["application/problem+json"]
        assert json.loads(answer.body)["reason"] == "route_closed"
    assert (head.status, head.body) == (status, b"")
    assert preflight.status == 204
    assert counts([backend]) == [1]


FORGED = [
    "X-Api-Key: forged\r\n",
    "x-api-key: a\r\nX-API-KEY: b\r\n",
    "X_Api_Key: forged\r\n",
    "x.api.key: forged\r\n",
]


@pytest.mark.parametrize("underscores", ["drop", "pass"])
@pytest.mark.parametrize("forged", ["", *FORGED])
async def test_a_field_that_is_set_takes_the_place_of_what_the_client_sent(
    serving: Starter, backend: RawBackend, forged: str, underscores: str
) -> None:
    route = {"request_headers": {"set": {"X-Api-Key": "s3cret", "X-City": "Köln"}}}
    server = {"underscore_headers": underscores}
    async with listening(backend), serving(upstream(backend), route=route, server=server) as stage:
        async with await stage.connect() as client:
            for cookie in ("a=1", "a=2"):
                await client.send(request("GET /", f"{forged}Cookie: {cookie}\r\n"))
                assert (await client.read_response("GET")).status == 200
        assert (await stage.ask("GET /", f"{forged}Connection: X-Api-Key\r\n")).status == 200

    for _, seen in backend.requests:
        alike = [pair for pair in seen.fields if re.sub("[_.]", "-", pair[0].lower()) == "x-api-key"]
        assert alike == [("X-Api-Key", "s3cret")]
        assert seen.values("X-City") == ["KÃ¶ln"]
    assert [seen.values("Cookie") for _, seen in backend.requests] == [["a=1"], ["a=2"], []]


@pytest.mark.parametrize(
    "fields", ["", "Via: 1.1 other\r\n", HANDSHAKE], ids=["plain", "long way", "websocket"]
)
async def test_fields_are_edited_whichever_way_a_request_takes(
    serving: Starter, backend: RawBackend, fields: str
) -> None:
    backend.script = lambda request: accept_websocket(request) if request.values("Upgrade") else echo(request)
    edits = {"set": {"Authorization": "Bearer gateway"}, "remove": ["Cookie", "X-Debug"]}
    async with (
        listening(backend),
        serving(upstream(backend), route={"request_headers": edits}) as stage,
        await stage.connect() as client,
    ):
        sent = f"Cookie: a=1\r\nauthorization: Basic x\r\nX_Debug: 1\r\nX-Kept: 1\r\n{fields}"
        await client.send(request("GET /", sent))
        assert (await client.read_response("GET")).status in {101, 200}

    seen = only(backend)
    assert [seen.values(name) for name in ("Cookie", "X-Debug", "X_Debug")] == [[], [], []]
    assert (seen.values("Authorization"), seen.values("X-Kept")) == (["Bearer gateway"], ["1"])


async def test_origin_is_kept_from_the_backend_besides(serving: Starter, backend: RawBackend) -> None:
    route = {"request_headers": {"remove": ["Cookie"]}}
    policy = {"forward_origin": "strip"}
    async with listening(backend), serving(upstream(backend), route=route, policy=policy) as stage:
        await stage.ask(fields=f"{FROM}Cookie: a=1\r\nAccept: x\r\n")

    seen = only(backend)
    assert [seen.values(name) for name in ("Origin", "Cookie", "Accept")] == [[], [], ["x"]]


@pytest.mark.parametrize(
    ("server", "route", "size", "status"),
    [
        ("1B", None, 2, 413),
        ("1KiB", None, 1024, 200),
        ("1KiB", None, 1025, 413),
        ("1KiB", "4KiB", 4096, 200),
        ("1KiB", "4KiB", 4097, 413),
        ("1KiB", "10B", 11, 413),
        ("1KiB", 0, 5000, 200),
        (0, "10B", 11, 413),
    ],
)
@pytest.mark.parametrize("is_chunked", [False, True], ids=["sized", "chunked"])
async def test_a_route_has_its_own_limit_for_bodies(
    serving: Starter, backend: RawBackend, server: Any, route: Any, size: int, status: int, is_chunked: bool
) -> None:
    limits: Options = {} if route is None else {"limits": {"request_body": route}}
    options: dict[str, Any] = {"server": {"limits": {"request_body": server}}, "route": limits}
    body = b"x" * size
    async with (
        listening(backend),
        serving(upstream(backend), **options) as stage,
        await stage.connect() as client,
    ):
        if is_chunked:
            framed = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)
            await client.send(request("POST /", FROM + "Transfer-Encoding: chunked\r\n") + framed)
        else:
            await client.send(request("POST /", FROM, body))
        answer = await client.read_response("POST")

    assert (answer.status, answer.values("Access-Control-Allow-Origin")) == (status, READABLE)
    assert [len(seen.body) for _, seen in backend.requests] == ([size] if status == 200 else [])


OWN, PARTNER, STRANGER = "https://own.example", "https://a.partner.example", "https://evil.example"
SEVERAL: dict[str, Any] = {
    "policies": {
        "own": {"allow_origins": [OWN], "allow_credentials": True, "allow_methods": ["PUT"]},
        "partners": {"allow_origins": ["https://*.partner.example"], "max_age": "1h"},
    },
    "route": {"cors": ["own", "partners"]},
}


@pytest.mark.parametrize(
    ("origin", "allowed", "credentials", "put"),
    [
        (OWN, [OWN], ["true"], 204),
        (PARTNER, [PARTNER], [], 403),
        (STRANGER, [], [], 403),
        ("null", [], [], 403),
        ("", [], [], 200),
    ],
)
async def test_the_first_policy_that_lists_the_origin_decides(
    serving: Starter, backend: RawBackend, origin: str, allowed: list[str], credentials: list[str], put: int
) -> None:
    field = f"Origin: {origin}\r\n" if origin else ""
    async with (
        listening(backend),
        serving(upstream(backend), **SEVERAL) as stage,
        await stage.connect() as client,
    ):
        for _ in range(3):  # the second and third are answered from memory
            await client.send(request("GET /", field))
            answer = await client.read_response("GET")
            assert answer.values("Access-Control-Allow-Origin") == allowed
            assert answer.values("Access-Control-Allow-Credentials") == credentials
            assert answer.values("Vary") == ["Origin"]
            await client.send(request("OPTIONS /", field + "Access-Control-Request-Method: PUT\r\n"))
            preflight = await client.read_response("OPTIONS")
            assert preflight.status == put
            await client.send(request("OPTIONS /", field + "Access-Control-Request-Method: GET\r\n"))
            preflight = await client.read_response("OPTIONS")
            assert preflight.values("Access-Control-Allow-Origin") == allowed
            assert preflight.values("Access-Control-Max-Age") == (["3600"] if origin == PARTNER else [])


async def test_routes_that_share_a_policy_share_no_preflight_if_their_lists_differ(
    serving: Starter, backend: RawBackend
) -> None:
    policies = {**SEVERAL["policies"], "star": {"allow_origins": ["*"]}}
    expected = {"list": (["*"], True), "own": ([], True), "star": (["*"], False)}
    cors = {"list": ["own", "star"], "own": "own", "star": "star"}
    routes = [
        {"name": name, "path": f"/{name}/", "upstream": "app", "cors": named} for name, named in cors.items()
    ]
    async with serving(upstream(backend), policies=policies, routes=routes) as stage:
        for _ in range(3):
            for name, (allowed, varies) in expected.items():
                asked = f"Origin: {STRANGER}\r\nAccess-Control-Request-Method: GET\r\n"
                answer = await stage.ask(f"OPTIONS /{name}/", asked)
                assert answer.values("Access-Control-Allow-Origin") == allowed
                assert ("Origin," in answer.values("Vary")[0]) is varies


async def test_routes_of_one_policy_share_no_response_if_one_sets_a_field(
    serving: Starter, backend: RawBackend
) -> None:
    edited = {
        "name": "edited",
        "path": "/edited/",
        "upstream": "app",
        "cors": "open",
        "response_headers": {"set": {"X-Route": "edited"}},
    }
    backend.script = lambda _: reply(200, [("ETag", "1")])
    async with (
        listening(backend),
        serving(upstream(backend), routes=[edited]) as stage,
        await stage.connect() as client,
    ):
        for _ in range(3):
            for path, values in (("/", []), ("/edited/", ["edited"])):
                for method, fields in (("GET", FROM), ("OPTIONS", PREFLIGHT)):
                    await client.send(request(f"{method} {path}", fields))
                    assert (await client.read_response(method)).values("X-Route") == values
